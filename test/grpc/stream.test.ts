/** The stream between block servers and a master, over real connections on loopback. */
import { Metadata } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BlockError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { epochNumber } from '../../src/base/units.ts'
import { Secret } from '../../src/frontend/secret.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import type { ServerHello, ToServer } from '../../src/master/links.ts'
import { bearer, channelCredentials, channelOptions } from '../../src/rpc/connection.ts'
import { services } from '../../src/rpc/definitions.ts'
import { beatIn, helloIn } from '../../src/rpc/link-codec.ts'
import { Beats } from '../../src/server/cluster/beats.ts'
import { MasterClient } from '../../src/server/cluster/master-client.ts'
import type { AuthorityLink, ReplicaReport } from '../../src/server/replica/authority-link.ts'
import { opening, serverId } from '../../src/v2engine/identity.ts'
import { SOUND } from '../../src/v2engine/marks.ts'
import { ADMIN_TOKEN, JOIN_TOKEN, MasterDouble } from './master-double.ts'

const SET = { epoch: 3, version: 9 } as const
const SERVER = '11111111-2222-4333-8444-555555555555'
const VOLUME = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const epoch = { number: epochNumber(3), id: 2n ** 64n - 1n }
const hello: ServerHello = {
  id: SERVER,
  name: 's1',
  clusterId: '99999999-2222-4333-8444-555555555555',
  addresses: {
    grpc: '127.0.0.1:1',
    replication: '127.0.0.1:2',
    http: '127.0.0.1:3',
    iscsi: ['127.0.0.1:4'],
    nvme: [],
  },
  zone: 'z1',
  rack: null,
  diskType: 'nvme',
  process: '77777777-2222-4333-8444-555555555555',
  registrySeen: { id: 'r', seq: Number.MAX_SAFE_INTEGER },
}
const clock = new RealClock({ syscalls: loadSyscalls(() => undefined) })

let master: MasterDouble
let clients: MasterClient[]
beforeEach(async () => {
  clients = []
  master = await MasterDouble.open()
})
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()))
  master.grpc.close()
})

function member(
  options: {
    token?: string
    masters?: string[]
    obey?: (m: ToServer) => Promise<void>
    hello?: () => ServerHello
  } = {},
) {
  const beats = new Beats(clock, () => ({ freeBytes: 5, capacityBytes: 2 ** 50 }))
  const obeyed: ToServer[] = []
  const client = new MasterClient({
    masters: options.masters ?? [master.address],
    tls: () => undefined,
    joinToken: Secret.fromText(options.token ?? JOIN_TOKEN),
    callToken: 'call',
    hello: options.hello ?? (() => hello),
    beats,
    isDraining: () => false,
    lost: () => undefined,
    obey:
      options.obey ??
      (async (message) => {
        obeyed.push(message)
      }),
    clock,
    random: new RealRandom(),
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
  })
  clients.push(client)
  return { client, beats, obeyed }
}

/** A replica that stands still unless the test changes it. */
function replica(beats: Beats, leads: boolean): { link: AuthorityLink; report: { current: ReplicaReport } } {
  const report: { current: ReplicaReport } = {
    current: {
      volume: VOLUME,
      name: 'v',
      sizeBytes: 1 << 20,
      state: 'open',
      open: {
        opening: opening(9),
        askedAtMs: 1,
        leads: leads ? epoch : null,
        isServing: leads,
        sealed: epoch,
        set: null,
        standing: SOUND,
        appended: 7,
        committed: 7,
        durable: 7,
        peers: [],
        sessions: 0,
      },
      outage: null,
      usedBytes: 0,
      settingsTag: 4,
      led: null,
      kept: 'kept',
    },
  }
  const link = beats.link({
    volume: VOLUME,
    authority: () => undefined,
    heartbeat: () => undefined,
    report: () => report.current,
    deliver: () => undefined,
  })
  link.start()
  return { link, report }
}

/** A stream by hand. */
function byHand(metadata: Metadata = bearer(JOIN_TOKEN)) {
  const client = new (services().Master)(
    master.address,
    channelCredentials(undefined),
    channelOptions('master', undefined),
  )
  const call = client.heartbeat(metadata)
  call.on('data', () => undefined)
  const end = new Promise<{ code: number; details: string }>((resolve) => {
    call.on('status', resolve)
    call.on('error', () => undefined)
  })
  return { call, end: end.finally(() => client.close()) }
}

describe('a server and its master', () => {
  it('say hello, a full beat, and then only what leads or changed', async () => {
    const { client, beats } = member()
    const { report, link } = replica(beats, false)
    client.start()
    const full = await master.until(() => master.beats.find(({ beat }) => beat.replicas.length > 0)?.beat)
    expect(master.hellos[0]?.hello).toEqual(hello)
    expect(full).toMatchObject({ isFull: true, freeBytes: 5, capacityBytes: 2 ** 50 })
    expect(full.replicas).toEqual([{ ...report.current, messages: [] }])

    const idle = await master.until(() => master.beats.slice(1).find(({ beat }) => !beat.isFull)?.beat)
    expect(idle.replicas).toEqual([])

    link.send({ kind: 'readSet', epoch })
    link.send({ kind: 'changeSet', epoch, version: 1, members: [serverId('a')] })
    link.send({ kind: 'changeSet', epoch, version: 2, members: [serverId('a')] })
    const told = await master.until(
      () => master.beats.find(({ beat }) => (beat.replicas[0]?.messages.length ?? 0) > 0)?.beat,
    )
    expect(told.replicas[0]?.messages).toEqual([
      { kind: 'readSet', epoch },
      { kind: 'changeSet', epoch, version: 2, members: ['a'] },
    ])
    expect(told.replicas[0]?.kept).toBeNull()
    const rising = master.beats.map(({ beat }) => beat.sentAtMs)
    expect(rising).toEqual([...new Set(rising)].sort((a, b) => a - b))

    await link.close()
    await master.until(
      () => master.beats.at(-1)?.beat.isFull === true && master.replicas.get(SERVER)?.size === 0,
    )
  })

  it('lists a replica that leads in every beat, for each asks for a grant', async () => {
    const { client, beats } = member()
    replica(beats, true)
    client.start()
    await master.until(() => master.beats.length >= 3)
    for (const { beat } of master.beats) expect(beat.replicas).toHaveLength(1)
  })

  it('hear in order, and a later message not before the one before was obeyed', async () => {
    const stored = Promise.withResolvers<void>()
    const seen: string[] = []
    const { client } = member({
      obey: async (message) => {
        seen.push(message.kind)
        if (message.kind === 'registry') await stored.promise
      },
    })
    client.start()
    await master.until(() => master.beats.length > 0)
    master.links.send(SERVER, { kind: 'registry', id: 'r', seq: 5 })
    master.links.send(SERVER, { kind: 'replica', volume: VOLUME, message: { kind: 'seal', epoch } })
    const before = master.beats.length
    await master.until(() => master.beats.length > before + 1)
    expect(seen).toEqual(['registry'])
    stored.resolve()
    await master.until(() => seen.length === 2)
    expect(seen).toEqual(['registry', 'replica'])
  })

  it('part with a goodbye', async () => {
    const { client } = member()
    client.start()
    await master.until(() => master.beats.length > 0)
    await client.close()
    expect(client.connection()).toMatchObject({ state: 'away', connects: 1 })
    await master.until(() => master.ended.length > 0)
    expect(master.ended).toEqual([1])
  })

  it('find each other again after the master was gone, with everything said anew', async () => {
    const { client, beats } = member()
    replica(beats, false)
    client.start()
    await master.until(() => master.beats.length > 0)
    const port = Number(master.address.split(':')[1])
    master.grpc.close()
    master = await MasterDouble.open(port)
    const first = await master.until(() => master.beats[0]?.beat)
    expect(first).toMatchObject({ isFull: true, replicas: [{ kept: 'kept' }] })
    expect(client.connection()).toMatchObject({ state: 'connected', connects: 2 })
  })

  it('say again what changed while the first hello was on its way', async () => {
    let zone = 'z1'
    const { client } = member({ hello: () => ({ ...hello, zone }) })
    client.start()
    // the hello is written, and nothing has come back
    zone = 'z2'
    client.helloChanged()
    await master.until(() => master.hellos.at(-1)?.hello.zone === 'z2')
    await master.until(() => master.beats.length > 0)
    expect(master.hellos.map(({ stream }) => stream)).toEqual([1, 1])
  })

  it('go to the next master when one does not answer', async () => {
    const { client } = member({ masters: ['127.0.0.1:1', master.address] })
    client.start()
    await master.until(() => master.beats.length > 0)
    expect(client.connection().address).toBe(master.address)
  })

  it('go to the leader that a master names which does not lead', async () => {
    const [follower, silent] = [await MasterDouble.open(), await MasterDouble.open()]
    try {
      const message = `this master does not lead; ${master.address} does`
      follower.verdict = { kind: 'refused', reason: 'not_leader', message, leader: master.address }
      const { client } = member({ masters: [follower.address, silent.address, master.address] })
      client.start()
      await master.until(() => master.beats.length > 0)
      expect(client.connection()).toMatchObject({ address: master.address, connects: 1 })
      expect(silent.hellos).toEqual([])
    } finally {
      follower.grpc.close()
      silent.grpc.close()
    }
  })

  it('ask every master once when none knows who leads, and pause before they ask again', async () => {
    const followers = [await MasterDouble.open(), await MasterDouble.open()]
    try {
      const message = 'no master leads at present'
      for (const one of followers) {
        one.verdict = { kind: 'refused', reason: 'not_leader', message, leader: null }
      }
      const { client } = member({ masters: followers.map(({ address }) => address) })
      client.start()
      await expect.poll(() => client.connection().state, { timeout: 5000, interval: 5 }).toBe('waiting')
      expect(client.connection().address).toBe(followers[1]?.address)
      expect(client.connection().reason).toContain(message)
      followers[0]!.verdict = undefined
      await followers[0]!.until(() => followers[0]!.beats.length > 0)
    } finally {
      for (const { grpc } of followers) grpc.close()
    }
  })

  it('have one stream: the newer one', async () => {
    const older = byHand()
    older.call.write({ hello: helloIn(hello, 'call') })
    await master.until(() => master.hellos.length === 1)
    const { client } = member()
    client.start()
    await master.until(() => master.beats.length > 0)
    expect(await older.end).toMatchObject({ details: 'a newer stream of this server was opened' })
    expect(master.ended).toEqual([])
    expect(master.beats.every(({ stream }) => stream === 2)).toBe(true)
  })
})

describe('a stream that is refused', () => {
  it.each([
    [new Metadata(), 16, /no token came.*--join-token-file/],
    [bearer('x'.repeat(40)), 16, /the token is not known/],
    [bearer(ADMIN_TOKEN), 7, /role admin lets no server join/],
  ])('has no token that lets servers join', async (metadata, code, details) => {
    const { call, end } = byHand(metadata)
    call.write({ hello: helloIn(hello, 'call') })
    expect(await end).toMatchObject({ code, details: expect.stringMatching(details) })
    expect(master.hellos).toEqual([])
  })

  it('belongs to another cluster: the server is told, and goes on asking', async () => {
    master.verdict = { kind: 'refused', reason: 'another_cluster', message: 'this is cluster 1, not 2' }
    const { client } = member()
    client.start()
    const { end, call } = byHand()
    call.write({ hello: helloIn(hello, 'call') })
    expect(await end).toMatchObject({ details: 'this is cluster 1, not 2' })
    master.verdict = undefined
    await master.until(() => master.beats.length > 0)
  })

  it('makes no sense', async () => {
    const noHello = byHand()
    noHello.call.write({ beat: {} })
    expect(await noHello.end).toMatchObject({ code: 3, details: 'body: a stream begins with a hello' })

    const empty = byHand()
    empty.call.write({})
    expect(await empty.end).toMatchObject({ code: 3, details: 'body: it is missing' })

    const wrong = byHand()
    wrong.call.write({ hello: { ...helloIn(hello, 'call'), id: '../..' } })
    expect(await wrong.end).toMatchObject({ code: 3, details: expect.stringMatching(/hello.id/) })

    const other = byHand()
    other.call.write({ hello: helloIn(hello, 'call') })
    other.call.write({ hello: helloIn({ ...hello, id: VOLUME }, 'call') })
    expect(await other.end).toMatchObject({ details: expect.stringMatching(/belongs to one server/) })
    await master.until(() => master.ended.length === 1)
  })

  it('sends what is too large, and others go on', async () => {
    const { client } = member()
    const huge = byHand()
    huge.call.write({ hello: { ...helloIn(hello, 'call'), id: VOLUME, name: 'x'.repeat(9 << 20) } })
    expect((await huge.end).code).toBe(8)
    client.start()
    await master.until(() => master.beats.length > 0)
  })

  it('sends more than anybody has to say', async () => {
    const { call, end } = byHand()
    call.write({ hello: helloIn(hello, 'call') })
    const beat = beatIn({
      ...{ sentAtMs: 1, freeBytes: 0, capacityBytes: 0, isDraining: false, isFull: false, replicas: [] },
    })
    for (let i = 0; i < 1500; i++) call.write({ beat })
    expect(await end).toMatchObject({ details: expect.stringMatching(/messages a second/) })
  })
})

describe('a server that does not read', () => {
  it('loses its stream and not messages in between', async () => {
    const { call, end } = byHand()
    call.write({ hello: helloIn(hello, 'call') })
    await master.until(() => master.grpc.contactOf(SERVER))
    for (let i = 0; i < 5000; i++) master.links.send(SERVER, { kind: 'tellAll' })
    expect(master.ended).toEqual([1])
    expect(await end).toMatchObject({ code: 14, details: expect.stringMatching(/4096 messages wait/) })
    master.links.send(SERVER, { kind: 'tellAll' })
  })
})

describe('calls', () => {
  it('know nothing of a server that is not connected', async () => {
    const error = await master.links
      .remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })
      .catch((cause: BlockError) => cause)
    expect(error).toMatchObject({ code: 'DISCONNECTED' })
  })

  it('know nothing when nobody answers', async () => {
    const { client } = member()
    client.start()
    await master.until(() => master.beats.length > 0)
    await expect(master.links.remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })).rejects.toMatchObject({
      code: 'DISCONNECTED',
    })
  })
})
