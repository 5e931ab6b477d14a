/**
 * The stream between a block server and its master (`proto/master.proto`) and the words that both think in
 * (`src/master/links.ts`). Pure; what comes in is checked field by field, PROTOCOL otherwise.
 */
import type { Beat, Beat__Output as BeatOut } from '../gen/basalt/master/v1/Beat.ts'
import type { Hello, Hello__Output as HelloOut } from '../gen/basalt/master/v1/Hello.ts'
import type {
  MasterMessage,
  MasterMessage__Output as MasterMessageOut,
} from '../gen/basalt/master/v1/MasterMessage.ts'
import type { OpenReplica__Output as OpenOut, OpenReplica } from '../gen/basalt/master/v1/OpenReplica.ts'
import type { Peer, Peer__Output as PeerOut } from '../gen/basalt/master/v1/Peer.ts'
import type { RegistrySeen__Output as RegistryOut } from '../gen/basalt/master/v1/RegistrySeen.ts'
import type { Replica, Replica__Output as ReplicaOut } from '../gen/basalt/master/v1/Replica.ts'
import type { PeerBeat, ReplicaBeat, ServerBeat, ServerHello, ToServer } from '../master/links.ts'
import type { DiskType } from '../master/records.ts'
import {
  authorityMessageOf,
  forReplicaIn,
  REPLICAS_MAX,
  replicaMessageIn,
  setIn,
  setOf,
  standingIn,
  standingOf,
  toAuthorityOf,
} from './engine-codec.ts'
import {
  atMost,
  epochIn,
  epochOf,
  epochOrNull,
  hostPort,
  malformed,
  meaning,
  milliseconds,
  natural,
  openingOf,
  present,
  server,
  text,
  uuid,
} from './fields.ts'
import { ledIn, ledOf } from './led-codec.ts'
import { pathsIn, pathsOf, portalsOf } from './paths-codec.ts'
import { keepOf, settingsIn, settingsOf } from './settings-codec.ts'

const LENGTH_MAX = { NAME: 253, PLACE: 63, REASON: 4096, TOKEN: 256 } as const
/** Of one server; far above what one is meant to carry. */
const BEAT_REPLICAS_MAX = 10_000
/** At most one of each kind waits at a server. */
const MESSAGES_MAX = 16

const DISK_IN = {
  ssd: 'DISK_TYPE_SSD',
  hdd: 'DISK_TYPE_HDD',
  nvme: 'DISK_TYPE_NVME',
} as const satisfies Record<DiskType, string>
const DISK_OUT: Readonly<Record<string, DiskType>> = {
  DISK_TYPE_SSD: 'ssd',
  DISK_TYPE_HDD: 'hdd',
  DISK_TYPE_NVME: 'nvme',
}
const STATE_IN = {
  opening: 'REPLICA_STATE_OPENING',
  open: 'REPLICA_STATE_OPEN',
  waiting: 'REPLICA_STATE_WAITING',
  closed: 'REPLICA_STATE_CLOSED',
} as const satisfies Record<ReplicaBeat['state'], string>
const STATE_OUT: Readonly<Record<string, ReplicaBeat['state']>> = {
  REPLICA_STATE_OPENING: 'opening',
  REPLICA_STATE_OPEN: 'open',
  REPLICA_STATE_WAITING: 'waiting',
  REPLICA_STATE_CLOSED: 'closed',
}

/** `callToken`: what the master presents in its calls to this server. */
export function helloIn(hello: ServerHello, callToken: string): Hello {
  const { addresses, zone, rack, diskType, registrySeen, ...same } = hello
  return {
    ...same,
    addresses: { ...addresses, iscsi: [...addresses.iscsi], nvme: [...addresses.nvme] },
    ...(zone === null ? {} : { zone }),
    ...(rack === null ? {} : { rack }),
    diskType: DISK_IN[diskType],
    registrySeen,
    callToken,
  }
}

export function helloOf(message: HelloOut): { readonly hello: ServerHello; readonly callToken: string } {
  const { grpc, replication, http, iscsi, nvme } = present(message.addresses, 'hello.addresses')
  if (iscsi.length === 0) throw malformed('hello.addresses.iscsi', 'a server has at least one portal')
  const { zone, rack, registrySeen } = message
  const hello = {
    id: uuid(message.id, 'hello.id'),
    name: text(message.name, LENGTH_MAX.NAME, 'hello.name'),
    clusterId: uuid(message.clusterId, 'hello.cluster_id'),
    addresses: {
      grpc: hostPort(grpc, 'hello.addresses.grpc'),
      replication: hostPort(replication, 'hello.addresses.replication'),
      http: hostPort(http, 'hello.addresses.http'),
      iscsi: portalsOf(iscsi, 'hello.addresses.iscsi'),
      nvme: portalsOf(nvme, 'hello.addresses.nvme'),
    },
    zone: zone === undefined ? null : text(zone, LENGTH_MAX.PLACE, 'hello.zone'),
    rack: rack === undefined ? null : text(rack, LENGTH_MAX.PLACE, 'hello.rack'),
    diskType: meaning(DISK_OUT, message.diskType, 'hello.disk_type'),
    process: uuid(message.process, 'hello.process'),
    registrySeen: registrySeen === null ? null : registryOf(registrySeen, 'hello.registry_seen'),
  }
  return { hello, callToken: text(message.callToken, LENGTH_MAX.TOKEN, 'hello.call_token') }
}

export const beatIn = ({ replicas, ...same }: ServerBeat): Beat => ({
  ...same,
  replicas: replicas.map(replicaIn),
})

export const beatOf = (message: BeatOut): ServerBeat => ({
  sentAtMs: milliseconds(message.sentAtMs, 'beat.sent_at_ms'),
  freeBytes: natural(message.freeBytes, 'beat.free_bytes'),
  capacityBytes: natural(message.capacityBytes, 'beat.capacity_bytes'),
  isDraining: message.isDraining,
  isFull: message.isFull,
  replicas: atMost(message.replicas, BEAT_REPLICAS_MAX, 'beat.replicas').map(replicaOf),
})

function replicaIn({ state, open, outage, kept, led, messages, ...same }: ReplicaBeat): Replica {
  return {
    ...same,
    led: led === null ? null : ledIn(led),
    state: STATE_IN[state],
    open: open === null ? null : openIn(open),
    ...(outage === null ? {} : { outage }),
    ...(kept === null ? {} : { kept }),
    messages: messages.map(replicaMessageIn),
  }
}

function replicaOf(message: ReplicaOut): ReplicaBeat {
  const { open, outage, kept, led } = message
  return {
    volume: uuid(message.volume, 'replica.volume'),
    name: text(message.name, LENGTH_MAX.NAME, 'replica.name'),
    sizeBytes: natural(message.sizeBytes, 'replica.size_bytes'),
    state: meaning(STATE_OUT, message.state, 'replica.state'),
    open: open === null ? null : openOf(open),
    outage: outage === undefined ? null : outage.slice(0, LENGTH_MAX.REASON),
    usedBytes: natural(message.usedBytes, 'replica.used_bytes'),
    settingsTag: natural(message.settingsTag, 'replica.settings_tag'),
    kept: kept === undefined ? null : keepOf(kept, 'replica.kept'),
    led: led === null ? null : ledOf(led),
    messages: atMost(message.messages, MESSAGES_MAX, 'replica.messages').map(toAuthorityOf),
  }
}

function openIn(open: NonNullable<ReplicaBeat['open']>): OpenReplica {
  const { leads, sealed, set, standing, peers, ...same } = open
  return {
    ...same,
    leads: leads === null ? null : epochIn(leads),
    sealed: epochIn(sealed),
    set: set === null ? null : setIn(set),
    standing: standingIn(standing),
    peers: peers.map(peerIn),
  }
}

function openOf(message: OpenOut): NonNullable<ReplicaBeat['open']> {
  return {
    opening: openingOf(message.opening, 'replica.opening'),
    askedAtMs: milliseconds(message.askedAtMs, 'replica.asked_at_ms'),
    leads: epochOrNull(message.leads, 'replica.leads'),
    isServing: message.isServing,
    sealed: epochOf(message.sealed, 'replica.sealed'),
    set: message.set === null ? null : setOf(message.set, 'replica.set'),
    standing: standingOf(message.standing, 'replica.standing'),
    appended: natural(message.appended, 'replica.appended'),
    committed: natural(message.committed, 'replica.committed'),
    durable: natural(message.durable, 'replica.durable'),
    peers: atMost(message.peers, REPLICAS_MAX, 'replica.peers').map(peerOf),
    sessions: message.sessions,
  }
}

const peerIn = ({ resync, ...same }: PeerBeat): Peer => ({
  ...same,
  resync: resync === null ? null : { ...resync },
})

function peerOf(message: PeerOut): PeerBeat {
  const { resync } = message
  return {
    server: server(message.server, 'peer.server'),
    isConnected: message.isConnected,
    lagEntries: natural(message.lagEntries, 'peer.lag_entries'),
    lagBytes: natural(message.lagBytes, 'peer.lag_bytes'),
    resync:
      resync === null
        ? null
        : {
            sentBytes: natural(resync.sentBytes, 'peer.resync.sent_bytes'),
            scannedBlocks: natural(resync.scannedBlocks, 'peer.resync.scanned_blocks'),
            sizeBlocks: natural(resync.sizeBlocks, 'peer.resync.size_blocks'),
          },
  }
}

export function masterMessageIn(message: ToServer): MasterMessage {
  switch (message.kind) {
    case 'replica':
      return { replica: forReplicaIn(message.volume, message.message) }
    case 'registry':
      return { registry: { id: message.id, seq: message.seq } }
    case 'tellAll':
      return { tellAll: {} }
    case 'settings':
      return { settings: settingsIn(message) }
    case 'paths':
      return { paths: pathsIn(message) }
  }
}

/** What the master says; `welcome` is its answer to a hello. */
export function masterMessageOf(message: MasterMessageOut): ToServer | { readonly kind: 'welcome' } {
  switch (present(message.body, 'body')) {
    case 'welcome':
      return { kind: 'welcome' }
    case 'tellAll':
      return { kind: 'tellAll' }
    case 'registry':
      return { kind: 'registry', ...registryOf(present(message.registry, 'registry'), 'registry') }
    case 'replica': {
      const body = present(message.replica, 'replica')
      return {
        kind: 'replica',
        volume: uuid(body.volume, 'replica.volume'),
        message: authorityMessageOf(body),
      }
    }
    case 'settings':
      return settingsOf(present(message.settings, 'settings'))
    case 'paths':
      return pathsOf(present(message.paths, 'paths'))
  }
}

const registryOf = (
  { id, seq }: RegistryOut,
  field: string,
): { readonly id: string; readonly seq: number } => ({
  id: text(id, LENGTH_MAX.NAME, `${field}.id`),
  seq: natural(seq, `${field}.seq`),
})
