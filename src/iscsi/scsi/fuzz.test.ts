import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../base/units.ts'
import { COMMANDS } from './command-table.ts'
import { STATUS } from './task.ts'
import { Harness, hexOf } from './testing.ts'

const STATUSES: readonly number[] = Object.values(STATUS)

/** Any bytes, and CDBs that pass the usage map of some command, which get further. */
const anyCdb = fc.uint8Array({ minLength: 16, maxLength: 16 })
const plausibleCdb = fc
  .tuple(fc.constantFrom(...COMMANDS.commands), fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean())
  .map(([command, noise, isSmall]) => {
    const cdb = Uint8Array.from(noise, (byte, i) => byte & (command.mask[i] ?? 0))
    // addresses and lengths of full width are out of range almost always: keep their low bytes only
    if (isSmall) for (let i = 2; i < 13; i++) if (i !== 5 && i !== 8 && i !== 9) cdb[i] = 0
    cdb[0] = command.opcode
    if (command.serviceAction !== undefined) {
      cdb[1] = ((cdb[1] ?? 0) & 0xe0) | command.serviceAction
    }
    return cdb
  })

describe('any CDB with any data', () => {
  it('gets a status, and data within what was asked for; buffers come back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            cdb: fc.oneof(anyCdb, plausibleCdb, plausibleCdb, plausibleCdb),
            dataOut: fc.oneof(
              fc.uint8Array({ maxLength: 64 }),
              fc.constantFrom(512, 1024, 131072).map((length) => new Uint8Array(length)),
            ),
            dataInMax: fc.constantFrom(0, 1, 36, 255, 65536),
            isCached: fc.boolean(),
          }),
          { maxLength: 20 },
        ),
        async (requests) => {
          const h = new Harness(new MemoryDevice({ sizeBytes: MIB }))
          for (const { cdb, dataOut, dataInMax, isCached } of requests) {
            h.device.isCached = isCached
            const result = await h.send(hexOf(cdb), { dataOut, dataInMax })
            const sent = result.dataIn?.byteLength ?? 0
            expect(STATUSES).toContain(result.status)
            expect(result.sense !== undefined).toBe(result.status === STATUS.CHECK_CONDITION)
            expect(sent).toBeLessThanOrEqual(dataInMax)
            expect(sent).toBeLessThanOrEqual(result.transferLengthBytes)
            expect(Number.isSafeInteger(result.transferLengthBytes)).toBe(true)
            expect(h.pool.lentBytes).toBe(0)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
