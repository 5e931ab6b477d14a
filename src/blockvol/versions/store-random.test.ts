/**
 * The version store under random use, against `VersionModel`: crashes of process and machine at any call of the disk, disks that
 * fill up, and bits that rot. Content and lists that rot are found out, never believed.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  everything,
  excess,
  MODEL_BLOCKS,
  mismatch,
  perform,
  VersionModel,
  type VersionStep,
} from '../../../test/blockvol/version-model.ts'
import { contentOf, dataVersion, VERSIONS, VersionRig } from '../../../test/blockvol/version-rig.ts'
import { drawKept } from '../../../test/sim/power-loss.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { isBlockError } from '../../base/errors.ts'

const blocks = fc.uniqueArray(fc.nat(MODEL_BLOCKS - 1), { minLength: 1, maxLength: MODEL_BLOCKS })
const steps: fc.Arbitrary<VersionStep> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('flush' as const), blocks, isShuffled: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'collect' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('given-up' as const), blocks }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), entries: fc.nat(8) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('repair' as const), block: fc.nat(MODEL_BLOCKS - 1) }),
  },
)

interface Planned {
  readonly step: VersionStep
  /** Calls of the disk after which the process dies, and whether the machine loses power; undefined: it lives. */
  readonly crash:
    | { readonly afterCalls: number; readonly isPowerLost: boolean; readonly seed: number }
    | undefined
}

const planned: fc.Arbitrary<Planned> = fc.record({
  step: steps,
  crash: fc.option(
    fc.record({ afterCalls: fc.integer({ min: 1, max: 25 }), isPowerLost: fc.boolean(), seed: fc.nat() }),
    { freq: 4, nil: undefined },
  ),
})

/** A store with its model. */
class World {
  readonly rig: VersionRig
  model = new VersionModel()

  constructor(seed: number) {
    this.rig = new VersionRig(seed)
  }

  async start(): Promise<void> {
    await this.rig.create()
    await this.rig.open()
  }

  /** Does the step; when the process dies in it, opens again, and does it again unless it took effect. */
  async run({ step, crash }: Planned): Promise<void> {
    const { rig, model } = this
    const after = model.after(step)
    if (step.kind === 'reopen') {
      await rig.close()
      await rig.open()
      return
    }
    const { process } = rig
    const died = new Promise<'died'>((resolve) => process.life.onEnd(() => resolve('died')))
    if (crash !== undefined) rig.crashAt = rig.calls + crash.afterCalls
    const done = perform(rig.store, model, step).then(() => 'done' as const)
    const end = await rig.until(Promise.race([done, died]))
    rig.crashAt = Number.POSITIVE_INFINITY
    if (end === 'died') {
      this.#crash(crash?.isPowerLost === true, crash?.seed ?? 0)
      await rig.open()
      const found = await rig.until(everything(rig.store))
      const wrong = mismatch(model, found)
      if (wrong !== undefined) expect(mismatch(after, found), wrong).toBeUndefined()
      await rig.until(perform(rig.store, model, step))
    }
    this.model = after
    // what was preserved for a history that was given up stays newer than the checkpoint until it is passed
    rig.checkpointLsn = Math.max(rig.checkpointLsn, after.checkpointLsn)
  }

  #crash(isPowerLost: boolean, seed: number): void {
    const { rig } = this
    const random = new SeededRandom(seed)
    rig.process.life.end()
    rig.process.disk.settleInFlight(random)
    rig.crash(isPowerLost ? rig.storage.afterPowerLoss(drawKept(random)) : undefined)
  }

  async check(): Promise<void> {
    const { rig } = this
    expect(mismatch(this.model, await rig.until(everything(rig.store)))).toBeUndefined()
  }

  /** What no snapshot sees goes, and nothing else. */
  async collectAll(): Promise<void> {
    const { rig, model } = this
    rig.store.collect(model.snapshots, model.headLsn)
    await rig.until(rig.store.settled())
    const found = await rig.until(everything(rig.store))
    expect(mismatch(model, found) ?? (await rig.until(excess(model, rig.store, found)))).toBeUndefined()
  }
}

/** All of `plan` with so many blocks free before each step, and again with more where that is refused. How often it was. */
async function onFullDisk(seed: number, freeBlocks: number, plan: readonly VersionStep[]): Promise<number> {
  const world = new World(seed)
  const { rig } = world
  await world.start()
  let refused = 0
  for (const step of plan) {
    await rig.until(rig.store.settled(), 1e9)
    rig.storage.capacityBytes = rig.storage.usedBytes + freeBlocks * 4096
    try {
      await world.run({ step, crash: undefined })
    } catch (error) {
      if (!isBlockError(error, 'NO_SPACE')) throw error
      refused++
      await world.check()
      rig.storage.capacityBytes = Number.POSITIVE_INFINITY
      await world.run({ step, crash: undefined })
    }
    await world.check()
  }
  rig.storage.capacityBytes = Number.POSITIVE_INFINITY
  rig.checkpointLsn = Number.MAX_SAFE_INTEGER
  await world.collectAll()
  await rig.close()
  return refused
}

describe('a version store under random use', () => {
  it('holds what snapshots see, over crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(planned, { minLength: 10, maxLength: 60 }), async (seed, plan) => {
        const world = new World(seed)
        await world.start()
        for (const each of plan) {
          await world.run(each)
          await world.check()
        }
        world.rig.checkpointLsn = Number.MAX_SAFE_INTEGER
        await world.collectAll()
        await world.rig.close()
        await world.rig.open()
        await world.check()
        await world.rig.close()
      }),
      { numRuns: 150 },
    )
  }, 120_000)

  it('refuses what does not fit a full disk, and holds what was there', async () => {
    let refusals = 0
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(12),
        fc.array(steps, { minLength: 10, maxLength: 30 }),
        async (seed, free, plan) => {
          refusals += await onFullDisk(seed, free, plan)
        },
      ),
      { numRuns: 60 },
    )
    expect(refusals).toBeGreaterThan(20)
  }, 120_000)

  it('does what it is asked while a try on a full disk fails at once, and not with the next try', async () => {
    const flush = (isShuffled: boolean, ...changed: number[]): VersionStep => ({
      ...{ kind: 'flush', blocks: changed, isShuffled },
    })
    const plan: VersionStep[] = [
      { kind: 'reopen' },
      flush(true, 2, 8),
      flush(false, 3),
      { kind: 'snapshot' },
      flush(false, 10, 8, 6, 9, 0, 2, 4),
      { kind: 'delete', nth: 5 },
      { kind: 'delete', nth: 3 },
      flush(true, 10, 4, 11, 9, 6, 5, 7, 2, 0),
      { kind: 'snapshot' },
      { kind: 'collect' },
      { kind: 'given-up', blocks: [4, 1, 8, 3, 5] },
      { kind: 'delete', nth: 3 },
      { kind: 'drop', entries: 7 },
      { kind: 'settle' },
      flush(false, 0, 4, 10, 6, 9, 5, 11, 2),
      flush(true, 2),
      flush(true, 2, 10, 6),
    ]
    await onFullDisk(3_082_635, 2, plan)
  })
})

describe('versions whose bits rot', () => {
  const COUNT = 700

  /** A store with one list of 700 versions of as many blocks, closed. */
  async function kept(seed: number): Promise<VersionRig> {
    const rig = new VersionRig(seed)
    await rig.create()
    await rig.open()
    await rig.preserve(
      Array.from({ length: COUNT }, (_, block) => dataVersion(block, 5)),
      10,
    )
    await rig.until(rig.store.settled())
    await rig.close()
    return rig
  }

  /** How many versions are right, and how many could not be had; throws for one that is wrong. */
  async function count(rig: VersionRig): Promise<{ right: number; bad: number; lost: number }> {
    const found = { right: 0, bad: 0, lost: 0 }
    const target = new Uint8Array(4096)
    for (let block = 0; block < COUNT; block++) {
      try {
        const version = await rig.until(rig.store.at(block, 9))
        if (version === undefined) throw new Error(`block ${block} has no version`)
        if (!(await rig.until(rig.store.read(version, target)))) found.bad++
        else if (Buffer.compare(target, contentOf(block, 5)) === 0) found.right++
        else throw new Error(`block ${block} is wrong`)
      } catch (error) {
        if (!isBlockError(error, 'MEDIUM')) throw error
        found.lost++
      }
    }
    return found
  }

  const fileOf = (rig: VersionRig, name: string): number => {
    const id = rig.storage.lookup(`${VERSIONS}/${name}`)
    if (id === undefined) throw new Error(`${name} is missing`)
    return id
  }
  const listOf = (rig: VersionRig): string =>
    rig.storage.list(VERSIONS).find((name) => name.endsWith('.list'))!

  it('are right, or bad and found by a scrub, after a bit of any data block changed', async () => {
    const rig = await kept(3)
    rig.storage.flipBit(fileOf(rig, '000000'), 77 * 4096 + 5, 3)
    await rig.open()
    expect(await count(rig)).toEqual({ right: COUNT - 1, bad: 1, lost: 0 })
    const found: number[] = []
    const options = {
      onBad: async (version: { block: number }) => {
        found.push(version.block)
      },
      pace: () => Promise.resolve(),
      goesOn: () => true,
    }
    const scrub = await rig.until(rig.store.scrub(options))
    expect(scrub).toEqual({
      versions: COUNT,
      verifiedBytes: COUNT * 4096,
      repairedPages: 0,
      lostPages: 0,
    })
    expect(found).toEqual([77])
  })

  it('are all right after a bit of the lists changed, and the page is whole again after a scrub', async () => {
    const bytes = await kept(4).then((rig) => rig.storage.cacheOf(fileOf(rig, listOf(rig))).sizeBytes)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes - 1), fc.nat(7), async (at, bit) => {
        const rig = await kept(4)
        rig.storage.flipBit(fileOf(rig, listOf(rig)), at, bit)
        await rig.open()
        expect(await count(rig)).toEqual({ right: COUNT, bad: 0, lost: 0 })
        const scrub = () =>
          rig.until(
            rig.store.scrub({
              onBad: () => Promise.reject(new Error('none is bad')),
              pace: () => Promise.resolve(),
              goesOn: () => true,
            }),
          )
        expect((await scrub()).repairedPages).toBe(1)
        expect((await scrub()).repairedPages).toBe(0)
      }),
      { numRuns: 12 },
    )
  }, 60_000)

  it('are lost where a page and its copy are, and only there; such a list is left as it is', async () => {
    const rig = await kept(5)
    const list = fileOf(rig, listOf(rig))
    // seven pages: six of records and one of index, then their copies
    rig.storage.flipBit(list, 2 * 4096 + 100, 1)
    rig.storage.flipBit(list, 9 * 4096 + 100, 1)
    await rig.open()
    const found = await count(rig)
    expect(found.bad).toBe(0)
    // those of the page, and the last before it, whose block may go on in it
    expect(found.lost).toBeGreaterThanOrEqual(127)
    expect(found.lost).toBeLessThanOrEqual(129)
    expect(found.right).toBe(COUNT - found.lost)
    rig.checkpointLsn = 100
    rig.store.collect([], () => Promise.resolve(50))
    await rig.until(rig.store.settled())
    expect(await count(rig)).toEqual(found)
    const scrub = await rig.until(
      rig.store.scrub({ onBad: () => Promise.resolve(), pace: () => Promise.resolve(), goesOn: () => true }),
    )
    expect(scrub).toMatchObject({ lostPages: 1, repairedPages: 0 })
    // a history can be given up all the same
    await rig.until(rig.store.dropAbove(3))
    await rig.until(rig.store.settled())
    expect(await rig.until(rig.store.of(0))).toEqual([])
    await expect(rig.until(rig.store.of(300))).rejects.toMatchObject({ code: 'MEDIUM' })
  })

  it('are all right after the index and its copy were lost', async () => {
    const rig = await kept(6)
    const list = fileOf(rig, listOf(rig))
    for (const page of [6, 13]) rig.storage.flipBit(list, page * 4096 + 40, 1)
    await rig.open()
    expect(await count(rig)).toEqual({ right: COUNT, bad: 0, lost: 0 })
    const scrub = await rig.until(
      rig.store.scrub({ onBad: () => Promise.resolve(), pace: () => Promise.resolve(), goesOn: () => true }),
    )
    expect(scrub).toMatchObject({ lostPages: 0, repairedPages: 1 })
  })

  it('are all right after a bit of either slot of the manifest changed, and not opened after one of both', async () => {
    for (const slot of [0, 1]) {
      const rig = await kept(7)
      rig.storage.flipBit(fileOf(rig, 'manifest'), slot * 65_536 + 60, 1)
      await rig.open()
      expect(await count(rig)).toEqual({ right: COUNT, bad: 0, lost: 0 })
    }
    const rig = await kept(7)
    for (const slot of [0, 1]) rig.storage.flipBit(fileOf(rig, 'manifest'), slot * 65_536 + 60, 1)
    await expect(rig.open()).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('are not opened when a list is missing', async () => {
    const rig = await kept(8)
    await rig.until(rig.process.disk.remove(`${VERSIONS}/${listOf(rig)}`))
    await expect(rig.open()).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})
