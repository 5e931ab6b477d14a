/**
 * The state: what a volume is apart from its blocks, as of one LSN: size, format level, epoch history,
 * snapshots, pending restores, the front ends' reservations. Two slots (format/dual-slot.ts), durable before the
 * checkpoint passes an entry that changed it. docs/formats/state.md holds the table.
 */
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { MIB } from '../../base/units.ts'
import type { SlotFormat } from './dual-slot.ts'

export const STATE_FORMAT: SlotFormat = {
  name: 'state',
  magic: 0x54534c42, // "BLST"
  version: 1,
  slotBytes: 2 * MIB,
}
/** Front ends may keep this much. */
export const FRONTEND_STATE_BYTES_MAX = MIB
/** Older epochs are forgotten; a replica whose history ends before them is resynced from the start. */
export const EPOCH_HISTORY_MAX = 4096
export const SNAPSHOTS_MAX = 4096

interface EpochSpan {
  readonly number: number
  readonly id: bigint
  readonly firstLsn: number
}

interface SnapshotRecord {
  readonly id: bigint
  readonly lsn: number
  readonly createdWallMs: number
  readonly name: string
}

interface PendingRestore {
  readonly snapshotId: bigint
  readonly lsn: number
}

export interface VolumeState {
  /** The state includes every entry up to this one and none after it. */
  readonly asOfLsn: number
  readonly sizeBytes: number
  readonly formatLevel: number
  readonly epochs: readonly EpochSpan[]
  readonly snapshots: readonly SnapshotRecord[]
  readonly pendingRestores: readonly PendingRestore[]
  readonly frontendState: Uint8Array
}

const FIXED_BYTES = 48
const EPOCH_BYTES = 24
const SNAPSHOT_BYTES = 24 + 64
const RESTORE_BYTES = 16
const SNAPSHOT_NAME_BYTES = 64

/**
 * Body, little-endian: asOfLsn u64 | sizeBytes u64 | formatLevel u32 | epochs u32 | snapshots u32 | restores u32 |
 * frontendBytes u32 | zero 12 | epochs × {number u64, id u64, firstLsn u64} | snapshots × {id u64, lsn u64,
 * createdWallMs u64, name 64 bytes} | restores × {snapshotId u64, lsn u64} | front-end bytes.
 */
export function encodeState(state: VolumeState): Uint8Array {
  const { epochs, snapshots, pendingRestores, frontendState } = state
  const body = new Uint8Array(
    FIXED_BYTES +
      epochs.length * EPOCH_BYTES +
      snapshots.length * SNAPSHOT_BYTES +
      pendingRestores.length * RESTORE_BYTES +
      frontendState.byteLength,
  )
  const view = viewOf(body)
  writeU64(view, 0, state.asOfLsn)
  writeU64(view, 8, state.sizeBytes)
  view.setUint32(16, state.formatLevel, true)
  view.setUint32(20, epochs.length, true)
  view.setUint32(24, snapshots.length, true)
  view.setUint32(28, pendingRestores.length, true)
  view.setUint32(32, frontendState.byteLength, true)
  let at = FIXED_BYTES
  for (const epoch of epochs) {
    writeU64(view, at, epoch.number)
    view.setBigUint64(at + 8, epoch.id, true)
    writeU64(view, at + 16, epoch.firstLsn)
    at += EPOCH_BYTES
  }
  for (const snapshot of snapshots) {
    view.setBigUint64(at, snapshot.id, true)
    writeU64(view, at + 8, snapshot.lsn)
    writeU64(view, at + 16, snapshot.createdWallMs)
    body.set(Buffer.from(snapshot.name, 'utf8').subarray(0, SNAPSHOT_NAME_BYTES), at + 24)
    at += SNAPSHOT_BYTES
  }
  for (const restore of pendingRestores) {
    view.setBigUint64(at, restore.snapshotId, true)
    writeU64(view, at + 8, restore.lsn)
    at += RESTORE_BYTES
  }
  body.set(frontendState, at)
  return body
}

export function decodeState(body: Uint8Array, path: string): VolumeState {
  const corrupt = (): never => {
    throw new BlockError('CORRUPT', `${path}: the state's fields make no sense`, { facts: { path } })
  }
  if (body.byteLength < FIXED_BYTES || !isZero(body.subarray(36, FIXED_BYTES))) corrupt()
  const view = viewOf(body)
  const [epochs, snapshots, restores, frontendBytes] = [20, 24, 28, 32].map((at) =>
    view.getUint32(at, true),
  ) as [number, number, number, number]
  const expected =
    FIXED_BYTES + epochs * EPOCH_BYTES + snapshots * SNAPSHOT_BYTES + restores * RESTORE_BYTES + frontendBytes
  if (expected !== body.byteLength || epochs > EPOCH_HISTORY_MAX || snapshots > SNAPSHOTS_MAX) corrupt()
  let at = FIXED_BYTES
  const take = <T>(count: number, bytes: number, read: (at: number) => T): T[] =>
    Array.from({ length: count }, () => {
      const item = read(at)
      at += bytes
      return item
    })
  return {
    asOfLsn: readU64(view, 0),
    sizeBytes: readU64(view, 8),
    formatLevel: view.getUint32(16, true),
    epochs: take(epochs, EPOCH_BYTES, (p) => ({
      number: readU64(view, p),
      id: view.getBigUint64(p + 8, true),
      firstLsn: readU64(view, p + 16),
    })),
    snapshots: take(snapshots, SNAPSHOT_BYTES, (p) => ({
      id: view.getBigUint64(p, true),
      lsn: readU64(view, p + 8),
      createdWallMs: readU64(view, p + 16),
      name: Buffer.from(body.subarray(p + 24, p + SNAPSHOT_BYTES))
        .toString('utf8')
        .replace(/\0+$/, ''),
    })),
    pendingRestores: take(restores, RESTORE_BYTES, (p) => ({
      snapshotId: view.getBigUint64(p, true),
      lsn: readU64(view, p + 8),
    })),
    frontendState: Uint8Array.from(body.subarray(at, at + frontendBytes)),
  }
}
