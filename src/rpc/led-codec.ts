/** What primaries say of the volumes that they lead (`Led` of `proto/master.proto`): snapshots, clones, scrubs. */
import type { Led, Led__Output as LedOut } from '../gen/basalt/master/v1/Led.ts'
import type { Origin as OriginIn, Origin__Output as OriginOut } from '../gen/basalt/master/v1/Origin.ts'
import type { Snapshot, Snapshot__Output as SnapshotOut } from '../gen/basalt/master/v1/Snapshot.ts'
import type { LedBeat, Origin, SnapshotBeat } from '../master/links.ts'
import { atMost, malformed, milliseconds, natural, present, text, uuid } from './fields.ts'

/** Of one volume. */
export const SNAPSHOTS_MAX = 4096
const NAME_LENGTH_MAX = 63

/** An id of a snapshot, 16 hex digits, as it passes. */
export const snapshotIdIn = (id: string): string => String(BigInt(`0x${id}`))

/** 16 hex digits of a value that is not 0. */
export function snapshotIdOf(value: string, field: string): string {
  const id = BigInt(value)
  if (id === 0n) throw malformed(field, 'it is 0')
  if (id < 0n || id >= 1n << 64n) throw malformed(field, 'it has more than 64 bits')
  return id.toString(16).padStart(16, '0')
}

export const snapshotIn = ({ id, ...same }: SnapshotBeat): Snapshot => ({ ...same, id: snapshotIdIn(id) })

export const snapshotOf = (message: SnapshotOut, field: string): SnapshotBeat => ({
  id: snapshotIdOf(message.id, `${field}.id`),
  name: text(message.name, NAME_LENGTH_MAX, `${field}.name`),
  lsn: natural(message.lsn, `${field}.lsn`),
  createdWallMs: milliseconds(message.createdWallMs, `${field}.created_wall_ms`),
  sizeBytes: natural(message.sizeBytes, `${field}.size_bytes`),
  isExposed: message.isExposed,
})

export const originIn = ({ volume, snapshot, sizeBytes }: Origin): OriginIn => ({
  volume,
  snapshot: snapshotIdIn(snapshot),
  sizeBytes,
})

export function originOf(value: OriginOut | null | undefined, field: string): Origin {
  const message = present(value, field)
  return {
    volume: uuid(message.volume, `${field}.volume`),
    snapshot: snapshotIdOf(message.snapshot, `${field}.snapshot`),
    sizeBytes: natural(message.sizeBytes, `${field}.size_bytes`),
  }
}

export const ledIn = ({ epoch, snapshots, origin, scrub }: LedBeat): Led => ({
  epoch,
  snapshots: snapshots.map(snapshotIn),
  filling:
    origin === null
      ? null
      : { origin: originIn(origin), doneBytes: origin.doneBytes, totalBytes: origin.totalBytes },
  scrub,
})

export function ledOf({ epoch, snapshots, filling, scrub }: LedOut): LedBeat {
  return {
    epoch: natural(epoch, 'led.epoch'),
    snapshots: atMost(snapshots, SNAPSHOTS_MAX, 'led.snapshots').map((one) =>
      snapshotOf(one, 'led.snapshots'),
    ),
    origin: filling && {
      ...originOf(filling.origin, 'led.filling.origin'),
      doneBytes: natural(filling.doneBytes, 'led.filling.done_bytes'),
      totalBytes: natural(filling.totalBytes, 'led.filling.total_bytes'),
    },
    scrub: scrub && {
      endedWallMs: milliseconds(scrub.endedWallMs, 'led.scrub.ended_wall_ms'),
      errors: natural(scrub.errors, 'led.scrub.errors'),
      repaired: natural(scrub.repaired, 'led.scrub.repaired'),
    },
  }
}
