import { expect, it } from 'vitest'
import { Opcode, RejectReason } from '../../../src/iscsi/pdu/opcodes.ts'
import { senseOf } from '../../../src/iscsi/pdu/scsi-response.ts'
import { pattern, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS, damageNext } from './damage.ts'
import { solicited } from './tags.ts'

const PROTOCOL_SERVICE_CRC_ERROR = [0x47, 0x05]

it('RFC 7143 §7.8: a damaged data PDU is rejected, and its task ends with CHECK CONDITION when all data has come', async () => {
  const h = new SessionHarness({
    parameters: { ...DIGESTS.parameters, maxBurstLengthBytes: 4096, maxOutstandingR2t: 2 },
  })
  const data = pattern(16384)
  const tag = h.command(write10(0, 32), { write: true, expectedDataTransferLength: data.byteLength })
  const [first, second] = solicited(h.received())
  const send = (burst: typeof first): void => {
    const { targetTransferTag, bufferOffset } = burst!
    const segment = data.subarray(bufferOffset, bufferOffset + 4096)
    h.dataOut({ initiatorTaskTag: tag, targetTransferTag, bufferOffset }, segment)
  }
  damageNext(h, 1000)
  send(first)
  // The second burst is under way: no answer yet, and no further R2T.
  expect(h.received().map(({ pdu }) => pdu)).toMatchObject([
    { opcode: Opcode.reject, reason: RejectReason.dataDigestError },
  ])
  send(second)
  const [response, ...others] = await h.settled()
  expect(others).toEqual([])
  expect(response?.pdu).toMatchObject({ opcode: Opcode.scsiResponse, status: 2, initiatorTaskTag: tag })
  expect([...senseOf(response!.data)].slice(12, 14)).toEqual(PROTOCOL_SERVICE_CRC_ERROR)
  expect([h.device.counts.writes, h.pool.lentBytes, h.budget.usedBytes, h.ends]).toEqual([0, 0, 0, []])

  const again = h.command(
    write10(0, 8),
    { write: true, expectedDataTransferLength: 4096 },
    data.subarray(0, 4096),
  )
  expect(await h.settled()).toMatchObject([{ pdu: { initiatorTaskTag: again, status: 0 } }])
})
