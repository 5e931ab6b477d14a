/**
 * The API's resources: their JSON schemas, and how they are made of what the volume host tells. Field names are
 * a contract; `docs/http-api.md` describes them. An answer holds only what its schema names.
 */
import { type Static, Type } from 'typebox'
import { formatUuid } from '../../base/uuid.ts'
import type { ScrubStatus, SpaceReport, VolumeCounters } from '../../blockvol/api.ts'
import { COMMAND_KINDS, type LatencyView, type VolumeView } from '../volume-host.ts'
import { ServerResource } from './server-view.ts'

const Count = Type.Integer({ minimum: 0 })
const Timestamp = Type.String({ format: 'date-time' })

export const Space = Type.Object(
  {
    extentsBytes: Count,
    mapBytes: Count,
    logBytes: Count,
    versionsBytes: Count,
    otherBytes: Count,
    totalBytes: Count,
    freeBytes: Count,
  },
  { description: 'Space on the disk; the parts add up to totalBytes' },
)

export const Scrub = Type.Object(
  {
    running: Type.Boolean(),
    passes: Count,
    verifiedBytes: Count,
    errors: Count,
    badBlocks: Type.Array(Count),
    lastPassEndedAt: Type.Optional(Timestamp),
  },
  { description: 'Reading everything against its checksums' },
)

const COUNTERS = [
  'reads',
  'readBytes',
  'writes',
  'writeBytes',
  'trims',
  'trimBytes',
  'flushes',
  'logSyncs',
  'logAppends',
  'logBytes',
  'extentBytes',
  'metadataBytes',
  'checkpoints',
  'softWaits',
  'hardWaits',
  'checksumErrors',
  'blocksRepaired',
] as const satisfies readonly (keyof VolumeCounters)[]

const Latency = Type.Object({ count: Count, p50Us: Type.Number(), p99Us: Type.Number() })

export const Volume = Type.Object(
  {
    name: Type.String(),
    uuid: Type.String(),
    state: Type.String({ description: 'serving, reopening, filling or closed' }),
    health: Type.String({ description: 'healthy, degraded, poisoned or closed' }),
    reasons: Type.Array(Type.String(), { description: 'Why it is not healthy, and what to do' }),
    sizeBytes: Count,
    logicalBlockBytes: Count,
    readOnly: Type.Boolean(),
    reopens: Count,
    epoch: Type.Object({ number: Count, id: Type.String() }),
    lsn: Type.Object({ appended: Count, committed: Count, durable: Count, checkpoint: Count }),
    log: Type.Object({ sizeBytes: Count, usedBytes: Count }),
    dirtyBlocks: Count,
    pressure: Type.String({ description: 'normal, soft or hard' }),
    counters: Type.Object(fields(COUNTERS, () => Count)),
    latency: Type.Object(fields(COMMAND_KINDS, () => Latency)),
    scrub: Scrub,
    space: Type.Optional(Space),
    iscsi: Type.Object({
      iqn: Type.String(),
      portal: Type.String({ description: 'The first portal' }),
      portals: Type.Array(Type.Object({ address: Type.String(), portalGroupTag: Count })),
      sessions: Type.Array(
        Type.Object({
          initiator: Type.String(),
          address: Type.String(),
          portalGroupTag: Count,
          connectedAt: Timestamp,
        }),
      ),
    }),
    nvme: Type.Object({
      nqn: Type.String(),
      portals: Type.Array(Type.Object({ address: Type.String() })),
      sessions: Type.Array(
        Type.Object({
          host: Type.String({ description: 'NQN' }),
          address: Type.String(),
          controllerId: Count,
          connectedAt: Timestamp,
        }),
      ),
    }),
  },
  { description: 'A volume' },
)
export type Volume = Static<typeof Volume>

export const VolumeList = Type.Object({ volumes: Type.Array(Volume) }, { description: 'All volumes' })

export const Status = Type.Object(
  {
    server: ServerResource,
    healthy: Type.Boolean(),
    reasons: Type.Array(Type.String()),
    volumes: Type.Array(Volume),
  },
  { description: 'The server with all its volumes' },
)

export const Health = Type.Object(
  { healthy: Type.Boolean(), reasons: Type.Array(Type.String()) },
  { description: '200 while every volume is served, else 503' },
)

export const Checkpoint = Type.Object({ checkpointLsn: Count }, { description: 'The LSN that it reached' })

/** The `Volume` resource of `view`. */
export function volumeResource(view: VolumeView, space: SpaceReport | undefined): Volume {
  const { status, iscsi, nvme } = view
  const { name, uuid, health, sizeBytes, logicalBlockBytes, readOnly, epoch, log, dirtyBlocks } = status
  return {
    name,
    uuid: formatUuid(Buffer.from(uuid.replaceAll('-', ''), 'hex')),
    state: view.state,
    health,
    reasons: [...(view.outage === undefined ? [] : [view.outage]), ...status.reasons],
    sizeBytes,
    logicalBlockBytes,
    readOnly,
    reopens: view.reopens,
    epoch,
    lsn: {
      appended: status.appendedLsn,
      committed: status.commitLsn,
      durable: status.durableLsn,
      checkpoint: status.checkpointLsn,
    },
    log,
    dirtyBlocks,
    pressure: status.pressure,
    counters: fields(COUNTERS, (name) => status.counters[name]),
    latency: fields(COMMAND_KINDS, (kind) => latencyResource(view.latency[kind])),
    scrub: scrubResource(status.scrub),
    ...(space === undefined ? {} : { space }),
    iscsi: {
      iqn: iscsi.iqn,
      portal: iscsi.portals[0]!.address,
      portals: iscsi.portals.map(({ address, portalGroupTag }) => ({ address, portalGroupTag })),
      sessions: iscsi.sessions.map(({ initiator, address, portalGroupTag, connectedWallMs }) => ({
        initiator,
        address,
        portalGroupTag,
        connectedAt: new Date(connectedWallMs).toISOString(),
      })),
    },
    nvme: {
      nqn: nvme.nqn,
      portals: nvme.portals.map(({ address }) => ({ address })),
      sessions: nvme.sessions.map(({ host, address, controllerId, connectedWallMs }) => ({
        host,
        address,
        controllerId,
        connectedAt: new Date(connectedWallMs).toISOString(),
      })),
    },
  }
}

export function scrubResource(scrub: ScrubStatus): Static<typeof Scrub> {
  const { running, passes, verifiedBytes, errors, badBlocks, lastPassEndedWallMs } = scrub
  return {
    running,
    passes,
    verifiedBytes,
    errors,
    badBlocks: [...badBlocks],
    ...(lastPassEndedWallMs === undefined
      ? {}
      : { lastPassEndedAt: new Date(lastPassEndedWallMs).toISOString() }),
  }
}

const latencyResource = ({ histogram, p50Us, p99Us }: LatencyView): Static<typeof Latency> => ({
  count: histogram.count,
  p50Us,
  p99Us,
})

/** An object with one field for each name. */
function fields<Name extends string, Value>(
  names: readonly Name[],
  value: (name: Name) => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, Value>
}
