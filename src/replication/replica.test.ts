import { describe, expect, it } from 'vitest'
import { read, Trio, write } from '../../test/replication/trio.ts'
import type { Policy } from '../v2engine/policy.ts'

const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }

describe('three replicas of a volume', () => {
  it('serve hosts from the one that was promoted, and all have what was written', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      for (let block = 0; block < 20; block++) await write(device, block, block + 1)
      await device.flush()
      expect(await read(device, 7)).toBe(8)
      await trio.inSync()
      for (const node of trio.nodes) await node.close()
      const contents = await Promise.all(trio.nodes.map((node) => node.content()))
      expect(contents[0]!.slice(0, 22)).toEqual([
        ...Array(20)
          .keys()
          .map((i) => i + 1),
        0,
        0,
      ])
      expect(contents[1]).toEqual(contents[0])
      expect(contents[2]).toEqual(contents[0])
    }))

  it('let a dead member go, and give it back from the log what it missed', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      await trio.inSync()
      await write(device, 0, 1)
      const dead = trio.nodes.find((node) => node !== leader)!
      dead.crash()
      for (let block = 0; block < 10; block++) await write(device, block, 50 + block)
      expect(trio.authority.registry.set.members).not.toContain(dead.server)
      await dead.up()
      await trio.inSync()
      expect(leader.notes.filter((note) => note.kind === 'planned').at(-1)).toMatchObject({
        server: dead.server,
      })
      expect(leader.device).toBe(device)
    }))

  it('go on with another primary when theirs dies, and nothing acknowledged is lost', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const first = await trio.leader()
      await trio.inSync()
      for (let block = 0; block < 10; block++) await write(first.device!, block, 1 + block)
      const old = first.device!
      first.crash('power')
      const second = await trio.leader(first)
      expect(second).not.toBe(first)
      for (let block = 0; block < 10; block++) expect(await read(second.device!, block)).toBe(1 + block)
      await write(second.device!, 0, 99)
      await expect(old.write(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'CLOSED' })
      await first.up()
      await trio.inSync()
      for (const node of trio.nodes) await node.close()
      const contents = await Promise.all(trio.nodes.map((node) => node.content()))
      expect(contents[0]!.slice(0, 3)).toEqual([99, 2, 3])
      expect(contents[1]).toEqual(contents[0])
      expect(contents[2]).toEqual(contents[0])
    }))

  it('answer a flush as soon as all have synced, not when they would sync by themselves', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const { device } = await trio.leader()
      await trio.inSync()
      await write(device!, 3, 3)
      const beganMs = trio.scheduler.nowMs
      await device!.flush()
      expect(trio.scheduler.nowMs - beganMs).toBeLessThan(20)
      const durable = trio.nodes.map(({ open }) => open.status().volume.durableLsn)
      expect(Math.min(...durable)).toBe(Math.max(...durable))
    }))
})
