/** Calls of the master, over real connections on loopback, at a server whose host is the test's. */
import type { ServiceError } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { silentLogger } from '../../src/base/log.ts'
import { epochNumber } from '../../src/base/units.ts'
import { Secret } from '../../src/frontend/secret.ts'
import type { ServerClient } from '../../src/gen/basalt/server/v1/Server.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import type { AllocateRequest, SnapshotFacts, VolumeSnapshots } from '../../src/master/links.ts'
import { bearer, channelCredentials, channelOptions } from '../../src/rpc/connection.ts'
import { services } from '../../src/rpc/definitions.ts'
import type { TaskView } from '../../src/rpc/tasks.ts'
import { ClusterMember } from '../../src/server/cluster/cluster-member.ts'
import type { ReplicaReport } from '../../src/server/replica/authority-link.ts'
import { PathTable } from '../../src/server/served/path-table.ts'
import { opening } from '../../src/v2engine/identity.ts'
import { SOUND } from '../../src/v2engine/marks.ts'
import { realPorts, temporaryDirectory } from '../e2e/target/support/volume.ts'
import { JOIN_TOKEN, MasterDouble } from './master-double.ts'

const SET = { epoch: 3, version: 9 } as const
const SERVER = '11111111-2222-4333-8444-555555555555'
const VOLUME = '6d1c3f0e-58a5-4d0b-9e1f-0c7f3c1a9b11'
const ID = 'fedcba9876543210'
const FACTS: SnapshotFacts = { id: ID, name: 'one', lsn: 2 ** 53 - 1, createdWallMs: 1.5, sizeBytes: 2 ** 52 }
const USAGE: VolumeSnapshots = {
  snapshots: [{ ...FACTS, isExposed: true, heldBytes: 2 ** 40, exclusiveBytes: 0 }],
  ...{ freeingBytes: 3, metadataBytes: 4 },
}
const TASK: TaskView = {
  ...{ task: VOLUME, state: 'failed', done: 2 ** 40, total: 0, unit: 'objects' },
  ...{ message: 'pack p1 is damaged', code: 'CORRUPT', result: null },
}
const clock = new RealClock({ syscalls: loadSyscalls() })
const epoch = { number: epochNumber(3), id: 2n ** 63n }

let directory: ReturnType<typeof temporaryDirectory>
let master: MasterDouble
let member: ClusterMember
let asked: unknown[]
/** What the host answers with. */
let failure: BlockError | undefined

beforeEach(async () => {
  directory = temporaryDirectory()
  asked = []
  failure = undefined
  master = await MasterDouble.open()
  member = await ClusterMember.open({
    ...{ disk: realPorts().disk, clock, random: new RealRandom(), logger: silentLogger },
    ...{ directory: directory.path, masters: [master.address], tls: undefined },
    joinToken: Secret.fromText(JOIN_TOKEN),
    listen: { host: '127.0.0.1', port: 0 },
    hello: (grpc) => ({
      ...{ id: SERVER, name: 's1', clusterId: VOLUME, zone: null, rack: null, diskType: 'ssd' },
      addresses: {
        ...{ grpc: `127.0.0.1:${grpc.port}`, replication: '127.0.0.1:1' },
        ...{ http: '127.0.0.1:2', iscsi: ['127.0.0.1:3'], nvme: [] },
      },
    }),
    isDraining: () => false,
    table: new PathTable(),
    ...{ version: '1.2.3', startedWallMs: 0 },
    onFatal: (error) => {
      throw error
    },
  })
  const hear = async (request: unknown): Promise<void> => {
    asked.push(request)
    if (failure !== undefined) throw failure
  }
  const answers =
    <T>(answer: T) =>
    async (request: unknown): Promise<T> => {
      await hear(request)
      return answer
    }
  const unanswered = (): void => undefined
  await member.join(
    {
      ...{ allocate: hear, remove: hear, expand: hear, setSettings: async () => undefined },
      ...{ deliver: () => true, list: () => [] },
    },
    {
      calls: {
        createSnapshot: answers(FACTS),
        ...{ deleteSnapshot: hear, restoreSnapshot: hear, exposeSnapshot: hear, setOrigin: hear },
        snapshotUsage: answers(USAGE),
        holdWrites: answers({ hold: 'h1' }),
        releaseWrites: answers({ wasHeld: true }),
        openImage: answers({ ticket: 't1' }),
        ...{ startTask: hear, cancelTask: hear },
        task: answers(TASK),
      },
      images: {
        ...{ ChangedBlocks: unanswered, CloseImage: unanswered },
        ...{ DescribeImage: unanswered, ReadImage: unanswered },
      },
    },
  )
  await master.until(() => master.beats.length > 0)
})
afterEach(async () => {
  await member.close()
  master.grpc.close()
  directory.remove()
})

function direct(): ServerClient {
  const address = `127.0.0.1:${member.address.port}`
  return new (services().Server)(address, channelCredentials(undefined), channelOptions('server', undefined))
}

const allocation: AllocateRequest = {
  ...{ volume: VOLUME, name: 'v', sizeBytes: 2 ** 52, logicalBlockBytes: 4096 },
  ...{ logBytes: null, madeIn: epoch },
}

describe('a call of the master', () => {
  it('comes as it was made', async () => {
    await master.links.allocate(SERVER, allocation)
    await master.links.allocate(SERVER, { ...allocation, logBytes: 0, madeIn: null })
    await master.links.remove(SERVER, { volume: VOLUME, epoch: 2 ** 53 - 1, set: SET })
    await master.links.expand(SERVER, { volume: VOLUME, epoch: 7, sizeBytes: 2 ** 40 })
    expect(asked).toEqual([
      allocation,
      { ...allocation, logBytes: 0, madeIn: null },
      { volume: VOLUME, epoch: 2 ** 53 - 1, set: SET },
      { volume: VOLUME, epoch: 7, sizeBytes: 2 ** 40 },
    ])
  })

  it('about snapshots and tasks comes as it was made, and so does its answer', async () => {
    const { links } = master
    const led = { volume: VOLUME, epoch: 7 }
    const one = { ...led, id: ID }
    const spec = { kind: 'hydrate', origin: { address: 'h:1', ticket: 't' } } as const
    const origin = { volume: SERVER, snapshot: '0000000000000001', sizeBytes: 2 ** 52 }
    expect(await links.createSnapshot(SERVER, { ...one, name: 'one' })).toEqual(FACTS)
    await links.deleteSnapshot(SERVER, one)
    await links.restoreSnapshot(SERVER, { ...one, request: SERVER, force: true })
    expect(await links.snapshotUsage(SERVER, led)).toEqual(USAGE)
    await links.exposeSnapshot(SERVER, { ...one, isExposed: true })
    await links.setOrigin(SERVER, { ...led, origin })
    expect(await links.holdWrites(SERVER, { ...led, holdMs: 12.5 })).toEqual({ hold: 'h1' })
    expect(await links.releaseWrites(SERVER, { ...led, hold: 'h1' })).toEqual({ wasHeld: true })
    expect(await links.openImage(SERVER, { ...led, snapshot: ID, reader: SERVER })).toEqual({ ticket: 't1' })
    await links.startTask(SERVER, { task: SERVER, led, spec })
    await links.startTask(SERVER, { task: SERVER, led: null, spec })
    expect(await links.task(SERVER, { task: SERVER })).toEqual(TASK)
    await links.cancelTask(SERVER, { task: SERVER })
    expect(asked).toEqual([
      { ...one, name: 'one' },
      one,
      { ...one, request: SERVER, force: true },
      led,
      { ...one, isExposed: true },
      { ...led, origin },
      { ...led, holdMs: 12.5 },
      { ...led, hold: 'h1' },
      { ...led, snapshot: ID, reader: SERVER },
      { task: SERVER, led, spec },
      { task: SERVER, led: null, spec },
      { task: SERVER },
      { task: SERVER },
    ])
    asked.length = 0
    await expect(links.holdWrites(SERVER, { ...led, holdMs: 5001 })).rejects.toMatchObject({
      code: 'PROTOCOL',
    })
    await expect(links.deleteSnapshot(SERVER, { ...one, id: '0'.repeat(16) })).rejects.toMatchObject({
      code: 'PROTOCOL',
    })
    expect(asked).toEqual([])
  })

  it.each(['CONFLICT', 'NO_SPACE', 'BUSY', 'READ_ONLY', 'NOT_FOUND', 'DISK', 'INVALID_ARGUMENT'] as const)(
    'is refused with the code and the sentence of the server: %s',
    async (code) => {
      failure = new BlockError(code, 'no room\nfor ünïcode', { facts: { reason: 'some_reason' } })
      await expect(master.links.allocate(SERVER, allocation)).rejects.toMatchObject({
        code,
        message: 'server s1: no room for ünïcode',
        facts: { reason: 'some_reason' },
      })
    },
  )

  it('that makes no sense does not reach the host', async () => {
    await expect(master.links.remove(SERVER, { volume: '../x', epoch: 1, set: SET })).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringMatching(/volume: .* is not a UUID/),
    })
    expect(asked).toEqual([])
  })

  it('is for the master that heard the hello; anybody may ping', async () => {
    const client = direct()
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.removeReplica({ volume: VOLUME, epoch: 1 }, bearer('guessed'), (cause) => resolve(cause))
    })
    expect(error?.details).toMatch(/call token/)
    expect(asked).toEqual([])
    const pinged = await new Promise<number | undefined>((resolve) => {
      client.ping({}, (_, answer) => resolve(answer?.wallMs))
    })
    expect(pinged).toBeGreaterThan(1.7e12)
    client.close()
  })

  it('asks for state, status and leave', async () => {
    const token = master.grpc.contactOf(SERVER)?.callToken ?? ''
    const client = direct()
    const state = (isInMaintenance: boolean) =>
      new Promise((resolve) => {
        client.setState({ isInMaintenance }, bearer(token), (_, answer) => resolve(answer))
      })
    expect(await state(true)).toEqual({ isInMaintenance: true })
    expect(member.isInMaintenance).toBe(true)
    const status = await new Promise((resolve) => {
      client.serverStatus({}, bearer(token), (_, answer) => resolve(answer))
    })
    expect(status).toMatchObject({ id: SERVER, version: '1.2.3', beat: { isFull: true } })

    const report = { current: leading() }
    const link = member.beats.link({
      volume: VOLUME,
      authority: () => undefined,
      heartbeat: () => undefined,
      report: () => report.current,
      deliver: () => undefined,
    })
    link.start()
    const leave = () =>
      new Promise<ServiceError | null>((resolve) => {
        client.leave({}, bearer(token), (error) => resolve(error))
      })
    expect((await leave())?.details).toMatch(/volume v is led here; move it first/)
    await link.close()
    expect(await leave()).toBeNull()
    await master.until(() => master.ended.length === 1)
    expect(member.connection().state).toBe('away')
    client.close()
  })
})

const leading = (): ReplicaReport => ({
  ...{ volume: VOLUME, name: 'v', sizeBytes: 1, state: 'open', outage: null },
  ...{ usedBytes: 0, settingsTag: 0, kept: null, led: null },
  open: {
    ...{ opening: opening(1), askedAtMs: 1, leads: epoch, isServing: true, sealed: epoch, set: null },
    ...{ standing: SOUND, appended: 0, committed: 0, durable: 0, peers: [], sessions: 0 },
  },
})
