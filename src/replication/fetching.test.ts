import { describe, expect, it } from 'vitest'
import { type Node, read, Trio, write } from '../../test/replication/trio.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { Policy } from '../v2engine/policy.ts'

const policy: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const COMMITTED_MS = 3_000

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

const repaired = (node: Node): number => node.open.status().volume.counters.blocksRepaired
/** Both of its copies rot: the one in the extents, and the one that the log still has. */
function rotBoth(node: Node, block: number, fill: number): void {
  node.rot('extents/000000', block * BLOCK_BYTES + 9)
  node.rotContent('log', contentOf(fill))
}
const byteOf = (node: Node, block: number): number =>
  node.bytes('extents/000000', block * BLOCK_BYTES + 9)[0]!
const contentOf = (fill: number): Uint8Array => new Uint8Array(BLOCK_BYTES).fill(fill)

describe('a bad copy of a block', () => {
  it('is fetched from a replica when a host reads it at the primary, and put back', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      for (let block = 0; block < 4; block++) await write(leader.device!, block, 1 + block)
      await flushed(trio)
      rotBoth(leader, 2, 3)
      expect(await read(leader.device!, 2)).toBe(3)
      expect(repaired(leader)).toBe(1)
      await trio.until('it is put back', () => byteOf(leader, 2) === 3)
      expect(await read(leader.device!, 2)).toBe(3)
      expect([repaired(leader), leader.open.status().volume.health]).toEqual([1, 'healthy'])
    }))

  it.each([0, 1])('is fetched from the replica that has a good one, be it number %d', (good) =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await write(leader.device!, 0, 7)
      await flushed(trio)
      const others = trio.nodes.filter((node) => node !== leader)
      rotBoth(leader, 0, 7)
      rotBoth(others[1 - good]!, 0, 7)
      expect(await read(leader.device!, 0)).toBe(7)
      await trio.until('it is put back', () => byteOf(leader, 0) === 7)
      // what a peer is asked for it does not ask of others
      expect(trio.nodes.map(repaired)).toEqual(trio.nodes.map((node) => (node === leader ? 1 : 0)))
    }),
  )

  it('is taken from the log where that still has it, and nobody is asked', () =>
    Trio.run({ policy, servers: ['a', 'b'] }, async (trio) => {
      const leader = await trio.leader()
      await write(leader.device!, 0, 7)
      await flushed(trio)
      trio.nodes.find((node) => node !== leader)!.crash()
      leader.rot('extents/000000', 1)
      expect(await read(leader.device!, 0)).toBe(7)
      expect(repaired(leader)).toBe(1)
    }))

  it('is a medium error where all copies are bad, soon', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await write(leader.device!, 0, 7)
      await flushed(trio)
      for (const node of trio.nodes) rotBoth(node, 0, 7)
      const fromMs = trio.scheduler.nowMs
      await expect(read(leader.device!, 0)).rejects.toMatchObject({ code: 'MEDIUM', facts: { block: 0 } })
      expect(trio.scheduler.nowMs - fromMs).toBeLessThan(100)
      expect(leader.open.status().volume.health).toBe('degraded')
    }))

  it('in the log does not keep a replica from flushing: it fetches what rotted', () =>
    Trio.run({ policy, tuning: { idleFlushMs: COMMITTED_MS } }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const pattern = new Uint8Array(512).fill(9)
      await write(leader.device!, 5, 55)
      await leader.device!.writeSame(8 * BLOCK_BYTES, 4 * BLOCK_BYTES, pattern)
      await leader.device!.flush()
      const [one, other] = trio.nodes.filter((node) => node !== leader)
      for (const node of [leader, one!]) node.rotContent('log', contentOf(55))
      for (const node of [leader, other!]) node.rotContent('log', contentOf(9))
      await flushed(trio)
      expect(repaired(leader)).toBeGreaterThanOrEqual(2)
      expect([repaired(one!), repaired(other!)].every((count) => count >= 1)).toBe(true)
      for (const node of trio.nodes) {
        expect(node.bytes('extents/000000', 5 * BLOCK_BYTES)[0]).toBe(55)
        expect(node.bytes('extents/000000', 11 * BLOCK_BYTES)[0]).toBe(9)
      }
    }))

  it('is fetched when a scrub finds it, on a replica as on the primary', () =>
    Trio.run({ policy, tuning: { scrubIntervalMs: 1_000 } }, async (trio) => {
      const leader = await trio.leader()
      for (let block = 0; block < 8; block++) await write(leader.device!, block, 1 + block)
      await flushed(trio)
      for (const [i, node] of trio.nodes.entries()) rotBoth(node, i, 1 + i)
      await trio.until('all are repaired', () => trio.nodes.every((node) => repaired(node) === 1))
      for (const [i, node] of trio.nodes.entries())
        await trio.until(
          'it is put back',
          () => node.bytes('extents/000000', i * BLOCK_BYTES + 5)[0] === 1 + i,
        )
    }))

  it('is found with its number by a scrub that is asked for, and replaced when it is to be', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      for (let block = 0; block < 8; block++) await write(leader.device!, block, 1 + block)
      await flushed(trio)
      rotBoth(leader, 3, 4)
      const { epoch } = leader.device!
      const progress: number[] = []
      const scrub = (repair: boolean, signal = new AbortController().signal) =>
        leader.open.scrub(epoch.number, {
          repair,
          signal,
          onProgress: ({ done, total }) => progress.push(done / total),
        })
      const { server } = leader
      expect(await scrub(false)).toMatchObject({
        errors: 1,
        repaired: 0,
        found: [{ block: 3, what: 'checksum', repaired: false, server }],
      })
      expect(byteOf(leader, 3)).not.toBe(4)
      expect(await scrub(true)).toMatchObject({
        errors: 0,
        repaired: 1,
        found: [{ block: 3, what: 'checksum', repaired: true, server }],
      })
      expect([byteOf(leader, 3), progress.at(-1)]).toEqual([4, 1])
      expect(await scrub(true)).toMatchObject({
        errors: 0,
        repaired: 0,
        found: [],
        verifiedBytes: 3 * 8 * BLOCK_BYTES,
      })
      await expect(scrub(true, AbortSignal.abort())).rejects.toMatchObject({ code: 'CLOSED' })
      expect(() =>
        leader.open.scrub(epoch.number + 1, {
          repair: true,
          signal: AbortSignal.abort(),
          onProgress: () => undefined,
        }),
      ).toThrow(/not led here/)
    }))

  it('of a version that only a snapshot sees is found and replaced too', () =>
    Trio.run({ policy }, async (trio) => {
      const leader = await trio.leader()
      await write(leader.device!, 0, 7)
      await leader.device!.createSnapshot({ id: 5n, name: 'before' })
      await write(leader.device!, 0, 8)
      await flushed(trio)
      const file = leader.versionFile()
      leader.rotContent(file, contentOf(7))
      leader.rotContent('log', contentOf(7))
      const { epoch } = leader.device!
      const request = { repair: true, signal: new AbortController().signal, onProgress: () => undefined }
      expect(await leader.open.scrub(epoch.number, request)).toMatchObject({
        errors: 0,
        repaired: 1,
        found: [{ block: 0, what: 'version', repaired: true }],
      })
      expect(await leader.open.scrub(epoch.number, request)).toMatchObject({ errors: 0, repaired: 0 })
    }))

  it('is not waited for longer than 5 s, nor beyond the connection', () =>
    Trio.run({ policy: { ...policy, replicaFactor: 2 }, servers: ['a', 'b'] }, async (trio) => {
      const leader = await trio.leader()
      await write(leader.device!, 0, 7)
      await flushed(trio)
      const other = trio.nodes.find((node) => node !== leader)!
      rotBoth(leader, 0, 7)
      const fromMs = trio.scheduler.nowMs
      const reading = read(leader.device!, 0)
      other.crash()
      await expect(reading).rejects.toMatchObject({ code: 'MEDIUM' })
      expect(trio.scheduler.nowMs - fromMs).toBeLessThan(5_000)
      await other.up()
      await trio.inSync()
      expect(await read(leader.device!, 0)).toBe(7)
    }))
})
