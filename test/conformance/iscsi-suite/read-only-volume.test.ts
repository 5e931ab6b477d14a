import { expect, it } from 'vitest'
import { MIB } from '../../../src/base/units.ts'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { senseOf } from '../../../src/iscsi/pdu/scsi-response.ts'
import { MemoryDevice } from '../../e2e/iscsi/memory-device.ts'
import { pattern, read10, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'

const WRITE_PROTECTED = { key: 7, code: [0x27, 0x00] }

it.each([
  ['WRITE (10)', write10(0, 1), 512],
  ['WRITE (16)', '8a 00 0000000000000000 00000001 00 00', 512],
  ['WRITE AND VERIFY (10)', '2e 00 00000000 00 0001 00', 512],
  ['WRITE SAME (16)', '93 00 0000000000000000 00000001 00 00', 512],
  ['UNMAP', '42 00 00000000 00 0018 00', 24],
  ['COMPARE AND WRITE', '89 00 0000000000000000 000000 01 00 00', 1024],
])(
  'SBC-3, write protection: %s to a write protected medium ends with DATA PROTECT, and reads go on',
  async (_name, cdb, bytes) => {
    const device = new MemoryDevice({ sizeBytes: 64 * MIB, readOnly: true })
    const h = new SessionHarness({ device })
    const data =
      bytes === 24
        ? Uint8Array.of(0, 22, 0, 16, ...new Array(11).fill(0), 1, 0, 0, 0, 8, 0, 0, 0, 0)
        : pattern(bytes)
    h.command(cdb, { write: true, expectedDataTransferLength: bytes }, data)
    const [response] = await h.settled()
    expect(response?.pdu).toMatchObject({ opcode: Opcode.scsiResponse, status: 2 })
    const sense = senseOf(response!.data)
    expect([(sense[2] ?? 0) & 0x0f, [...sense.slice(12, 14)]]).toEqual([
      WRITE_PROTECTED.key,
      WRITE_PROTECTED.code,
    ])
    h.command(read10(0, 1), { read: true, expectedDataTransferLength: 512 })
    expect(await h.settled()).toMatchObject([
      { pdu: { opcode: Opcode.dataIn, status: 0 }, data: new Uint8Array(512) },
    ])
    expect(device.counts.writes).toBe(0)
  },
)
