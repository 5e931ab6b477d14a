import { describe, expect, it } from 'vitest'
import { MemoryStorage } from '../../src/master/registry/memory-registry.ts'
import { serverId } from '../../src/v2engine/identity.ts'
import { ClusterRig } from './cluster-rig.ts'

describe('a volume in the cluster', () => {
  it('is led by the first of its replicas, and then hosts are served', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const { lead, state } = rig.record(uuid)
      expect(lead).toMatchObject({ state: 'serving', primary: rig.servers[0]?.id, hasServed: true })
      expect([state, lead.epoch.number]).toEqual(['active', 1])
      expect(rig.kinds()).toContain('volume.promoted')
    }))

  it('waits until its replicas are made', () =>
    ClusterRig.play(async (rig) => {
      for (const server of rig.servers) await server.up()
      const replicas = rig.servers.map(({ id }, slot) => ({ server: id, state: 'allocating' as const, slot }))
      const uuid = await rig.volume(1, { replicas })
      await rig.wait(5000)
      expect(rig.runtime.leads.status(uuid).phase).toBe('waiting')
      const ready = replicas.map((replica) => ({ ...replica, state: 'ready' as const }))
      await rig.store.change((records) => {
        const record = records.volume(uuid)
        if (record === undefined) throw new Error('it is there')
        return { writes: [{ kind: 'volume', record: { ...record, replicas: ready } }], result: null }
      })
      rig.runtime.leads.wake(uuid)
      await rig.until('service', () => rig.isServed(uuid))
    }))

  it('writes nothing to the registry while beats bring no news, and grants go on', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(2000)
      const { seq } = rig.store
      const held = rig.servers[0]?.held.get(uuid)
      const before = held?.grants ?? 0
      await rig.wait(20_000)
      expect(rig.store.seq).toBe(seq)
      expect((held?.grants ?? 0) - before).toBeGreaterThanOrEqual(38)
    }))

  it('is taken over when the lease of its primary has run out, not before', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first] = rig.servers
      const epoch = rig.record(uuid).lead.epoch.number
      const diedMs = rig.scheduler.nowMs
      first?.down()
      await rig.until('a new epoch', () => rig.record(uuid).lead.epoch.number > epoch)
      expect(rig.scheduler.nowMs - diedMs).toBeGreaterThanOrEqual(3000)
      await rig.until('service', () => rig.isServed(uuid))
      expect(rig.scheduler.nowMs - diedMs).toBeLessThan(4500)
      expect(rig.record(uuid).lead.primary).not.toBe(first?.id)
      expect(rig.kinds()).toContain('server.lost')
    }))

  it('is led again at once when its primary was only started again', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first] = rig.servers
      first?.down()
      const fromMs = rig.scheduler.nowMs
      await first?.up()
      await rig.until('service', () => rig.isServed(uuid) && rig.record(uuid).lead.epoch.number === 2)
      expect(rig.scheduler.nowMs - fromMs).toBeLessThan(1000)
    }))

  it('gets no other primary within a lease of a restart of the master', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      rig.servers[0]?.down()
      await rig.restart()
      const fromMs = rig.scheduler.nowMs
      await rig.until('another primary', () => rig.record(uuid).lead.primary !== rig.servers[0]?.id)
      expect(rig.scheduler.nowMs - fromMs).toBeGreaterThanOrEqual(3500)
    }))

  it('goes on under the same epoch when the master is started again', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.restart()
      await rig.wait(10_000)
      expect(rig.record(uuid).lead.epoch.number).toBe(1)
      expect(rig.isServed(uuid)).toBe(true)
    }))
})

describe('a master that was stopped for a while', () => {
  it('hears what servers said meanwhile before it takes their silence for anything', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const { epoch, primary } = rig.record(uuid).lead
      const events = rig.kinds().length
      await rig.pause(10_000)
      await rig.wait(5000)
      expect(rig.record(uuid).lead).toMatchObject({ state: 'serving', epoch, primary })
      expect(rig.kinds().slice(events)).toEqual([])
      const held = rig.servers[0]?.held.get(uuid)
      const grants = held?.grants ?? 0
      await rig.wait(2000)
      expect(held?.grants ?? 0).toBeGreaterThanOrEqual(grants + 3)
    }))

  it('lets another server take over from one that died meanwhile, a lease later', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first] = rig.servers
      const paused = rig.pause(10_000)
      await rig.wait(100)
      first?.down()
      await paused
      const wokeMs = rig.scheduler.nowMs
      await rig.until('service', () => rig.record(uuid).lead.primary !== first?.id && rig.isServed(uuid))
      expect(rig.scheduler.nowMs - wokeMs).toBeLessThan(4500)
    }))
})

describe('a planned move', () => {
  it('goes to the server that was named, quickly', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const to = rig.servers[2]?.id ?? ''
      const fromMs = rig.scheduler.nowMs
      expect(await rig.runtime.leads.move(uuid, to)).toEqual({ kind: 'moved' })
      expect(rig.scheduler.nowMs - fromMs).toBeLessThan(500)
      expect(rig.record(uuid).lead.primary).toBe(to)
      expect(await rig.runtime.leads.move(uuid, to)).toEqual({ kind: 'moved' })
    }))

  it.each([
    ['not_connected', (rig: ClusterRig) => rig.servers[2]?.down()],
    [
      'not_sound',
      (rig: ClusterRig, uuid: string) => {
        const held = rig.servers[2]?.held.get(uuid)
        if (held !== undefined) held.standing = { ...held.standing, isResyncing: true }
      },
    ],
  ])('is refused when its target is %s', (reason, before) =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      before(rig, uuid)
      await rig.wait(1000)
      const to = rig.servers[2]?.id ?? ''
      await expect(rig.runtime.leads.move(uuid, to)).rejects.toMatchObject({ facts: { reason } })
      expect(rig.isServed(uuid)).toBe(true)
    }),
  )

  it('that finds its target gone says who leads instead', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const moving = rig.runtime.leads.move(uuid, rig.servers[2]?.id ?? '')
      rig.servers[2]?.down()
      expect(await moving).toMatchObject({ kind: 'failed', reason: 'target_lost' })
      expect(rig.isServed(uuid)).toBe(true)
    }))
})

describe('a promotion while the primary serves', () => {
  const ask = { force: false, actor: 'me', requestId: null }

  it('has the server that was named take over, and not the same one lead again', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      for (const server of [rig.servers[2]?.id ?? '', rig.servers[1]?.id ?? '']) {
        await rig.runtime.leads.promote(uuid, { ...ask, server })
        expect(rig.record(uuid).lead).toMatchObject({ state: 'serving', primary: server })
        expect(rig.isServed(uuid)).toBe(true)
      }
    }))

  it('without a name is a move to the best other member, and refused when there is none', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first, second, third] = rig.servers
      await rig.runtime.leads.promote(uuid, { ...ask, server: null })
      const { primary } = rig.record(uuid).lead
      expect([second?.id, third?.id]).toContain(primary)
      expect(rig.isServed(uuid)).toBe(true)
      for (const server of rig.servers) if (server.id !== primary) server.down()
      await rig.wait(1000)
      const { epoch } = rig.record(uuid).lead
      await expect(rig.runtime.leads.promote(uuid, { ...ask, server: null })).rejects.toMatchObject({
        code: 'CONFLICT',
        facts: { reason: 'alone' },
      })
      expect(rig.runtime.leads.preflight(uuid)).toMatchObject({ isPromotable: false, reason: 'alone' })
      expect(rig.record(uuid).lead).toMatchObject({ primary, epoch })
      expect(first?.id).not.toBe(primary)
    }))

  it('changes nothing when the one that was named leads, or cannot', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first, , third] = rig.servers
      third?.down()
      await rig.wait(1000)
      await rig.runtime.leads.promote(uuid, { ...ask, server: first?.id ?? '' })
      await expect(
        rig.runtime.leads.promote(uuid, { ...ask, server: third?.id ?? '' }),
      ).rejects.toMatchObject({ code: 'CONFLICT', facts: { reason: 'not_connected' } })
      expect(rig.record(uuid).lead).toMatchObject({ primary: first?.id, epoch: { number: 1 } })
      expect(rig.isServed(uuid)).toBe(true)
    }))

  it('that fails in its middle says who leads', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const promoting = rig.runtime.leads.promote(uuid, { ...ask, server: rig.servers[2]?.id ?? '' })
      rig.servers[2]?.down()
      await expect(promoting).rejects.toMatchObject({ code: 'CONFLICT', facts: { reason: 'target_lost' } })
      expect(rig.isServed(uuid)).toBe(true)
    }))
})

describe('a server that stops in order', () => {
  it('has what it leads handed over to one that stays, within the time that it waits', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first, second, third] = rig.servers
      expect(rig.record(uuid).lead.primary).toBe(first?.id)
      if (first !== undefined) first.isDraining = true
      if (second !== undefined) second.isDraining = true
      const fromMs = rig.scheduler.nowMs
      await rig.until(
        'the hand-over',
        () => rig.record(uuid).lead.primary === third?.id && rig.isServed(uuid),
      )
      expect(rig.scheduler.nowMs - fromMs).toBeLessThan(1500)
    }))
})

describe('a volume that is being deleted', () => {
  it('is led by nobody from then on', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await expect(rig.runtime.leads.retire(uuid)).rejects.toMatchObject({ code: 'BUSY' })
      const record = { ...rig.record(uuid), state: 'deleting' as const }
      await rig.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
      const lead = await rig.runtime.leads.retire(uuid)
      expect(lead).toMatchObject({ state: 'sealing', epoch: { number: 2 } })
      await rig.wait(10_000)
      expect(rig.servers.map((server) => server.held.get(uuid)?.leads)).toEqual([null, null, null])
      expect(rig.record(uuid).lead.state).toBe('sealing')
      expect((await rig.runtime.leads.retire(uuid)).epoch.number).toBe(2)
    }))
})

describe('a forced promotion', () => {
  it('promotes what is there and says what may be lost and who was not reached', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first, second, third] = rig.servers
      for (const server of [first, second]) {
        const held = server?.held.get(uuid)
        if (held !== undefined) held.appended = 9
      }
      const doubtful = third?.held.get(uuid)
      if (doubtful !== undefined) doubtful.standing = { ...doubtful.standing, isDoubtful: true }
      await rig.wait(1000)
      first?.down()
      second?.down()
      await rig.wait(6000)
      const found = rig.runtime.leads.preflight(uuid)
      expect(found).toMatchObject({
        isPromotable: false,
        reason: 'no_sound_member',
        candidate: third?.id,
        atRisk: { firstLsn: 6, lastLsn: 9 },
        unreached: [first?.id, second?.id],
      })
      const ask = { server: null, actor: 'me', requestId: 'r1' }
      await expect(rig.runtime.leads.promote(uuid, { ...ask, force: false })).rejects.toMatchObject({
        facts: { unsafe: true },
      })
      await rig.runtime.leads.promote(uuid, { ...ask, force: true })
      await rig.until('service', () => rig.isServed(uuid))
      const { lead } = rig.record(uuid)
      expect(lead).toMatchObject({ primary: third?.id, mayHaveLost: true, set: { members: [third?.id] } })
      const event = rig.store.events({ limit: 100 }).find(({ kind }) => kind === 'volume.promoted_with_loss')
      expect(event?.requestId).toBe('r1')
      expect(event?.message).toContain('LSNs 6 to 9 may be lost; not reached, and perhaps still serving')
    }))
})

describe('settings', () => {
  it('go to every server with a replica, once, and again when they change', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(2000)
      const sent = (): number[] =>
        rig.servers.map(({ heard }) => heard.filter(({ kind }) => kind === 'settings').length)
      for (const times of sent()) expect(times).toBeLessThanOrEqual(2)
      const before = sent()
      await rig.wait(5000)
      expect(sent()).toEqual(before)
      const record = { ...rig.record(uuid), qos: { iops: 7, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 } }
      await rig.store.change(() => ({ writes: [{ kind: 'volume', record }], result: null }))
      await rig.wait(2000)
      for (const { heard } of rig.servers) {
        expect(heard.findLast(({ kind }) => kind === 'settings')).toMatchObject({ qos: { iops: 7 } })
      }
    }))
})

describe('a registry that is not the newest', () => {
  it('that was lost locks the cluster, and is made again from what servers keep', () =>
    ClusterRig.play(async (rig) => {
      const qos = { iops: 900, iopsBurst: 0, bytesPerSecond: 0, bytesBurst: 0 }
      const uuid = await rig.served({ qos })
      await rig.wait(6000)
      const empty = new MemoryStorage(rig.random)
      await rig.restart(empty)
      await rig.wait(6000)
      expect(rig.store.view.cluster.lock).toMatchObject({ reason: 'registryId' })
      expect(rig.store.view.volumes()).toEqual([])
      expect(rig.runtime.strays()).toMatchObject([
        { volume: uuid, why: 'unknown_volume' },
        { volume: uuid },
        { volume: uuid },
      ])
      expect(rig.kinds()).toContain('volume.unknown')
      expect(rig.removed).toEqual([])
      rig.servers[1]?.down()
      const request = { force: false, actor: 'me' }
      await expect(rig.runtime.recover(request)).rejects.toMatchObject({
        facts: { reason: 'members_missing' },
      })
      await rig.servers[1]?.up()
      await rig.wait(1000)
      expect(await rig.runtime.recover(request)).toEqual({ raised: [], adopted: [uuid] })
      expect(rig.record(uuid)).toMatchObject({ name: 'vol-000001', qos, lead: { epoch: { number: 2 } } })
      await rig.until('service', () => rig.isServed(uuid))
      await rig.restart(empty)
      await rig.wait(5000)
      expect(rig.store.view.cluster.lock).toBeNull()
      await expect(rig.runtime.recover(request)).rejects.toMatchObject({ facts: { reason: 'not_locked' } })
    }))

  it('that is an old copy promotes and grants nothing until it is recovered', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(6000)
      const old = rig.storage.snapshot()
      await rig.runtime.leads.promote(uuid, { server: null, force: false, actor: 'me', requestId: null })
      await rig.until('service', () => rig.isServed(uuid) && rig.record(uuid).lead.epoch.number === 2)
      await rig.wait(6000)
      rig.storage.restore(old)
      await rig.restart()
      await rig.wait(2000)
      expect(rig.store.view.cluster.lock).not.toBeNull()
      const leader = rig.servers.find(({ held }) => held.get(uuid)?.leads != null)
      const before = leader?.held.get(uuid)?.grants
      await rig.wait(10_000)
      expect(rig.record(uuid).lead.epoch.number).toBe(1)
      expect(leader?.held.get(uuid)?.grants).toBe(before)
      expect(rig.runtime.leads.status(uuid)).toMatchObject({ phase: 'waiting', why: 'the cluster is locked' })
      await expect(
        rig.runtime.leads.promote(uuid, { server: null, force: true, actor: 'me', requestId: null }),
      ).rejects.toMatchObject({ facts: { reason: 'locked' } })
      expect(await rig.runtime.recover({ force: false, actor: 'me' })).toEqual({
        raised: [uuid],
        adopted: [],
      })
      expect(rig.record(uuid).lead.epoch.number).toBe(3)
      await rig.until('service', () => rig.isServed(uuid))
    }))
})

describe('a registry that is an old copy of the same epoch', () => {
  /** The set is without the last server; returns the registry as it was before. */
  async function shrink(rig: ClusterRig, uuid: string) {
    const old = rig.storage.snapshot()
    const { lead } = rig.record(uuid)
    const primary = rig.server(lead.primary)
    const held = primary?.held.get(uuid)
    if (held?.leads == null) throw new Error('it leads')
    const members = lead.set.members.filter((one) => one !== rig.servers[2]?.id).map(serverId)
    held.asked.push({ kind: 'changeSet', epoch: held.leads, version: lead.set.version, members })
    await rig.until('the change', () => rig.record(uuid).lead.set.version === lead.set.version + 1)
    await rig.until('the answer', () => held.set?.version === lead.set.version + 1)
    return old
  }

  it('and was made a moment before the last set change, locks the cluster', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(6000)
      rig.storage.restore(await shrink(rig, uuid))
      await rig.restart()
      await rig.wait(3000)
      expect(rig.store.view.cluster.lock).toMatchObject({ reason: 'epoch' })
      // who left the set is not promoted, though the old copy calls it a member
      for (const server of rig.servers.slice(0, 2)) server.down()
      await rig.wait(10_000)
      expect(rig.record(uuid).lead.epoch.number).toBe(1)
      for (const server of rig.servers.slice(0, 2)) await server.up()
      await rig.wait(1000)
      expect(await rig.runtime.recover({ force: false, actor: 'me' })).toEqual({
        raised: [uuid],
        adopted: [],
      })
      expect(rig.record(uuid).lead.set.members).toHaveLength(2)
      await rig.until('service', () => rig.isServed(uuid))
    }))

  it('and differs in nothing that servers hold, locks the cluster once it counted beyond what they saw', () =>
    ClusterRig.play(async (rig) => {
      await rig.served()
      await rig.wait(6000)
      const old = rig.storage.snapshot()
      const count = async (times: number): Promise<void> => {
        const { cluster } = rig.store.view
        for (let i = 0; i < times; i++)
          await rig.store.change(() => ({ writes: [{ kind: 'cluster', record: cluster }], result: null }))
      }
      await count(3)
      await rig.until('they hear of it', () => rig.servers.every(({ seen }) => (seen?.seq ?? 0) > old.seq))
      for (const server of rig.servers) server.down()
      rig.storage.restore(old)
      await rig.restart()
      await count(30)
      await rig.servers[0]?.up()
      await rig.wait(1000)
      expect(rig.store.view.cluster.lock).toMatchObject({ reason: 'seq' })
    }))

  it('and has counted beyond what servers saw before they came, locks the cluster', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      await rig.wait(6000)
      const old = await shrink(rig, uuid)
      await rig.wait(6000)
      for (const server of rig.servers) server.down()
      rig.storage.restore(old)
      await rig.restart()
      for (let i = 0; i < 30; i++) {
        const { cluster } = rig.store.view
        await rig.store.change(() => ({ writes: [{ kind: 'cluster', record: cluster }], result: null }))
      }
      await rig.wait(6000)
      for (const server of rig.servers.slice(0, 2)) await server.up()
      await rig.wait(3000)
      expect(rig.store.view.cluster.lock).toMatchObject({ reason: 'epoch' })
    }))
})

describe('beats', () => {
  it('that come late, again or of a stream that is over change nothing', () =>
    ClusterRig.play(async (rig) => {
      const uuid = await rig.served()
      const [first] = rig.servers
      const stream = first?.stream ?? 0
      const early = first?.beatNow(true)
      const held = first?.held.get(uuid)
      if (held === undefined || early === undefined) throw new Error('it is held')
      await rig.wait(1000)
      held.appended = 77
      first?.beat(false)
      rig.runtime.onBeat(stream, early)
      expect(rig.runtime.live.replica(uuid, first?.id ?? '')?.open?.appended).toBe(77)
      first?.down()
      await first?.up()
      rig.runtime.onBeat(stream, early)
      rig.runtime.onDisconnect(stream)
      expect(rig.runtime.live.server(first?.id ?? '')?.isConnected).toBe(true)
      await rig.until('service', () => rig.isServed(uuid))
    }))
})
