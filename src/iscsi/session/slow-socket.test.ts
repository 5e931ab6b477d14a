import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pattern, read10, SessionHarness, write10 } from '../../../test/e2e/iscsi/session-harness.ts'
import { Opcode } from '../pdu/opcodes.ts'
import type { OutputBatch } from './output-queue.ts'

const PLACES = 8
const PLACE_BLOCKS = 128
const content = Array.from({ length: PLACES }, (_, i) => pattern(PLACE_BLOCKS * 512, i))

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      place: fc.nat(PLACES - 1),
      blocks: fc.constantFrom(1, 8, 31, 33, 128),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('write' as const), place: fc.nat(PLACES - 1) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'ready' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'take' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'arrive' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'hold' as const }, { kind: 'letGo' as const }) },
)

it('answers carry the right bytes however long they wait in the socket', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const h = new SessionHarness({
        parameters: { maxSendDataSegmentLengthBytes: 40_000 },
        budgetBytes: 400_000,
      })
      for (const [i, bytes] of content.entries()) await h.device.write(i * PLACE_BLOCKS * 512, bytes)
      const expected = new Map<number, Uint8Array>()
      const socket: OutputBatch[] = []
      const arrive = (): void => {
        const batch = socket.shift()
        for (const { pdu, data } of batch === undefined ? [] : h.deliver(batch)) {
          if (pdu.opcode !== Opcode.dataIn) continue
          const wanted = expected.get(pdu.initiatorTaskTag)!
          const part = wanted.subarray(pdu.bufferOffset, pdu.bufferOffset + data.byteLength)
          expect(Buffer.compare(data, part)).toBe(0)
        }
      }
      const take = (): void => {
        const batch = h.session.takeOutput()
        if (batch !== undefined) socket.push(batch)
      }
      for (const action of steps) {
        switch (action.kind) {
          case 'read': {
            const expectedDataTransferLength = action.blocks * 512
            const tag = h.nextTag()
            expected.set(tag, content[action.place]!)
            const cdb = read10(action.place * PLACE_BLOCKS, action.blocks)
            h.command(cdb, { read: true, expectedDataTransferLength, initiatorTaskTag: tag })
            break
          }
          case 'write': {
            const data = content[action.place]!.subarray(0, 4096)
            h.command(
              write10(action.place * PLACE_BLOCKS, 8),
              { write: true, expectedDataTransferLength: 4096 },
              data,
            )
            break
          }
          case 'ready':
            h.command('00 00 00 00 00 00')
            break
          case 'hold':
            h.device.hold()
            break
          case 'letGo':
            h.device.letGo()
            await new Promise((resolve) => setImmediate(resolve))
            break
          case 'take':
            take()
            break
          case 'arrive':
            arrive()
            break
        }
      }
      h.device.letGo()
      await new Promise((resolve) => setImmediate(resolve))
      for (take(); socket.length > 0; take()) arrive()
      expect([h.pool.lentBytes, h.budget.usedBytes]).toEqual([0, 0])
    }),
    { numRuns: 300 },
  )
})
