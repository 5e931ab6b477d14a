/**
 * Power losses while base blocks are put. At each sync, before it takes effect, everything that was written since the
 * last ones may be there or not, in any combination and torn. Whatever the disk then has: an entry of the map never has
 * the content of another version, and the session that follows ends with the same volume.
 */
import { describe, expect, it } from 'vitest'
import type { BareVolume } from '../../../test/blockvol/bare-volume.ts'
import {
  applyAll,
  copyAll,
  filledBlock,
  inVirtualTime,
  LiveLane,
  SIZE_BLOCKS,
  Side,
} from '../../../test/blockvol/resync-pair.ts'
import { crashStates, type StateLimits } from '../../../test/crash/states.ts'
import type { Scheduler } from '../../../test/sim/scheduler.ts'
import type { Storage } from '../../../test/sim/storage.ts'
import { isBlockError } from '../../base/errors.ts'
import { blockChecksum } from '../checksum.ts'

const LIMITS: StateLimits = {
  subsetsOf: 4,
  singles: true,
  tornShapes: ['first', 'first-half', 'all-but-first'],
}

/** What each block held at any time, by what its blocks are filled with; 0 for zeros. */
type Versions = Map<number, Set<number>>

const ZEROS = 0
const firstWord = (content: Uint8Array): number => new Uint32Array(content.buffer, content.byteOffset)[0]!

async function play(on: BareVolume, versions: Versions, round: number): Promise<void> {
  const note = (block: number, value: number): void => {
    const known = versions.get(block) ?? new Set([ZEROS])
    versions.set(block, known.add(value))
  }
  for (const block of [0, 1, 2, 3, 40, 41, 255, 256, 600]) {
    if ((block + round) % 3 === 0) continue
    const value = round * 10_000 + block + 1
    note(block, value)
    await on.write(block, filledBlock(value))
  }
  for (let block = 1030; block < 1040; block++) note(block, round)
  await on.writeSame(1030, 10, filledBlock(round))
  await on.trim(round % 2 === 0 ? 40 : 1035, 2)
}

interface Prepared {
  readonly source: BareVolume
  readonly versions: Versions
  readonly base: number
  readonly target: number
  readonly storage: Storage
}

/** A replica that has a part of the history, and content of its own where it goes on differently. */
async function prepare(scheduler: Scheduler): Promise<Prepared> {
  const [sourceSide, sinkSide] = [new Side(scheduler, 1), new Side(scheduler, 1000)]
  await sourceSide.create()
  await sinkSide.create()
  const source = await sourceSide.open()
  const versions: Versions = new Map()
  await play(source, versions, 1)
  const base = source.lsn
  const follower = await sinkSide.open()
  await applyAll(follower, source.shipped)
  await play(follower, versions, 2)
  await follower.checkpoint()
  await follower.forget(base, base)
  await follower.close()
  await play(source, versions, 3)
  await source.checkpoint()
  await play(source, versions, 4)
  const target = source.lsn
  await sinkSide.restartLog(target)
  await play(source, versions, 5)
  return { source, versions, base, target, storage: sinkSide.storage.afterPowerLoss(() => 'all') }
}

async function resync(
  { source, base, target }: Prepared,
  sink: BareVolume,
  isFlushing: boolean,
): Promise<void> {
  const unknown = await sink.forget(target, base)
  const lane = new LiveLane(source, sink, target)
  await lane.send(isFlushing ? 2 : 0)
  const between = async (): Promise<void> => {
    if (isFlushing) await sink.checkpoint()
    if (isFlushing) await lane.send(1)
  }
  await copyAll(source.source({ base, target, unknown }), sink, between, 4)
  await lane.send()
}

async function expectNoOtherVersion(
  volume: BareVolume,
  { versions }: Prepared,
  label: string,
): Promise<void> {
  for (let block = 0; block < SIZE_BLOCKS; block++) {
    const known = versions.get(block) ?? new Set([ZEROS])
    const { kind, lsn } = await volume.entry(block)
    try {
      const value = firstWord(await volume.read(block))
      if (!known.has(value)) expect.fail(`${label}: block ${block} reads as ${value}`)
    } catch (error) {
      if (!isBlockError(error, 'MEDIUM')) throw error
      if (kind !== 'unknown')
        expect.fail(`${label}: block ${block}, version ${lsn}, is not what its entry says`)
    }
  }
}

describe('a page that a power loss left half written', () => {
  it.each([
    ['its first sectors', [[4096, 6144]] as const, SIZE_BLOCKS],
    ['nothing of it', 'none' as const, SIZE_BLOCKS],
    ['its first sectors, behind the end so far', [[4096, 6144]] as const, 256],
  ])('is whole before a checkpoint makes it look damaged (%s)', (_, kept, sizeBlocks) =>
    inVirtualTime(4, async (scheduler) => {
      const side = new Side(scheduler, 1)
      await side.create()
      await side.restartLog(100)
      const disks: Storage[] = []
      side.restart(side.storage, {
        onCall: (kind, path) => {
          if (kind === 'datasync' && path.endsWith('.map')) disks.push(side.storage.fork())
        },
      })
      const volume = await side.open({ isFilling: true })
      const data = filledBlock(5)
      const content = { checksum: blockChecksum(data, 456, 50), data }
      await volume.sink.put([{ block: 456, lsn: 50, isVersion: false, content }])
      await volume.sink.settle()
      expect(disks).toHaveLength(1)
      side.restart(disks[0]!.afterPowerLoss((one) => (one.path.endsWith('.map') ? kept : 'all')))
      let again = await side.open({ isFilling: true })
      await again.forget(100, 0, sizeBlocks)
      await again.close()
      // the next session's log begins here, whatever pages it visits
      await side.restartLog(150)
      again = await side.open({ isFilling: true })
      expect(await again.entry(456)).toMatchObject({ kind: 'empty' })
      expect(again.damagedSectors).toBe(0)
    }),
  )
})

describe('a power loss while the base comes', () => {
  it.each([
    ['alone', false, 50],
    ['beside flushes of the log', true, 200],
  ])('never leaves an entry with another version (%s)', async (_, isFlushing, statesMin) => {
    let states = 0
    await inVirtualTime(3, async (scheduler) => {
      const prepared = await prepare(scheduler)
      const { source, target, base } = prepared
      const side = new Side(scheduler, 2000)
      // a disk for each sync that is about to happen
      const disks: { readonly at: string; readonly storage: Storage }[] = []
      side.restart(prepared.storage, {
        onCall: (kind, path) => {
          if (kind === 'datasync') disks.push({ at: `${disks.length} ${path}`, storage: side.storage.fork() })
        },
      })
      await resync(prepared, await side.open({ isFilling: true }), isFlushing)
      expect(disks.length).toBeGreaterThan(4)
      for (const { at, storage } of disks) {
        for (const { label, kind, build } of crashStates(storage, undefined, LIMITS)) {
          states++
          side.restart(build())
          let sink = await side.open({ isFilling: true })
          await expectNoOtherVersion(sink, prepared, `${at}, ${kind} ${label}`)
          expect(sink.damagedSectors, `${at}, ${kind} ${label}: what was torn is not damage`).toBe(0)
          if (states % 13 !== 0) continue
          await sink.forget(target, base)
          await sink.close()
          await side.restartLog(target)
          sink = await side.open({ isFilling: true })
          await resync(prepared, sink, isFlushing)
          sink.filled()
          await sink.checkpoint()
          await sink.close()
          sink = await side.open()
          for (let block = 0; block < SIZE_BLOCKS; block++) {
            const [found, meant] = [firstWord(await sink.read(block)), firstWord(await source.read(block))]
            if (found !== meant) expect.fail(`${at}, ${label}: block ${block} ends as ${found}, not ${meant}`)
          }
          expect(sink.damagedSectors, `${at}, ${label}: no page is behind the others`).toBe(0)
        }
      }
    })
    expect(states).toBeGreaterThan(statesMin)
  })
})
