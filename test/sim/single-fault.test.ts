/**
 * One error of the disk, at every place where a workload can meet one: each read, write and sync in turn fails once.
 * Afterwards the volume is closed or its process dies, it is opened again, and must hold all that was flushed; and
 * hold it over a power loss too, because the kernel forgets which pages a failed sync has not written.
 */
import { describe, expect, it } from 'vitest'
import { isBlockError } from '../../src/base/errors.ts'
import { KIB } from '../../src/base/units.ts'
import { outcomeOf } from './client.ts'
import type { FaultKind } from './faults.ts'
import { blocks, Rig } from './rig.ts'

/** Of a failed sync or write, chance decides what reached the disk. */
const SEEDS = 4

type After = 'close' | 'kill'

/** What a host does: it goes on after errors, and tries again later. */
async function work(rig: Rig): Promise<void> {
  const { client, volume } = rig
  await client.write(blocks(1, 2))
  await client.flush()
  await client.write({ firstSector: 9, sectors: 3 })
  await client.trim(blocks(2))
  await outcomeOf(volume.checkpoint())
  await client.write(blocks(1))
  await client.write({ ...blocks(300), fua: true })
  await outcomeOf(volume.setFrontendState(Buffer.from('state'.repeat(200))))
  await outcomeOf(volume.checkpoint())
  await client.write(blocks(5))
  await client.flush()
}

/** Runs with the `n`-th operation of that kind failing. Returns false when there is no such operation. */
async function withFault(kind: FaultKind, n: number, after: After, seed: number): Promise<boolean> {
  let isHit = true
  await Rig.run({ seed, sizeBytes: 2 * 1024 * KIB, logBytes: 128 * KIB }, async (rig) => {
    rig.faults.rates = { cacheMiss: 0.9 }
    rig.faults.arm(kind, '', n)
    await work(rig)
    isHit = rig.faults.counts[kind] > 0
    if (after === 'close') await outcomeOf(rig.volume.close())
    rig.faults.stop()
    rig.storage.healPages()
    if (after === 'kill') rig.killProcess()
    await rig.open()
    await rig.verify('power')
    expect(await rig.client.write(blocks(9))).toBe('ok')
    await rig.volume.checkpoint()
    expect(rig.volume.status().health).toBe('healthy')
    rig.losePower()
    await rig.open()
    await rig.verify('process')
  })
  return isHit
}

describe('one error of the disk', () => {
  for (const kind of ['readError', 'writeError', 'syncError'] as const) {
    for (const after of ['close', 'kill'] as const) {
      it(`loses nothing that was flushed: ${kind} anywhere, then ${after}`, async () => {
        const failures: string[] = []
        let n = 0
        for (let isHit = true; isHit && n < 200; n++) {
          for (let seed = 1; seed <= SEEDS; seed++) {
            isHit = await withFault(kind, n, after, seed).catch((error: unknown) => {
              const code = isBlockError(error) ? `${error.code}: ` : ''
              const message = error instanceof Error ? error.message : String(error)
              failures.push(`${kind} ${n}, seed ${seed}: ${code}${message}`)
              return true
            })
          }
        }
        expect(n).toBeGreaterThan(kind === 'readError' ? 4 : 15)
        expect(failures).toEqual([])
      })
    }
  }
})
