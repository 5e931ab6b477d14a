import { expect, it } from 'vitest'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS, damageNext } from './damage.ts'
import { opcodes } from './tags.ts'

it('RFC 7143 §7.8: the answer to damaged immediate data waits for the unsolicited data that follows it', async () => {
  const h = new SessionHarness(DIGESTS)
  const data = pattern(8192)
  damageNext(h, 500)
  const tag = h.command(
    write10(0, 16),
    { write: true, final: false, expectedDataTransferLength: data.byteLength },
    data.subarray(0, 4096),
  )
  expect(opcodes(h.received())).toEqual([Opcode.reject])
  h.dataOut({ initiatorTaskTag: tag, bufferOffset: 4096, final: false }, data.subarray(4096, 6144))
  expect(h.received()).toEqual([])
  h.dataOut({ initiatorTaskTag: tag, bufferOffset: 6144, dataSn: 1 }, data.subarray(6144))
  expect(await h.settled()).toMatchObject([{ pdu: { opcode: Opcode.scsiResponse, status: 2 } }])
  expect([h.device.counts.writes, h.pool.lentBytes, h.ends]).toEqual([0, 0, []])
})
