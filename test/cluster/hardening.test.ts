/**
 * The hardening matrix: what a replica set must come through, each row with five kinds of evidence. What was true when
 * it began (entry), what the engine decided and why (result), what the replicas hold after it (execution), that nothing
 * is left behind (cleanup), and what an operator could have seen of it (events). docs/replication.md has the table.
 */
import { describe, expect, it } from 'vitest'
import { lsn } from '../../src/base/units.ts'
import { standingOf } from '../../src/v2engine/marks.ts'
import { Cluster, type Configuration } from './cluster.ts'
import type { ModelNode } from './node.ts'

const SYNC_ALL: Configuration = {
  name: 'sync_all of 3',
  policy: { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 3 },
  budget: true,
}

/** A cluster in which only what the test does goes wrong. */
class Scene {
  readonly lines: string[] = []
  readonly cluster: Cluster

  constructor(configuration = SYNC_ALL) {
    this.cluster = new Cluster(7, configuration, (line) => this.lines.push(line))
    this.cluster.start()
    this.cluster.calmDown()
    this.cluster.world.isFreeingLog = false
    this.settle()
    this.writeFor(1500)
    this.settle()
  }

  get primary(): ModelNode {
    return this.node(this.cluster.authority.registry.primary)
  }
  get replicas(): ModelNode[] {
    return [...this.cluster.nodes.values()].filter((node) => node !== this.primary)
  }
  node(server: string): ModelNode {
    return this.cluster.nodes.get(server)!
  }

  writeFor(ms: number): void {
    this.cluster.world.isLoaded = true
    this.cluster.timeline.run(this.cluster.timeline.nowMs + ms)
    this.cluster.world.isLoaded = false
  }

  until(isSo: () => boolean): void {
    const { timeline } = this.cluster
    for (let i = 0; i < 2000 && !isSo(); i++) timeline.run(timeline.nowMs + 10)
    expect(isSo()).toBe(true)
  }

  settle(): void {
    expect(this.cluster.untilWell(30_000), 'everything comes to be in sync').toBe(true)
  }

  /** The others go on without this one. */
  settleWithout(node: ModelNode): void {
    const { timeline, authority } = this.cluster
    timeline.run(timeline.nowMs + 6000)
    expect(node.isUp).toBe(false)
    expect(this.primary.state?.commit).toBe(this.primary.storage.appended)
    expect(authority.registry.state).toBe('serving')
  }

  /** Everybody holds the same; nothing is pinned, and nothing runs on when all are closed. */
  expectWhole(): void {
    this.settle()
    this.cluster.compare()
    for (const node of this.cluster.nodes.values()) expect(node.pinCount).toBe(0)
    this.cluster.closeAll()
  }

  /** The last plan made for a server: `kind D… R… S… H…` and what the log says of it. */
  lastPlan(server: string): string {
    const sent = this.lines.findLast(
      (line) => line.includes(`"server":"${server}"`) && line.includes('"kind":"plan"'),
    )
    const match = /"plan":\{"kind":"(\w+)","proof":\{"D":(\d+),"R":(\d+),"S":(\d+),"H":(\d+)\}/.exec(
      sent ?? '',
    )
    return match === null ? 'none' : `${match[1]} D${match[2]} R${match[3]} S${match[4]} H${match[5]}`
  }

  seen(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length
  }

  /** All log below `from` is given back at the primary. */
  freeLogBelow(from: number): void {
    const { storage } = this.primary
    storage.sync()
    storage.flush(storage.durable, true)
    storage.trim(from)
    this.primary.report()
  }
}

describe('the hardening matrix', () => {
  it('M1 changed address: the same replica elsewhere, a new connection, no copy', () => {
    const scene = new Scene()
    const [replica] = scene.replicas
    const { authority } = scene.cluster
    const before = replica!.storage.appended
    expect(before).toBeGreaterThan(10)
    authority.replicas = authority.replicas.map((one) =>
      one.server === replica!.server ? { ...one, endpoint: 'elsewhere:7460' } : one,
    )
    authority.assign()
    scene.cluster.timeline.run(scene.cluster.timeline.nowMs + 500)
    expect(scene.lastPlan(replica!.server)).toMatch(new RegExp(`^inSync D${before} R\\d+ S1 H${before}$`))
    expect(replica!.storage.appended).toBe(before)
    expect(scene.cluster.stats.get('resync')).toBeUndefined()
    expect(scene.cluster.stats.get('end: it moved')).toBe(1)
    scene.expectWhole()
  })

  it('M2 stale epoch: a primary that was cut off comes back, is refused, and follows', () => {
    const scene = new Scene()
    const stale = scene.primary
    const { network } = scene.cluster
    for (const other of ['M', ...scene.replicas.map((node) => node.server)]) {
      network.cut(stale.server, other, 60_000)
      network.cut(other, stale.server, 60_000)
    }
    scene.writeFor(12_000)
    expect(scene.primary).not.toBe(stale)
    expect(stale.state!.marks.sealed.number).toBe(1)
    expect(stale.storage.appended).toBeGreaterThanOrEqual(stale.state!.commit)
    const ownEnd = stale.storage.appended
    network.heal()
    scene.settle()
    expect(stale.state!.role.kind).toBe('following')
    expect(scene.primary.state!.marks.sealed.number).toBeGreaterThanOrEqual(2)
    // what it wrote alone was never acknowledged, and is gone
    expect(scene.lastPlan(stale.server)).toMatch(/^catchUp|^resync/)
    expect(scene.seen('"kind":"dropLog"')).toBeGreaterThan(0)
    expect(ownEnd).toBeGreaterThan(0)
    expect(scene.seen(`${stale.server} serving -> following`)).toBe(1)
    scene.expectWhole()
  })

  it('M3 needs rebuild: the log is gone, the delta comes block by block, and only a barrier makes it in sync', () => {
    const scene = new Scene()
    const [replica] = scene.replicas
    replica!.kill()
    const base = replica!.storage.durable
    scene.writeFor(6000)
    scene.freeLogBelow(Number.POSITIVE_INFINITY)
    expect(scene.cluster.authority.registry.set.members).not.toContain(replica!.server)
    expect(scene.primary.storage.retainedFrom).toBeGreaterThan(replica!.storage.appended + 1)
    replica!.open()
    scene.until(() => replica!.storage.stored?.resync !== null)
    expect(replica!.storage.stored?.resync).toMatchObject({ phase: 'copying' })
    expect(standingOf(replica!.state!.marks).isResyncing).toBe(true)
    expect(scene.lastPlan(replica!.server)).toMatch(/^resync D\d+/)
    expect(replica!.storage.stored!.resync!.base).toBeGreaterThanOrEqual(base)
    scene.settle()
    expect(replica!.storage.stored?.resync).toBeNull()
    expect(scene.cluster.authority.registry.set.members).toContain(replica!.server)
    expect(scene.cluster.stats.get('resync')).toBe(1)
    expect(scene.seen('"kind":"confirmed"')).toBeGreaterThan(0)
    scene.expectWhole()
  })

  it.each([
    { missing: 0, retained: 1, plan: 'inSync' },
    { missing: 5, retained: 1, plan: 'catchUp' },
    { missing: 5, retained: 2, plan: 'resync' },
  ])('M4 at the edge of the log: $missing entries missing, log from R + $retained on: $plan', (edge) => {
    const scene = new Scene()
    const [replica] = scene.replicas
    replica!.kill()
    const reached = replica!.storage.appended
    if (edge.missing > 0) scene.writeFor(4000)
    scene.settleWithout(replica!)
    if (edge.missing > 0) scene.freeLogBelow(reached + edge.retained)
    const retained = scene.primary.storage.retainedFrom
    if (edge.missing > 0) expect(retained).toBe(reached + edge.retained)
    replica!.open()
    const plans = scene.seen('"kind":"plan"')
    scene.until(() => scene.seen('"kind":"plan"') > plans)
    expect(scene.lastPlan(replica!.server)).toMatch(
      new RegExp(`^${edge.plan} D${reached} R${reached} S${retained} H\\d+$`),
    )
    scene.settle()
    expect(scene.cluster.stats.get('resync') ?? 0).toBe(edge.plan === 'resync' ? 1 : 0)
    expect(scene.seen('"kind":"planned"')).toBeGreaterThan(2)
    scene.expectWhole()
  })

  it('X1 failover cycle: two primaries die in turn, and come back as replicas', () => {
    const scene = new Scene()
    const acknowledged = scene.primary.storage.appended
    const leaders: string[] = []
    for (let i = 0; i < 2; i++) {
      const dying = scene.primary
      leaders.push(dying.server)
      dying.kill()
      scene.writeFor(9000)
      expect(scene.primary).not.toBe(dying)
      dying.open()
      scene.settle()
    }
    expect(new Set(leaders).size).toBe(2)
    expect(scene.cluster.authority.registry.epoch.number).toBe(3)
    expect(scene.primary.storage.appended).toBeGreaterThan(acknowledged)
    expect(scene.cluster.stats.get('started')).toBe(3)
    expect(scene.cluster.stats.get('promoted with possible loss')).toBeUndefined()
    scene.expectWhole()
  })

  it('X2 overlapping pins: the floor is the least of them, moves when one is released, and ends with none', () => {
    const scene = new Scene()
    const [first, second] = scene.replicas
    first!.kill()
    scene.writeFor(4000)
    second!.kill()
    scene.writeFor(4000)
    const [low, high] = [first!.storage.appended + 1, second!.storage.appended + 1]
    expect(low).toBeLessThan(high)
    const floors: number[] = []
    first!.open()
    second!.open()
    const { timeline } = scene.cluster
    for (let i = 0; i < 4000 && scene.cluster.authority.registry.set.members.length < 3; i++) {
      timeline.run(timeline.nowMs + 1)
      floors.push(scene.primary.pinnedFrom)
    }
    const distinct = floors.filter((floor, i) => floor !== floors[i - 1])
    expect(distinct[0]).toBe(Number.POSITIVE_INFINITY)
    expect(distinct.at(-1)).toBe(Number.POSITIVE_INFINITY)
    expect(distinct).toContain(low)
    expect(floors.every((floor) => floor >= low)).toBe(true)
    expect(scene.lastPlan(first!.server)).toMatch(new RegExp(`^catchUp D${low - 1} `))
    expect(scene.lastPlan(second!.server)).toMatch(new RegExp(`^catchUp D${high - 1} `))
    expect(scene.seen('"kind":"unpin"')).toBeGreaterThanOrEqual(2)
    scene.expectWhole()
  })

  it('N1 the primary alone: it stops when its lease is over, and what it had is kept or was never acknowledged', () => {
    const scene = new Scene()
    const alone = scene.primary
    for (const other of ['M', ...scene.replicas.map((node) => node.server)]) {
      scene.cluster.network.cut(alone.server, other, 20_000)
      scene.cluster.network.cut(other, alone.server, 20_000)
    }
    scene.writeFor(4000)
    const before = scene.cluster.stats.get('read') ?? 0
    // nobody promoted and nobody served at this moment, or the new primary only
    expect(alone.event({ kind: 'flushAsked', lsn: lsn(1) })).toBeUndefined()
    scene.writeFor(6000)
    expect(scene.cluster.stats.get('read') ?? 0).toBeGreaterThan(before)
    expect(scene.primary).not.toBe(alone)
    scene.cluster.network.heal()
    scene.expectWhole()
  })
})
