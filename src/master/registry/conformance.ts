/**
 * What every registry must do, as test cases: each store's test calls `registryConformance`. They talk to the port only,
 * so a store that passes can take another's place.
 */
import { describe, expect, it } from 'vitest'
import { BlockError } from '../../base/errors.ts'
import type { CommitOutcome, JsonObject, Registry } from './registry.ts'

/** One place where a registry is kept. */
export interface RegistryPlace {
  open(): Promise<Registry>
  /** Removes what it left. */
  remove(): Promise<void>
}

const WEIRD_KEYS = [
  'a',
  ' ',
  'volume/../x',
  'volume/',
  'volume/%',
  "volume/'; DROP TABLE records; --",
  'volume/_',
  'volume/\u0000',
  'volume/é',
  'volume/\u{1f4be}',
  'volume/\uffff',
  'VOLUME/a',
  '__proto__',
  'constructor',
  'k'.repeat(512),
]

export function registryConformance(name: string, newPlace: () => Promise<RegistryPlace>): void {
  const test = (title: string, body: (registry: Registry, place: RegistryPlace) => Promise<void>): void => {
    it(title, async () => {
      const place = await newPlace()
      try {
        const registry = await place.open()
        await body(registry, place)
        await registry.close()
      } finally {
        await place.remove()
      }
    })
  }

  describe(`registry conformance: ${name}`, () => {
    test('a new registry is empty, has a UUID and sequence number 0', async (registry) => {
      expect(registry.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(registry.seq).toBe(0)
      expect(await registry.read('')).toEqual([])
    })

    test('two registries have different ids', async (registry) => {
      const place = await newPlace()
      const other = await place.open()
      expect(other.id).not.toBe(registry.id)
      await other.close()
      await place.remove()
    })

    test('what was committed is read with the revision of its transaction', async (registry) => {
      const first = await put(registry, { 'volume/a': { n: 1 }, 'volume/b': { n: 2 } })
      const second = await put(registry, { 'volume/a': { n: 3 } })
      expect(second).toBeGreaterThan(first)
      expect(await registry.read('volume/')).toEqual([
        { key: 'volume/a', value: { n: 3 }, revision: second },
        { key: 'volume/b', value: { n: 2 }, revision: first },
      ])
    })

    test('the sequence number rises with each transaction and outlives the opening', async (registry, place) => {
      let last = 0
      for (let i = 0; i < 5; i++) {
        const seq = await put(registry, { a: { i } })
        expect(seq).toBeGreaterThan(last)
        expect(registry.seq).toBe(seq)
        last = seq
      }
      expect(await seqOf(registry.commit({ checks: [], writes: [] }))).toBeGreaterThan(last)
      const before = { id: registry.id, seq: registry.seq, records: await registry.read('') }
      await registry.close()
      const again = await place.open()
      expect({ id: again.id, seq: again.seq, records: await again.read('') }).toEqual(before)
      expect(await put(again, { a: {} })).toBeGreaterThan(before.seq)
      await again.close()
    })

    test('seqAbove lifts the sequence number, and never lowers it', async (registry) => {
      expect(await seqOf(registry.commit({ checks: [], writes: [], seqAbove: 1000 }))).toBe(1001)
      expect(await seqOf(registry.commit({ checks: [], writes: [], seqAbove: 10 }))).toBe(1002)
      expect(registry.seq).toBe(1002)
    })

    test('a transaction one of whose checks fails writes nothing and takes no number', async (registry) => {
      const revision = await put(registry, { a: { n: 1 }, b: { n: 1 } })
      const outcome = await registry.commit({
        checks: [
          { key: 'a', revision },
          { key: 'b', revision: revision + 1 },
        ],
        writes: [
          { key: 'a', value: { n: 2 } },
          { key: 'b', value: null },
          { key: 'c', value: {} },
        ],
        seqAbove: 500,
      })
      expect(outcome).toEqual({ kind: 'conflict', key: 'b' })
      expect(registry.seq).toBe(revision)
      expect((await registry.read('')).map(({ key, value }) => [key, value])).toEqual([
        ['a', { n: 1 }],
        ['b', { n: 1 }],
      ])
    })

    test('revision 0 checks that a key is not there', async (registry) => {
      const create = { checks: [{ key: 'a', revision: 0 }], writes: [{ key: 'a', value: {} }] }
      expect((await registry.commit(create)).kind).toBe('committed')
      expect(await registry.commit(create)).toEqual({ kind: 'conflict', key: 'a' })
      await registry.commit({ checks: [], writes: [{ key: 'a', value: null }] })
      expect((await registry.commit(create)).kind).toBe('committed')
    })

    test('a key that is removed and made again has a new revision', async (registry) => {
      const first = await put(registry, { a: {} })
      await registry.commit({ checks: [], writes: [{ key: 'a', value: null }] })
      await put(registry, { a: {} })
      expect(await registry.commit({ checks: [{ key: 'a', revision: first }], writes: [] })).toEqual({
        kind: 'conflict',
        key: 'a',
      })
    })

    test('to remove a key that is not there is no error', async (registry) => {
      expect((await registry.commit({ checks: [], writes: [{ key: 'a', value: null }] })).kind).toBe(
        'committed',
      )
    })

    test('a prefix is read in the order of bytes, and nothing beside it', async (registry) => {
      const keys = ['v/b', 'v/a', 'v/a/c', 'v', 'v0', 'u/z', 'v/é', 'v/\u{1f4be}', 'v/\uffff', 'v/Z']
      await put(registry, Object.fromEntries(keys.map((key) => [key, { key }])))
      const read = (await registry.read('v/')).map(({ key }) => key)
      expect(read).toEqual(['v/Z', 'v/a', 'v/a/c', 'v/b', 'v/é', 'v/\uffff', 'v/\u{1f4be}'])
      expect(await registry.read('w')).toEqual([])
      expect((await registry.read('')).length).toBe(keys.length)
    })

    test('any key of 1 to 512 bytes is kept as it is', async (registry, place) => {
      for (const key of WEIRD_KEYS)
        await registry.commit({ checks: [{ key, revision: 0 }], writes: [{ key, value: { key } }] })
      await registry.close()
      const again = await place.open()
      for (const key of WEIRD_KEYS) {
        const [found] = await again.read(key)
        expect(found?.value).toEqual({ key })
      }
      expect((await again.read('')).length).toBe(WEIRD_KEYS.length)
      await again.close()
    })

    test('keys and transactions that no store takes are refused whole', async (registry) => {
      const bad = ['', 'k'.repeat(513), '\ud800', 'é'.repeat(257)]
      for (const key of bad) {
        await refused(
          registry.commit({
            checks: [],
            writes: [
              { key: 'a', value: {} },
              { key, value: {} },
            ],
          }),
        )
      }
      await refused(
        registry.commit({
          checks: [],
          writes: [
            { key: 'a', value: {} },
            { key: 'a', value: null },
          ],
        }),
      )
      await refused(registry.commit({ checks: [{ key: 'a', revision: -1 }], writes: [] }))
      await refused(registry.commit({ checks: [], writes: [], seqAbove: 1.5 }))
      expect(await registry.read('')).toEqual([])
      expect(registry.seq).toBe(0)
    })

    test('values come back as they were, also large and strange ones, and larger ones are refused', async (registry) => {
      const parsed: JsonObject = JSON.parse(
        '{"__proto__":{"x":1},"deep":[[[[{}]]]],"n":-1.5e-7,"max":9007199254740991,"t":"\\u0000\\ud83d\\ude00"}',
      )
      const large = { text: 'x'.repeat(1024 * 1024 - 11) }
      await put(registry, { parsed, large })
      expect(JSON.stringify((await registry.read('parsed'))[0]?.value)).toBe(JSON.stringify(parsed))
      expect((await registry.read('large'))[0]?.value).toEqual(large)
      await refused(
        registry.commit({
          checks: [],
          writes: [
            { key: 'a', value: {} },
            { key: 'large', value: { text: large.text + 'x' } },
          ],
        }),
      )
      expect((await registry.read('')).map(({ key }) => key)).toEqual(['large', 'parsed'])
    })

    test('what was read or written is nobody else’s object', async (registry) => {
      const value = { list: [1] }
      await put(registry, { a: value })
      value.list.push(2)
      const read = (await registry.read('a'))[0]?.value
      expect(read).toEqual({ list: [1] })
      expect((await registry.read('a'))[0]?.value).not.toBe(read)
    })

    test('of many increments at a time by compare-and-set, none is lost', async (registry) => {
      await put(registry, { counter: { n: 0 } })
      let conflicts = 0
      const increment = async (): Promise<void> => {
        for (;;) {
          const [record] = await registry.read('counter')
          const revision = record?.revision ?? 0
          const outcome = await registry.commit({
            checks: [{ key: 'counter', revision }],
            writes: [{ key: 'counter', value: { n: Number(record?.value.n) + 1 } }],
          })
          if (outcome.kind === 'committed') return
          conflicts++
        }
      }
      await Promise.all(Array.from({ length: 20 }, increment))
      expect((await registry.read('counter'))[0]?.value).toEqual({ n: 20 })
      expect(conflicts).toBeGreaterThanOrEqual(0)
    })

    test('many commits at a time all get their own numbers', async (registry) => {
      const seqs = await Promise.all(
        Array.from({ length: 100 }, (_, i) => put(registry, { [`k/${i}`]: { i } })),
      )
      expect(new Set(seqs).size).toBe(100)
      expect((await registry.read('k/')).length).toBe(100)
      expect(registry.seq).toBe(Math.max(...seqs))
    })

    test('a closed registry refuses everything, and may be closed again', async (registry) => {
      await put(registry, { a: {} })
      await registry.close()
      await registry.close()
      expect(await codeOf(registry.read(''))).toBe('CLOSED')
      expect(await codeOf(registry.commit({ checks: [], writes: [] }))).toBe('CLOSED')
    })

    test('a second opening is IN_USE until the first one ends', async (registry, place) => {
      expect(await codeOf(place.open())).toBe('IN_USE')
      await registry.close()
      await (await place.open()).close()
    })
  })
}

/** Writes without a check; resolves to the transaction's sequence number. */
async function put(registry: Registry, values: { readonly [key: string]: JsonObject }): Promise<number> {
  const writes = Object.entries(values).map(([key, value]) => ({ key, value }))
  return await seqOf(registry.commit({ checks: [], writes }))
}

async function seqOf(commit: Promise<CommitOutcome>): Promise<number> {
  const outcome = await commit
  expect(outcome.kind).toBe('committed')
  return outcome.kind === 'committed' ? outcome.seq : 0
}

const refused = async (operation: Promise<unknown>): Promise<void> =>
  expect(await codeOf(operation)).toBe('INVALID_ARGUMENT')

const codeOf = (operation: Promise<unknown>): Promise<string> =>
  operation.then(
    () => 'no error',
    (error: unknown) => (error instanceof BlockError ? error.code : String(error)),
  )
