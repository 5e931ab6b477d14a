import { describe, expect, it } from 'vitest'
import { read, Trio, write } from '../../test/replication/trio.ts'
import { BlockError } from '../base/errors.ts'
import { epochNumber, KIB, MIB } from '../base/units.ts'
import { ENTRY_KIND } from '../blockvol/format/log-group.ts'
import { SOUND } from '../v2engine/marks.ts'
import type { Policy } from '../v2engine/policy.ts'

const BLOCKS = 2000

const syncAll: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 }
const atLeastTwo: Policy = { mode: { kind: 'sync_all', minInSync: 2 }, replicaFactor: 2 }
const bestEffort: Policy = {
  mode: { kind: 'best_effort', maxLagEntries: 1000, maxLagMs: 60_000 },
  replicaFactor: 3,
}

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
      const planned = leader.notes.findLast((note) => note.kind === 'planned')
      expect(planned?.server).toBe(dead.server)
      expect(planned!.proof.S).toBeLessThanOrEqual(planned!.proof.D + 1)
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

  it('resync a member that the log cannot serve any more, while hosts write', () =>
    Trio.run({ policy: syncAll, logBytes: 64 * KIB }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      await trio.inSync()
      for (let block = 0; block < 200; block++) await write(device, block, 1 + (block % 250))
      const away = trio.nodes.find((node) => node !== leader)!
      away.crash('power')
      // more than the log holds
      for (let i = 0; i < 60; i++) await write(device, 100 + (i % 30), 2 + i)
      await away.up()
      await write(device, 5, 77)
      await trio.inSync()
      const planned = leader.notes.findLast((note) => note.kind === 'planned')
      expect(planned?.server).toBe(away.server)
      expect(planned!.proof.S).toBeGreaterThan(planned!.proof.D + 1)
      expect(away.open.status().view.standing).toEqual(SOUND)
      for (const node of trio.nodes) await node.close()
      const contents = await Promise.all(trio.nodes.map((node) => node.content()))
      expect(contents[0]!.slice(4, 7)).toEqual([5, 77, 7])
      expect(contents[1]).toEqual(contents[0])
      expect(contents[2]).toEqual(contents[0])
    }))

  it('resync a member though hosts write much more than the log holds meanwhile', () =>
    Trio.run({ policy: syncAll, logBytes: MIB, sizeBytes: 8 * MIB }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      await trio.inSync()
      const away = trio.nodes.find((node) => node !== leader)!
      away.crash('power')
      for (let block = 0; block < BLOCKS; block++) await write(device, block, 1 + (block % 250))
      await trio.until(
        'nothing waits for it',
        () => !trio.authority.registry.set.members.includes(away.server),
      )
      const before = leader.notes.length
      const lsn = leader.open.status().volume.appendedLsn
      let isOver = false
      const writing = (async () => {
        for (let i = 0; !isOver; i++) await write(device, i % BLOCKS, 1 + (i % 99))
      })()
      await away.up()
      await trio.inSync()
      const written = leader.open.status().volume.appendedLsn - lsn
      isOver = true
      await writing
      expect(written * 4096).toBeGreaterThan(2 * MIB)
      const planned = leader.notes
        .slice(before)
        .filter((note) => note.kind === 'planned' && note.server === away.server)
      expect(planned.length).toBeLessThanOrEqual(2)
    }))

  it('fill a directory that was made anew', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      for (let block = 0; block < 30; block++) await write(leader.device!, block, 1 + block)
      const lost = trio.nodes.find((node) => node !== leader)!
      await lost.replace()
      await trio.inSync()
      for (const node of trio.nodes) await node.close()
      const contents = await Promise.all(trio.nodes.map((node) => node.content()))
      expect(contents[0]!.slice(0, 3)).toEqual([1, 2, 3])
      expect(contents[1]).toEqual(contents[0])
      expect(contents[2]).toEqual(contents[0])
    }))

  it('drain a primary that is to stop, and hand over without a wait', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const first = await trio.leader()
      await trio.inSync()
      const device = first.device!
      await write(device, 0, 1)
      const beganMs = trio.scheduler.nowMs
      const { epoch } = trio.authority.registry
      first.open.fromAuthority({ kind: 'stop', epoch })
      const held = device.write(4096, new Uint8Array(4096))
      await expect(held).rejects.toMatchObject({ code: 'CLOSED' })
      const second = await trio.leader()
      expect(trio.scheduler.nowMs - beganMs).toBeLessThan(500)
      expect(first.halts).toEqual(['stopped'])
      expect(second.device).not.toBe(device)
      expect(await read(second.device!, 0)).toBe(1)
      await trio.inSync()
    }))

  it('serve nobody without a lease', () =>
    Trio.run({ policy: syncAll, servers: ['a', 'b'] }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      await trio.inSync()
      trio.machines.cut.add(leader.server)
      leader.isCut = true
      trio.machines.sever(leader.server)
      await trio.until('the lease is over', () => trio.scheduler.nowMs > device.untilMs)
      await expect(read(device, 0)).rejects.toMatchObject({ code: 'BUSY' })
      await expect(device.flush()).rejects.toMatchObject({ code: 'BUSY' })
      const other = await trio.leader(leader)
      await write(other.device!, 0, 8)
      trio.machines.cut.delete(leader.server)
      leader.isCut = false
      await trio.inSync()
      await expect(read(device, 0)).rejects.toMatchObject({ code: 'CLOSED' })
      expect(await read(other.device!, 0)).toBe(8)
    }))

  it('go on without a primary whose disk failed, and say that it has to be opened again', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const first = await trio.leader()
      await trio.inSync()
      await write(first.device!, 0, 5)
      const device = first.device!
      first.faults.arm('syncError', '/log')
      await expect(device.flush()).rejects.toThrow(BlockError)
      expect(first.halts).toEqual(['poisoned'])
      await trio.until('it says so', () => first.failures.length === 1)
      expect(first.open.status().failure).toMatch(/sync/)
      const second = await trio.leader(first)
      expect(await read(second.device!, 0)).toBe(5)
      await first.close()
      await first.up()
      await trio.inSync()
      expect(first.open.status().view.standing).toEqual(SOUND)
    }))

  it('answer BUSY below the least number of members, and CLOSED what an epoch left behind', () =>
    Trio.run({ policy: atLeastTwo, servers: ['a', 'b'] }, async (trio) => {
      const leader = await trio.leader()
      const device = leader.device!
      await trio.inSync()
      const other = trio.nodes.find((node) => node !== leader)!
      other.crash()
      const beganMs = trio.scheduler.nowMs
      await expect(device.write(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'BUSY' })
      expect(trio.scheduler.nowMs - beganMs).toBeLessThan(trio.bounds.commitWaitMs + 500)
      const left = device.write(4096, new Uint8Array(4096)).catch((error: unknown) => error)
      await trio.until('it is appended', () => leader.open.status().lags[0]!.entries === 2)
      expect(leader.open.status().lags[0]!.bytes).toBeGreaterThan(8192)
      const reading = device.read(4096, new Uint8Array(4096)).catch((error: unknown) => error)
      leader.open.fromAuthority({ kind: 'seal', epoch: { number: epochNumber(9), id: 9n } })
      await trio.until('hosts are cut off', () => leader.halts.length === 1)
      const haltedMs = trio.scheduler.nowMs
      expect(await left).toMatchObject({ code: 'CLOSED' })
      expect(await reading).toMatchObject({ code: 'CLOSED' })
      expect(trio.scheduler.nowMs - haltedMs).toBeLessThan(200)
    }))

  it('stop a replica that has something else where histories agree', () =>
    Trio.run({ policy: syncAll }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      await write(leader.device!, 0, 1)
      const odd = trio.nodes.find((node) => node !== leader)!
      await odd.close()
      const { epoch } = leader.device!
      const at = leader.open.status().volume.appendedLsn + 1
      await odd.offline(async (volume) => {
        await volume.dropLog(volume.local.appended, 'kept')
        const entry = { lsn: at, kind: ENTRY_KIND.write, block: 0, blocks: 1, argument: 0 }
        const data = new Uint8Array(4096).fill(66)
        await new Promise<void>((resolve) => volume.append(epoch, [{ ...entry, data }], resolve))
      })
      await write(leader.device!, 0, 2)
      await write(leader.device!, 0, 3)
      await odd.up()
      await trio.until('somebody notices', () => leader.notes.some(({ kind }) => kind === 'diverged'))
      expect(leader.notes.find(({ kind }) => kind === 'diverged')).toEqual({
        kind: 'diverged',
        server: odd.server,
        lsn: at,
      })
      expect(await read(leader.device!, 0)).toBe(3)
    }))

  it('show how far a replica is behind that nobody waits for, in entries, bytes and time', () =>
    Trio.run({ policy: bestEffort }, async (trio) => {
      const leader = await trio.leader()
      await trio.inSync()
      const late = trio.nodes.find((node) => node !== leader)!
      const lag = () => leader.open.status().lags.find(({ server }) => server === late.server)!
      await write(leader.device!, 0, 1)
      await trio.until('it has everything', () => lag().entries === 0)
      expect(lag()).toEqual({ server: late.server, entries: 0, bytes: 0, ms: 0 })
      trio.machines.cut.add(late.server)
      trio.machines.sever(late.server)
      for (let block = 0; block < 10; block++) await write(leader.device!, block, 2)
      await trio.scheduler.pass(500)
      expect(lag().entries).toBe(10)
      expect(lag().bytes).toBeGreaterThanOrEqual(10 * 4096)
      expect(lag().ms).toBeGreaterThanOrEqual(500)
      trio.machines.cut.delete(late.server)
      await trio.until('it has everything again', () => lag().entries === 0)
    }))

  it('do the same each time', async () => {
    const traces: string[] = []
    for (let i = 0; i < 2; i++) {
      await Trio.run({ policy: syncAll }, async (trio) => {
        const leader = await trio.leader()
        for (let block = 0; block < 5; block++) await write(leader.device!, block, 1)
        leader.crash('power')
        await trio.leader(leader)
        traces.push(`${trio.scheduler.events} events, ${trio.scheduler.traceHash}`)
      })
    }
    expect(traces[1]).toBe(traces[0])
  })
})
