import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DirtyKind, DirtyMap } from './dirty-map.ts'

const BLOCKS = 48
/** The tested stretch crosses 2^32, where 32-bit block numbers would wrap. */
const BASE = 2 ** 32 - BLOCKS / 2

interface Version {
  readonly kind: DirtyKind
  readonly lsn: number
  readonly position: number
  readonly checksum: number
  readonly seedBlock: number
}

/** What the dirty map must know: per generation, oldest first, the newest version of each block. */
interface Model {
  lsn: number
  newestLsn: number
  readonly generations: Map<number, Version>[]
}

type Command = fc.Command<Model, DirtyMap>

const versionIn = (map: DirtyMap, block: number): Version | undefined => {
  const kind = map.lookup(block)
  if (kind === 'clean') return undefined
  const { lsn, position, checksum, seedBlock } = map
  return { kind, lsn, position, checksum, seedBlock }
}

/** Every block, looked up in both. */
function compare(model: Model, map: DirtyMap): void {
  for (let block = BASE - 1; block <= BASE + BLOCKS; block++) {
    const newest = model.generations.findLast((generation) => generation.has(block))
    const found = versionIn(map, block)
    const meant = newest?.get(block)
    expect(found?.kind, `block ${block - BASE}`).toBe(meant?.kind)
    if (meant?.kind === 'zeros') expect(found?.lsn).toBe(meant.lsn)
    else expect(found).toEqual(meant)
  }
}

class Write implements Command {
  readonly #first: number
  readonly #blocks: number
  constructor(first: number, blocks: number) {
    this.#first = first
    this.#blocks = blocks
  }
  check = (): boolean => true
  run(model: Model, map: DirtyMap): void {
    const lsn = ++model.lsn
    for (let block = this.#first; block < this.#first + this.#blocks; block++) {
      const version = { kind: 'data', lsn, position: lsn * 7, checksum: lsn * 13, seedBlock: block } as const
      map.active.putBlock(block, lsn, version.position, version.checksum)
      model.generations.at(-1)?.set(block, version)
    }
    compare(model, map)
  }
  toString = (): string => `write(${this.#first - BASE}, ${this.#blocks})`
}

class Cover implements Command {
  readonly #first: number
  readonly #blocks: number
  readonly #isPattern: boolean
  constructor(first: number, blocks: number, isPattern: boolean) {
    this.#first = first
    this.#blocks = blocks
    this.#isPattern = isPattern
  }
  check = (): boolean => true
  run(model: Model, map: DirtyMap): void {
    const lsn = ++model.lsn
    const [start, end] = [this.#first, this.#first + this.#blocks]
    const [position, checksum] = this.#isPattern ? [lsn * 7, lsn * 13] : [-1, 0]
    map.active.putRange({
      start,
      end,
      lsn,
      patternPosition: position,
      patternChecksum: checksum,
      patternBlock: start,
      isTouched: false,
    })
    const kind = this.#isPattern ? 'pattern' : 'zeros'
    for (let block = start; block < end; block++) {
      model.generations.at(-1)?.set(block, { kind, lsn, position, checksum, seedBlock: start })
    }
    compare(model, map)
  }
  toString = (): string => `${this.#isPattern ? 'pattern' : 'trim'}(${this.#first - BASE}, ${this.#blocks})`
}

class Freeze implements Command {
  check = (): boolean => true
  run(model: Model, map: DirtyMap): void {
    const frozen = map.freeze()
    const lsns = [...(model.generations.at(-1)?.values() ?? [])].map(({ lsn }) => lsn)
    model.newestLsn = Math.max(model.newestLsn, ...lsns)
    expect(frozen.newestLsn).toBe(model.newestLsn)
    model.generations.push(new Map())
    compare(model, map)
  }
  toString = (): string => 'freeze'
}

class Drop implements Command {
  check = (model: Model): boolean => model.generations.length > 1
  run(model: Model, map: DirtyMap): void {
    map.drop(map.frozen!)
    model.generations.shift()
    compare(model, map)
  }
  toString = (): string => 'drop'
}

const spans = fc.tuple(fc.nat(BLOCKS - 1), fc.integer({ min: 1, max: 12 })).map(([offset, length]) => ({
  first: BASE + offset,
  blocks: Math.min(length, BLOCKS - offset),
}))

describe('the dirty map', () => {
  it('finds the newest version of every block through writes, ranges, freezes and drops', () => {
    const commands = fc.commands<Model, DirtyMap>(
      [
        spans.map(({ first, blocks }) => new Write(first, blocks)),
        fc.tuple(spans, fc.boolean()).map(([{ first, blocks }, p]) => new Cover(first, blocks, p)),
        fc.constant(new Freeze()),
        fc.constant(new Drop()),
      ],
      { maxCommands: 60 },
    )
    fc.assert(
      fc.property(commands, (list) => {
        fc.modelRun(
          () => ({
            model: { lsn: 0, newestLsn: 0, generations: [new Map<number, Version>()] },
            real: new DirtyMap(),
          }),
          list,
        )
      }),
      { numRuns: 200 },
    )
  })

  it('counts blocks and ranges over all generations, and is empty when all are', () => {
    const map = new DirtyMap()
    expect(map.isEmpty).toBe(true)
    expect(map.frozen).toBeUndefined()
    map.active.putBlock(1, 1, 0, 0)
    const frozen = map.freeze()
    expect(map.frozen).toBe(frozen)
    map.active.putBlock(1, 2, 0, 0)
    map.active.putRange({
      start: 5,
      end: 9,
      lsn: 3,
      patternPosition: -1,
      patternChecksum: 0,
      patternBlock: 5,
      isTouched: false,
    })
    expect([map.blockCount, map.rangeCount]).toEqual([2, 1])
    map.drop(frozen)
    expect([map.blockCount, map.rangeCount, map.isEmpty]).toEqual([1, 1, false])
  })

  it('drops generations oldest first and never the active one', () => {
    const map = new DirtyMap()
    expect(() => map.drop(map.active)).toThrow('the active generation is never dropped')
    const first = map.freeze()
    const second = map.freeze()
    expect(() => map.drop(second)).toThrow('oldest first')
    map.drop(first)
    map.drop(second)
  })
})
