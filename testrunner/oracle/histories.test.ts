/** No history that hosts may see is blamed, and nothing that is wrong goes unseen. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isBlockError } from '../../src/base/errors.ts'
import { BlockStates, type Loss, type MomentStates } from './block-states.ts'
import { BlockWork } from './block-work.ts'
import { type Fate, MemoryDisk } from './memory-disk.ts'

const BLOCKS = 6
const { signal } = new AbortController()

type Step =
  | { readonly kind: 'write'; readonly block: number; readonly fate: Fate }
  | { readonly kind: 'arrive'; readonly nth: number }
  | { readonly kind: 'flush' | 'settle' | 'read' }
  /** `keep`: of each block, how many of its newest writes are lost if they may be. */
  | { readonly kind: 'lose'; readonly loss: Loss; readonly lost: readonly number[] }
  /** A snapshot, in the middle of a write of `block`. */
  | { readonly kind: 'snapshot'; readonly block: number; readonly isBefore: boolean }
  | { readonly kind: 'restore' }
  /** `inner` happens when `outer` was carried out and its answer is still on the way. */
  | { readonly kind: 'during'; readonly outer: Step; readonly inner: readonly Step[] }

const block = fc.nat(BLOCKS - 1)
const single: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      block,
      fate: fc.oneof(
        { weight: 4, arbitrary: fc.constant('done' as const) },
        { weight: 1, arbitrary: fc.constantFrom('done, lost' as const, 'late' as const) },
      ),
    }),
  },
  fc.record({ kind: fc.constant('arrive' as const), nth: fc.nat(5) }),
  fc.record({ kind: fc.constantFrom('flush' as const, 'settle' as const, 'read' as const) }),
  fc.record({
    kind: fc.constant('lose' as const),
    loss: fc.constantFrom('unflushed' as const, 'unsettled' as const),
    lost: fc.array(fc.nat(4), { minLength: BLOCKS, maxLength: BLOCKS }),
  }),
  fc.record({ kind: fc.constant('snapshot' as const), block, isBefore: fc.boolean() }),
  fc.record({ kind: fc.constant('restore' as const) }),
)

const command: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    block,
    fate: fc.constantFrom('done' as const, 'late' as const),
  }),
  fc.record({ kind: fc.constantFrom('flush' as const, 'read' as const) }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: single },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('during' as const),
      outer: command,
      inner: fc.array(single, { minLength: 1, maxLength: 3 }),
    }),
  },
)

/** A volume as it really is, beside the oracle that only sees answers. */
class Scene {
  readonly disk = new MemoryDisk(BLOCKS)
  readonly work = new BlockWork(new BlockStates(), 7)
  /** Contents that each block had since it was last made safe, oldest first. */
  #history: Record<Loss, Uint8Array[][]>
  #snapshot: { readonly content: Uint8Array; readonly moment: MomentStates } | undefined

  constructor() {
    this.work.states.grow(BLOCKS)
    this.#history = { unflushed: this.#now().map((one) => [one]), unsettled: this.#now().map((one) => [one]) }
  }

  async run(one: Step): Promise<void> {
    const { states } = this.work
    switch (one.kind) {
      case 'write':
        this.disk.fate = one.fate
        await this.#write(one.block)
        break
      case 'arrive':
        this.disk.arrive(one.nth)
        this.#note()
        break
      case 'flush': {
        const { during } = this.disk
        const { era } = states
        // durable when it is carried out, known to be when it is answered
        let safe = this.#now()
        this.disk.during = async () => {
          safe = this.#now()
          await during?.()
        }
        await this.work.flush(this.disk, signal)
        if (era === states.era)
          this.#history.unflushed = this.#history.unflushed.map((all, i) => newer(all, safe[i]!))
        break
      }
      case 'during':
        this.disk.during = async () => {
          for (const inner of one.inner) await this.run(inner)
        }
        await this.run(one.outer)
        this.disk.during = undefined
        break
      case 'settle':
        states.settled()
        this.#safe('unsettled')
        break
      case 'read':
        await this.read()
        break
      case 'lose':
        for (const [i, lost] of one.lost.entries()) {
          const contents = this.#history[one.loss][i]!
          this.disk.block(i).set(contents[Math.max(0, contents.length - 1 - lost)]!)
        }
        this.#note()
        states.allow(one.loss)
        break
      case 'snapshot': {
        const before = states.range(0, BLOCKS)
        let content = this.disk.content.slice()
        await this.#write(one.block)
        if (!one.isBefore) content = this.disk.content.slice()
        this.#snapshot = { content, moment: states.since(before) }
        break
      }
      case 'restore':
        if (this.#snapshot === undefined) return
        this.disk.content.set(this.#snapshot.content)
        states.rewind(this.#snapshot.moment)
        this.#safe('unflushed')
        this.#safe('unsettled')
        break
    }
  }

  async read(): Promise<void> {
    for (let i = 0; i < BLOCKS; i++) await this.work.read(this.disk, i, 1, signal)
    if (this.#snapshot === undefined) return
    const snapshot = new MemoryDisk(BLOCKS)
    snapshot.content.set(this.#snapshot.content)
    const { moment } = this.#snapshot
    await this.work.readAt(snapshot, { first: 0, count: BLOCKS }, { moment, label: 'snapshot' }, signal)
  }

  async #write(number: number): Promise<void> {
    if (!this.work.states.takeRange(number, 1)) return
    const { during } = this.disk
    this.disk.during = async () => {
      this.#note()
      await during?.()
    }
    try {
      await this.work.write(this.disk, number, 1, signal)
    } catch (error) {
      if (!isBlockError(error)) throw error
    } finally {
      this.work.states.release(number)
    }
  }

  #now(): Uint8Array[] {
    return Array.from({ length: BLOCKS }, (_, i) => this.disk.block(i).slice())
  }

  #note(): void {
    for (const history of Object.values(this.#history)) {
      for (const [i, contents] of history.entries()) {
        const now = this.disk.block(i)
        if (Buffer.compare(contents.at(-1)!, now) !== 0) contents.push(now.slice())
      }
    }
  }

  #safe(loss: Loss): void {
    this.#history[loss] = this.#history[loss].map((_, i) => [this.disk.block(i).slice()])
    this.#note()
  }
}

/** From `content` on; all of it when that was lost meanwhile. */
function newer(contents: readonly Uint8Array[], content: Uint8Array): Uint8Array[] {
  const at = contents.findLastIndex((one) => Buffer.compare(one, content) === 0)
  return contents.slice(Math.max(0, at))
}

async function after(steps: readonly Step[]): Promise<Scene> {
  const scene = new Scene()
  for (const one of steps) await scene.run(one)
  return scene
}

it('blames no history that may happen', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await (await after(steps)).read()
    }),
    { numRuns: 400 },
  )
})

type Harm = (disk: MemoryDisk, number: number, older: Uint8Array) => void
const HARMS: Readonly<Record<string, Harm>> = {
  'a stale block': (disk, number, older) => disk.block(number).set(older),
  'a lost first write': (disk, number) => disk.block(number).fill(0),
  'a misplaced block': (disk, number) => disk.block(number).set(disk.block((number + 1) % BLOCKS)),
  'a block of which a half is older': (disk, number, older) =>
    disk.block(number).set(older.subarray(2048), 2048),
  'a flipped bit': (disk, number) => {
    disk.block(number)[4095]! ^= 1
  },
  'a damaged stamp': (disk, number) => {
    disk.block(number)[0]! ^= 1
  },
  'bytes of nobody': (disk, number) => disk.block(number).fill(0x5a),
}

it.each(Object.entries(HARMS))('finds %s after any history', async (_name, harm) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), block, async (steps, number) => {
      const scene = await after(steps)
      const { disk, work } = scene
      // two writes that were answered: whatever was forgiven before, only the second may be there
      for (const one of [number, (number + 1) % BLOCKS])
        await scene.run({ kind: 'write', block: one, fate: 'done' })
      const older = disk.block(number).slice()
      await scene.run({ kind: 'write', block: number, fate: 'done' })
      await work.read(disk, number, 1, signal)
      harm(disk, number, older)
      await expect(work.read(disk, number, 1, signal)).rejects.toMatchObject({
        code: 'DATA_MISMATCH',
        evidence: { volume: 'v1', offset_bytes: number * 4096, as_of: 'now' },
      })
    }),
    { numRuns: 60 },
  )
})

it('knows what a flush covered, after any history', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), block, async (steps, number) => {
      const scene = await after(steps)
      const { disk, work } = scene
      await scene.run({ kind: 'write', block: number, fate: 'done' })
      const early = disk.block(number).slice()
      await scene.run({ kind: 'write', block: number, fate: 'done' })
      await scene.run({ kind: 'flush' })
      const flushed = disk.block(number).slice()
      await scene.run({ kind: 'write', block: number, fate: 'done' })
      work.states.allow('unflushed')
      disk.block(number).set(flushed)
      await work.read(disk, number, 1, signal)
      disk.block(number).set(early)
      await expect(work.read(disk, number, 1, signal)).rejects.toMatchObject({ code: 'DATA_MISMATCH' })
    }),
    { numRuns: 60 },
  )
})

it('a restore is not undone by a loss', async () => {
  const scene = new Scene()
  await scene.run({ kind: 'write', block: 0, fate: 'done' })
  await scene.run({ kind: 'snapshot', block: 1, isBefore: true })
  await scene.run({ kind: 'restore' })
  scene.work.states.allow('unflushed')
  scene.disk.block(0).fill(0)
  await expect(scene.work.read(scene.disk, 0, 1, signal)).rejects.toMatchObject({ code: 'DATA_MISMATCH' })
})

it('says which write was found, and which was expected', async () => {
  const scene = new Scene()
  for (let i = 0; i < 3; i++) await scene.run({ kind: 'write', block: 2, fate: 'done' })
  const older = scene.disk.block(2).slice()
  await scene.run({ kind: 'write', block: 2, fate: 'done' })
  scene.disk.block(2).set(older)
  const failure = await scene.work.read(scene.disk, 2, 1, signal).catch((error: unknown) => error)
  expect(failure).toMatchObject({
    message: 'v1 at byte 8192: it holds write 3 of this place, not write 4',
    evidence: { expected: 'write 4', found_generation: 3, first_bytes: expect.stringMatching(/^4273/) },
  })
})
