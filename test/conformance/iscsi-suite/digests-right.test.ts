import { expect, it } from 'vitest'
import { pattern, read10, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'
import { DIGESTS } from './damage.ts'
import { solicited } from './tags.ts'

it('RFC 7143 §13.1: header and data digests cover every PDU, with immediate, unsolicited and solicited data', async () => {
  const h = new SessionHarness({
    parameters: { ...DIGESTS.parameters, firstBurstLengthBytes: 8192, maxBurstLengthBytes: 8192 },
  })
  const data = pattern(20 * 1024 + 512)
  const tag = h.command(
    write10(0, 41),
    { write: true, final: false, expectedDataTransferLength: data.byteLength },
    data.subarray(0, 4096),
  )
  h.dataOut({ initiatorTaskTag: tag, bufferOffset: 4096 }, data.subarray(4096, 8192))
  let bursts = solicited(await h.settled())
  while (bursts.length > 0) {
    for (const { targetTransferTag, bufferOffset, lengthBytes } of bursts) {
      const segment = data.subarray(bufferOffset, bufferOffset + lengthBytes)
      h.dataOut({ initiatorTaskTag: tag, targetTransferTag, bufferOffset }, segment)
    }
    bursts = solicited(await h.settled())
  }
  h.command(read10(0, 41), { read: true, expectedDataTransferLength: data.byteLength })
  // The harness throws when a digest of the session's own PDUs is wrong.
  const back = (await h.settled()).map(({ data: piece }) => piece)
  expect(Buffer.concat(back).equals(data)).toBe(true)
  expect(h.ends).toEqual([])
})
