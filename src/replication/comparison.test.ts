import { describe, expect, it } from 'vitest'
import { type Node, read, Trio, write } from '../../test/replication/trio.ts'
import { BLOCK_BYTES, MIB } from '../base/units.ts'
import { blockChecksum } from '../blockvol/checksum.ts'
import { MapPage } from '../blockvol/format/map-page.ts'
import type { Policy } from '../v2engine/policy.ts'
import type { ReplicaScrubResult } from './scrub.ts'

const policy: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const FILES = ['extents/000000', 'extents/000000.map', 'maxima'] as const
const EXTENTS = 'extents/000000'
const MAP = 'extents/000000.map'

/** Everything that was written is in the extents of all. */
async function flushed(trio: Trio): Promise<void> {
  await trio.inSync()
  await trio.until('all have flushed', () =>
    trio.nodes.every(({ open }) => {
      const { checkpointLsn, appendedLsn } = open.status().volume
      return checkpointLsn === appendedLsn
    }),
  )
}

const contentOf = (fill: number): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(fill)
const byteOf = (node: Node, block: number): number => node.bytes(EXTENTS, block * BLOCK_BYTES + 9)[0]!

function scrub(
  leader: Node,
  { repair = true, signal = new AbortController().signal } = {},
): Promise<ReplicaScrubResult> {
  return leader.open.scrub(leader.device!.epoch.number, { repair, signal, onProgress: () => undefined })
}

/** A process that died is there again, in sync, and something was done to its files in between. */
async function whileDown(trio: Trio, node: Node, harm: () => Promise<void>): Promise<void> {
  node.crash()
  await harm()
  await node.up()
  await trio.leader()
  await flushed(trio)
}

/** The page of the map that a node has, changed. */
async function editMap(node: Node, edit: (page: MapPage) => void): Promise<void> {
  const bytes = Uint8Array.from(node.bytes(MAP, 0, 4096))
  const page = MapPage.parse(0, bytes, { floorLsn: 0, checkpointLsn: 0 }, () => undefined)
  edit(page)
  page.seal(page.asOfLsn)
  await node.overwrite(MAP, page.bytes)
}

async function begun(trio: Trio): Promise<{ leader: Node; others: readonly Node[] }> {
  const leader = await trio.leader()
  await trio.inSync()
  for (let block = 0; block < 8; block++) await write(leader.device!, block, 1 + block)
  await flushed(trio)
  return { leader, others: trio.nodes.filter((node) => node !== leader) }
}

/** Others stop until this one leads; all are in sync then. */
async function leads(trio: Trio, wanted: Node): Promise<Node> {
  for (;;) {
    const leader = await trio.leader()
    await flushed(trio)
    if (leader === wanted) return leader
    leader.crash()
    await trio.leader(leader)
    await leader.up()
    await flushed(trio)
  }
}

/** As `begun`, where nothing is flushed by itself. */
async function writtenAndFlushed(trio: Trio): Promise<{ leader: Node }> {
  const leader = await trio.leader()
  await trio.inSync()
  for (let block = 0; block < 3; block++) await write(leader.device!, block, 1 + block)
  await scrub(leader)
  return { leader }
}

describe('a comparison of replicas', () => {
  it('finds nothing where all are the same', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader } = await begun(trio)
      await leader.device!.trim(2 * BLOCK_BYTES, 20 * BLOCK_BYTES)
      await leader.device!.writeSame(40 * BLOCK_BYTES, 4 * BLOCK_BYTES, new Uint8Array(512).fill(9))
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 0, found: [], missed: [] })
    }))

  it('gives a replica that lost writes the newest versions', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      const before = FILES.map((name) => ({ name, data: one!.whole(name) }))
      await write(leader.device!, 3, 33)
      await leader.device!.trim(5 * BLOCK_BYTES, BLOCK_BYTES)
      await write(leader.device!, 20, 21)
      await flushed(trio)
      await whileDown(trio, one!, async () => {
        for (const { name, data } of before) await one!.overwrite(name, data)
      })
      const { server } = one!
      const lost = (repaired: boolean) =>
        [3, 5, 20].map((block) => ({ block, what: 'lost_write', repaired, server }))
      expect(await scrub(leader, { repair: false })).toMatchObject({ errors: 3, found: lost(false) })
      expect(byteOf(one!, 3)).toBe(4)
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 3, found: lost(true) })
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 0, found: [] })
      expect([byteOf(one!, 3), byteOf(one!, 20)]).toEqual([33, 21])
      one!.crash('power')
      expect((await one!.content()).slice(0, 21)).toEqual([
        ...[1, 2, 3, 33, 5, 0, 7, 8],
        ...Array.from({ length: 12 }, () => 0),
        21,
      ])
    }))

  it('gives the primary what it lost itself', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader: first } = await begun(trio)
      const before = FILES.map((name) => ({ name, data: first.whole(name) }))
      await write(first.device!, 3, 33)
      await flushed(trio)
      first.crash()
      for (const { name, data } of before) await first.overwrite(name, data)
      await first.up()
      await flushed(trio)
      const leader = await leads(trio, first)
      const found = [{ block: 3, what: 'lost_write', repaired: true, server: first.server }]
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 1, found })
      expect(await scrub(leader)).toMatchObject({ found: [] })
      expect(await read(leader.device!, 3)).toBe(33)
      expect(byteOf(first, 3)).toBe(33)
    }))

  it('makes known what a replica does not know any more, and verifies the copies of all', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one, other] = others
      await whileDown(trio, one!, async () => one!.rot(MAP, 100))
      other!.rot(EXTENTS, 6 * BLOCK_BYTES)
      const { errors, repaired, found } = await scrub(leader)
      expect(errors).toBe(0)
      const [ofOne, ofOther] = [one!, other!].map(({ server }) => found.filter((f) => f.server === server))
      expect(ofOne!.filter(({ block }) => block < 8)).toEqual(
        Array.from({ length: 8 }, (_, block) => ({
          ...{ block, what: 'unknown', repaired: true, server: one!.server },
        })),
      )
      expect(ofOther).toEqual([{ block: 6, what: 'checksum', repaired: true, server: other!.server }])
      expect(repaired).toBe(33)
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 0, found: [] })
    }))

  it('finds content that was not written, or was written to another place', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      const before = one!.whole(EXTENTS).slice(3 * BLOCK_BYTES, 4 * BLOCK_BYTES)
      await write(leader.device!, 3, 33)
      await flushed(trio)
      await whileDown(trio, one!, async () => {
        await one!.overwrite(EXTENTS, before, 3 * BLOCK_BYTES)
        await one!.overwrite(EXTENTS, contentOf(33), 6 * BLOCK_BYTES)
      })
      const found = [3, 6].map((block) => ({
        ...{ block, what: 'checksum', repaired: true, server: one!.server },
      }))
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 2, found })
      expect([byteOf(one!, 3), byteOf(one!, 6)]).toEqual([33, 7])
    }))

  it('leaves alone what snapshots see', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      const before = FILES.map((name) => ({ name, data: one!.whole(name) }))
      await leader.device!.createSnapshot({ id: 5n, name: 'before' })
      await write(leader.device!, 3, 33)
      await flushed(trio)
      await whileDown(trio, one!, async () => {
        for (const { name, data } of before) await one!.overwrite(name, data)
      })
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 1 })
      await leads(trio, one!)
      const image = await one!.device!.openSnapshot(5n)
      const target = new Uint8Array(BLOCK_BYTES)
      await image.read(3, target)
      await image.close()
      expect([target[0], await read(one!.device!, 3)]).toEqual([4, 33])
    }))

  it('takes the copy that passes its own checksum where one LSN has two', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      await whileDown(trio, one!, () => editMap(one!, (page) => page.set(2, page.lsn(2), 0, 12_345)))
      const found = [{ block: 2, what: 'checksum', repaired: true, server: one!.server }]
      expect(await scrub(leader)).toMatchObject({ errors: 0, repaired: 1, found })
      expect(await scrub(leader)).toMatchObject({ found: [] })
      expect(leader.notes.filter(({ kind }) => kind === 'diverged')).toEqual([])
    }))

  it('stops a replica that has another content under the same LSN, good by its checksum', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      let at = 0
      await whileDown(trio, one!, async () => {
        await one!.overwrite(EXTENTS, contentOf(99), 2 * BLOCK_BYTES)
        await editMap(one!, (page) => {
          at = page.lsn(2)
          page.set(2, at, 0, blockChecksum(contentOf(99), 2, at))
        })
      })
      const { server } = one!
      const found = [{ block: 2, what: 'diverged', repaired: false, server }]
      expect(await scrub(leader)).toMatchObject({ errors: 1, repaired: 0, found })
      await trio.until('the alarm', () => leader.notes.some(({ kind }) => kind === 'diverged'))
      expect(leader.notes.find(({ kind }) => kind === 'diverged')).toMatchObject({ server, lsn: at })
      // its content was not touched
      expect([byteOf(one!, 2), await read(leader.device!, 2)]).toEqual([99, 3])
    }))

  it('finds nothing that is not so while hosts write', () =>
    // pages of a second question, which comes later as of the same LSN
    Trio.run(
      {
        policy,
        sizeBytes: 24 * MIB,
        tuning: { idleFlushMs: 3, flushWatermark: 0.05, scrubBytesPerSecond: 8 * MIB },
      },
      async (trio) => {
        const { leader } = await begun(trio)
        for (let page = 1; page < 20; page++) await write(leader.device!, page * 256, 1)
        const device = leader.device!
        let isOver = false
        const writing = [0, 1, 2].map(async (writer) => {
          for (let i = 0; !isOver; i++) {
            const block = 18 * 256 + ((i * 7 + writer * 31) % 250)
            if (i % 5 === 4) await device.trim(block * BLOCK_BYTES, 5 * BLOCK_BYTES)
            else await write(device, block, 1 + (i % 200))
          }
        })
        for (let pass = 0; pass < 2; pass++)
          expect(await scrub(leader)).toMatchObject({ errors: 0, found: [] })
        isOver = true
        await Promise.all(writing)
      },
    ))

  it('goes on without a replica that dies in the middle of a mend, which is put right the next time', () =>
    Trio.run({ policy }, async (trio) => {
      const { leader, others } = await begun(trio)
      const [one] = others
      const before = FILES.map((name) => ({ name, data: one!.whole(name) }))
      for (let block = 0; block < 8; block++) await write(leader.device!, block, 50 + block)
      await flushed(trio)
      for (const kind of ['process', 'power'] as const) {
        await whileDown(trio, one!, async () => {
          for (const { name, data } of before) await one!.overwrite(name, data)
        })
        const scrubbing = scrub(leader)
        await trio.until('some are mended', () => byteOf(one!, 2) === 52)
        one!.crash(kind)
        const { missed, repaired } = await scrubbing
        expect(missed.join() + String(repaired)).not.toBe('0')
        await one!.up()
        await flushed(trio)
        await scrub(leader)
        expect(await scrub(leader)).toMatchObject({ errors: 0, found: [] })
        for (let block = 0; block < 8; block++) expect(byteOf(one!, block)).toBe(50 + block)
      }
    }))

  it('ends when it is cancelled, and needs no replica', () =>
    Trio.run({ policy: { ...policy, replicaFactor: 2 }, servers: ['a', 'b'] }, async (trio) => {
      const { leader, others } = await begun(trio)
      await expect(scrub(leader, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CLOSED' })
      const scrubbing = scrub(leader)
      others[0]!.crash()
      const { errors, missed } = await scrubbing
      expect([errors, missed.length > 0]).toEqual([0, true])
    }))

  it('tells of a block only what is flushed, and not newer than what is asked for', () =>
    Trio.run({ policy, tuning: { idleFlushMs: 600_000 } }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      for (let block = 0; block < 3; block++) await write(leader.device!, block, 1 + block)
      await leader.close()
      await leader.offline(async (volume) => {
        const flushedLsn = volume.local.appended
        expect(volume.local.checkpoint).toBe(flushedLsn)
        const { comparer } = volume
        const all = (await comparer.entries(0, flushedLsn)).slice(0, 4)
        expect(all.map(({ kind }) => kind)).toEqual(['data', 'data', 'data', 'zeros'])
        const before = (await comparer.entries(0, all[1]!.lsn)).slice(0, 4)
        const newer = { kind: 'newer', lsn: 0, checksum: 0 }
        expect(before).toEqual([all[0], all[1], newer, all[3]])
        expect(await comparer.flushed(flushedLsn)).toBe(true)
        const told = all[2]!
        const content = contentOf(9)
        const wanted = { kind: 'data', lsn: flushedLsn + 1, checksum: 0 } as const
        const later = { ...wanted, checksum: blockChecksum(content, 2, wanted.lsn) }
        // above the checkpoint, not as it was told, or outside: nothing is changed
        expect(await comparer.mend({ block: 2, told, wanted: later, content })).toBe(false)
        const zeros = { kind: 'zeros', lsn: flushedLsn, checksum: 0 } as const
        expect(await comparer.mend({ block: 2, told: all[1]!, wanted: zeros, content: undefined })).toBe(
          false,
        )
        const outside = { block: 2 ** 30, told: all[3]!, wanted: zeros, content: undefined }
        expect(await comparer.mend(outside)).toBe(false)
        expect((await comparer.entries(0, flushedLsn)).slice(0, 4)).toEqual(all)
      })
    }))

  it('leaves out what the log has newer versions of', () =>
    Trio.run({ policy, tuning: { idleFlushMs: 600_000 } }, async (trio) => {
      const { leader } = await writtenAndFlushed(trio)
      await write(leader.device!, 1, 99)
      leader.crash()
      await leader.offline(async (volume) => {
        const entries = await volume.comparer.entries(0, volume.local.appended)
        expect(entries.slice(0, 3).map(({ kind }) => kind)).toEqual(['data', 'newer', 'data'])
      })
    }))
})
