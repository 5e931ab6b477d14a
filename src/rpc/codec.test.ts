import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBlockError } from '../base/errors.ts'
import { epochNumber, lsn } from '../base/units.ts'
import type { PathRole, VolumePaths } from '../frontend/paths.ts'
import type { ReplicaBeat, ServerBeat, ServerHello, ToServer } from '../master/links.ts'
import { opening, serverId } from '../v2engine/identity.ts'
import type { AuthorityMessage, ToAuthority } from '../v2engine/messages.ts'
import type { Policy } from '../v2engine/policy.ts'
import { services } from './definitions.ts'
import { beatIn, beatOf, helloIn, helloOf, masterMessageIn, masterMessageOf } from './link-codec.ts'

// through the bytes, as they pass over the wire
const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
  services().Master.service.Heartbeat

const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER }).map((value) => value)
const exact = fc.oneof(natural, fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER))
const ms = fc.double({ min: 0, max: 2 ** 50, noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value))
const uuid = fc.uuid()
const word = fc.stringMatching(/^[a-z0-9.-]{1,40}$/)
const id = word.map(serverId)
const snapshotId = fc
  .bigInt({ min: 1n, max: 2n ** 64n - 1n })
  .map((value) => value.toString(16).padStart(16, '0'))
const epoch = fc.record({ number: exact.map(epochNumber), id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) })
const address = fc.constantFrom('127.0.0.1:7460', '[::1]:7461', 'host-a.example:1')
const members = fc.uniqueArray(id, { minLength: 1, maxLength: 16 })
const set = fc.record({ epoch: exact.map(epochNumber), version: exact, members })
const standing = fc.record({ isDoubtful: fc.boolean(), isDamaged: fc.boolean(), isResyncing: fc.boolean() })
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({
    replicaFactor: fc.constant(3),
    mode: fc.record({ kind: fc.constant('sync_all' as const), minInSync: fc.integer({ min: 1, max: 3 }) }),
  }),
  fc.record({
    replicaFactor: fc.constant(5),
    mode: fc.record({ kind: fc.constant('sync_quorum' as const) }),
  }),
  fc.record({
    replicaFactor: fc.constant(1),
    mode: fc.record({ kind: fc.constant('best_effort' as const), maxLagEntries: exact, maxLagMs: exact }),
  }),
)
const kind = <K extends string>(value: K): fc.Arbitrary<K> => fc.constant(value)

const toAuthority: fc.Arbitrary<ToAuthority> = fc.oneof(
  fc.record({
    kind: kind('sealed'),
    epoch,
    server: id,
    opening: exact.map(opening),
    last: fc.record({ epoch: exact.map(epochNumber), lsn: exact }),
    standing,
    hasServed: fc.boolean(),
  }),
  fc.record({ kind: kind('sealLater'), epoch, waitMs: ms }),
  fc.record({ kind: kind('sealRefused'), epoch, sealed: epoch }),
  fc.record({
    kind: kind('assignRefused'),
    epoch,
    why: fc.constantFrom(
      'another server',
      'epoch not sealed here',
      'epoch already served',
      'another opening',
      'resyncing',
      'not a replica',
      'stopped',
    ),
  }),
  fc.record({ kind: kind('changeSet'), epoch, version: exact, members }),
  fc.record({ kind: kind('readSet'), epoch }),
  fc.record({ kind: kind('stopped'), epoch, opening: exact.map(opening), isDrained: fc.boolean() }),
  fc.record({ kind: kind('stopFailed'), epoch }),
  fc.record({ kind: kind('serving'), epoch, startLsn: exact.map(lsn) }),
)

const authorityMessage: fc.Arbitrary<AuthorityMessage> = fc.oneof(
  fc.record({ kind: kind('seal'), epoch }),
  fc.record({ kind: kind('stop'), epoch }),
  fc.record({ kind: kind('setIs'), epoch, set }),
  fc.record({ kind: kind('grant'), epoch, opening: exact.map(opening), askedAtMs: ms, leaseMs: ms }),
  fc.record({
    kind: kind('assign'),
    epoch,
    role: fc.constantFrom('primary', 'replica'),
    primary: id,
    opening: exact.map(opening),
    replicas: fc.array(fc.record({ server: id, endpoint: address }), { maxLength: 16 }),
    set,
    policy,
  }),
)

const open: fc.Arbitrary<NonNullable<ReplicaBeat['open']>> = fc.record({
  opening: exact.map(opening),
  askedAtMs: ms,
  leads: fc.option(epoch),
  isServing: fc.boolean(),
  sealed: epoch,
  set: fc.option(set),
  standing,
  appended: exact,
  committed: exact,
  durable: exact,
  peers: fc.array(
    fc.record({
      server: id,
      isConnected: fc.boolean(),
      lagEntries: exact,
      lagBytes: exact,
      resync: fc.option(fc.record({ sentBytes: exact, scannedBlocks: exact, sizeBlocks: exact })),
    }),
    { maxLength: 5 },
  ),
  sessions: fc.nat(100),
})

const replica: fc.Arbitrary<ReplicaBeat> = fc.record({
  volume: uuid,
  name: word,
  sizeBytes: exact,
  state: fc.constantFrom('opening', 'open', 'waiting', 'closed'),
  open: fc.option(open),
  outage: fc.option(fc.string({ maxLength: 100 })),
  usedBytes: exact,
  settingsTag: exact,
  kept: fc.option(fc.string({ maxLength: 100 })),
  led: fc.option(
    fc.record({
      epoch: exact,
      snapshots: fc.array(
        fc.record({
          id: snapshotId,
          name: word,
          lsn: exact,
          createdWallMs: ms,
          sizeBytes: exact,
          isExposed: fc.boolean(),
        }),
        { maxLength: 4 },
      ),
      origin: fc.option(
        fc.record({
          volume: uuid,
          snapshot: snapshotId,
          sizeBytes: exact,
          doneBytes: exact,
          totalBytes: exact,
        }),
      ),
      scrub: fc.option(fc.record({ endedWallMs: ms, errors: exact, repaired: exact })),
    }),
  ),
  messages: fc.array(toAuthority, { maxLength: 9 }),
})

const beat: fc.Arbitrary<ServerBeat> = fc.record({
  sentAtMs: ms,
  freeBytes: exact,
  capacityBytes: exact,
  isDraining: fc.boolean(),
  isFull: fc.boolean(),
  replicas: fc.array(replica, { maxLength: 4 }),
})

const hello: fc.Arbitrary<ServerHello> = fc.record({
  id: uuid,
  name: word,
  clusterId: uuid,
  addresses: fc.record({
    grpc: address,
    replication: address,
    http: address,
    iscsi: fc.array(address, { minLength: 1, maxLength: 3 }),
    nvme: fc.array(address, { maxLength: 3 }),
  }),
  zone: fc.option(word),
  rack: fc.option(word),
  diskType: fc.constantFrom('ssd', 'hdd', 'nvme'),
  process: uuid,
  registrySeen: fc.option(fc.record({ id: uuid, seq: exact })),
})

const credential = fc.record({
  user: word,
  secret: fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
})
const path = fc.record({
  server: id,
  slot: fc.nat(62),
  role: fc.constantFrom<PathRole>('standby', 'transitioning', 'unavailable'),
  iscsi: fc.array(address, { maxLength: 3 }),
  nvme: fc.array(address, { maxLength: 3 }),
})
const volumePaths: fc.Arbitrary<VolumePaths> = fc.record({
  volume: uuid,
  name: word,
  sizeBytes: exact,
  logicalBlockBytes: fc.constantFrom(512, 4096),
  isMultipath: fc.boolean(),
  initiators: fc.option(fc.array(word, { maxLength: 3 })),
  hosts: fc.option(fc.array(word, { maxLength: 3 })),
  paths: fc
    .tuple(fc.uniqueArray(path, { minLength: 1, maxLength: 5, selector: ({ slot }) => slot }), fc.boolean())
    .map(([paths, isLed]) => paths.map((one, at) => (isLed && at === 0 ? { ...one, role: 'active' } : one))),
})
const toServer: fc.Arbitrary<ToServer> = fc.oneof(
  fc.record({ kind: kind('replica'), volume: uuid, message: authorityMessage }),
  fc.record({ kind: kind('registry'), id: uuid, seq: exact }),
  fc.record({ kind: kind('tellAll') }),
  fc.record({
    kind: kind('settings'),
    volume: uuid,
    access: fc.record({
      initiators: fc.option(fc.array(word, { maxLength: 5 })),
      chap: fc.option(
        fc.tuple(credential, fc.option(credential)).map(([own, mutual]) => ({ ...own, mutual })),
      ),
      hosts: fc.option(fc.array(word, { maxLength: 5 })),
      dhchap: fc.array(fc.record({ host: word, secret: word, controllerSecret: fc.option(word) }), {
        maxLength: 3,
      }),
    }),
    qos: fc.record({ iops: exact, iopsBurst: exact, bytesPerSecond: exact, bytesBurst: exact }),
    tag: exact,
    keep: fc.string({ maxLength: 100 }),
  }),
  fc.record({
    kind: kind('paths'),
    isFirst: fc.boolean(),
    isLast: fc.boolean(),
    volumes: fc.array(volumePaths, { maxLength: 3 }),
    removed: fc.array(uuid, { maxLength: 3 }),
  }),
)

describe('what passes over the stream', () => {
  it('is the same hello', () => {
    fc.assert(
      fc.property(hello, (said) => {
        const message = requestDeserialize(requestSerialize({ hello: helloIn(said, 'token') }))
        expect(message.hello && helloOf(message.hello)).toEqual({ hello: said, callToken: 'token' })
      }),
    )
  })

  it('is the same beat', () => {
    fc.assert(
      fc.property(beat, (said) => {
        const message = requestDeserialize(requestSerialize({ beat: beatIn(said) }))
        expect(message.beat && beatOf(message.beat)).toEqual(said)
      }),
    )
  })

  it('is the same word of the master', () => {
    fc.assert(
      fc.property(toServer, (said) => {
        expect(masterMessageOf(responseDeserialize(responseSerialize(masterMessageIn(said))))).toEqual(said)
      }),
    )
  })
})

describe('what makes no sense', () => {
  const refusal = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      if (isBlockError(error, 'PROTOCOL')) return error.message
      throw error
    }
    return 'taken'
  }
  const said = fc.sample(beat, { numRuns: 1, seed: 1 })[0]!
  const one: ReplicaBeat = { ...fc.sample(replica, { numRuns: 1, seed: 1 })[0]!, messages: [] }
  const taken = (wire: ReturnType<typeof beatIn>): string => {
    const { beat: back } = requestDeserialize(requestSerialize({ beat: wire }))
    return refusal(() => back && beatOf(back))
  }
  const withReplica = (change: object): string =>
    taken({
      ...beatIn(said),
      replicas: [{ ...beatIn({ ...said, replicas: [one] }).replicas?.[0], ...change }],
    })

  it('is refused with the name of the field', () => {
    expect(taken({ ...beatIn(said), freeBytes: '9007199254740992' })).toMatch(/beat.free_bytes: .* above/)
    expect(taken({ ...beatIn(said), sentAtMs: Number.NaN })).toMatch(/beat.sent_at_ms/)
    expect(withReplica({ volume: '../../etc' })).toMatch(/replica.volume: .* not a UUID/)
    expect(withReplica({ name: 'a\nb' })).toMatch(/replica.name/)
    expect(withReplica({ state: 'REPLICA_STATE_UNSPECIFIED' })).toMatch(/replica.state/)
    expect(withReplica({ state: 77 })).toMatch(/replica.state: '77'/)
    expect(withReplica({ messages: [{}] })).toMatch(/messages.body: it is missing/)
    expect(withReplica({ messages: Array(17).fill({ readSet: {} }) })).toMatch(/replica.messages: 17 items/)
    expect(withReplica({ messages: [{ readSet: {} }] })).toMatch(/read_set.epoch: it is missing/)
    expect(withReplica({ messages: [{ changeSet: { epoch: {}, members: ['a', 'a'] } }] })).toMatch(/twice/)
  })

  it('is refused of paths that would mislead a host', () => {
    const wire = { volume: one.volume, name: 'v', sizeBytes: 4096, logicalBlockBytes: 512 }
    const path = { server: 's1', slot: 0, role: 'PATH_ROLE_ACTIVE' } as const
    const said = (volume: object): string => {
      const message = { paths: { volumes: [{ ...wire, paths: [path], ...volume }] } }
      return refusal(() => masterMessageOf(responseDeserialize(responseSerialize(message))))
    }
    expect(said({})).toBe('taken')
    expect(said({ paths: [] })).toMatch(/at least one path/)
    expect(said({ paths: [path, { ...path, role: 'PATH_ROLE_STANDBY' }] })).toMatch(/one slot/)
    expect(said({ paths: [path, { ...path, slot: 1 }] })).toMatch(/more than one of them is active/)
    expect(said({ paths: [{ ...path, slot: 63 }] })).toMatch(/63 is not in 0 to 62/)
    expect(said({ paths: [{ ...path, role: 'PATH_ROLE_UNSPECIFIED' }] })).toMatch(/paths.role/)
    expect(said({ paths: [{ ...path, nvme: ['nowhere'] }] })).toMatch(/paths.nvme: .* HOST:PORT/)
    expect(said({ logicalBlockBytes: 520 })).toMatch(/520 is neither/)
  })

  it('never shows a secret', () => {
    const wire = {
      settings: { volume: one.volume, qos: {}, access: { chap: { incoming: { secret: 'x'.repeat(300) } } } },
    }
    const back = responseDeserialize(responseSerialize(wire))
    expect(refusal(() => masterMessageOf(back))).toBe(
      'settings.access.chap.secret: it is not 1 to 255 characters',
    )
    const dhchap = [{ host: 'nqn.a', secret: 'x'.repeat(300) }]
    const other = { settings: { volume: one.volume, qos: {}, access: { dhchap } } }
    expect(refusal(() => masterMessageOf(responseDeserialize(responseSerialize(other))))).toBe(
      'settings.access.dhchap.secret: it is not 1 to 255 characters',
    )
  })

  it('breaks nothing, whatever the bytes are', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const valid = beat.map((value) => requestSerialize({ beat: beatIn(value) }))
    const flipped = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([whole, at, value]) => {
      const copy = Buffer.from(whole)
      if (copy.length > 0) copy[at % copy.length] = value
      return copy
    })
    fc.assert(
      fc.property(fc.oneof(bytes, flipped), (input) => {
        let message: ReturnType<typeof requestDeserialize>
        try {
          message = requestDeserialize(Buffer.from(input))
        } catch {
          // protobufjs refuses what is no message; gRPC ends the stream
          return
        }
        refusal(() => message.beat && beatOf(message.beat))
        refusal(() => message.hello && helloOf(message.hello))
      }),
    )
  })
})
