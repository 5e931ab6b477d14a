/**
 * The state: what a volume is apart from its blocks, as of one LSN: size, format level, epoch history,
 * snapshots, what a clone is made of, the front ends' reservations. Two slots (format/dual-slot.ts), durable before the
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

export interface SnapshotRecord {
  readonly id: bigint
  /** It sees every entry up to here. */
  readonly lsn: number
  readonly createdWallMs: number
  /** Of the volume, then. */
  readonly sizeBytes: number
  readonly name: string
}

/** What the blocks of a clone are that nobody touched yet. */
export interface OriginRecord {
  /** UUID, 16 bytes. */
  readonly volume: Uint8Array
  readonly snapshot: bigint
  readonly sizeBytes: number
}

export interface VolumeState {
  /** The state includes every entry up to this one and none after it. */
  readonly asOfLsn: number
  readonly sizeBytes: number
  readonly formatLevel: number
  readonly epochs: readonly EpochSpan[]
  /** Oldest first. */
  readonly snapshots: readonly SnapshotRecord[]
  /** Of a clone until it is filled. */
  readonly origin: OriginRecord | undefined
  readonly frontendState: Uint8Array
}

const FIXED_BYTES = 48
const EPOCH_BYTES = 24
const SNAPSHOT_NAME_BYTES = 64
const SNAPSHOT_BYTES = 32 + SNAPSHOT_NAME_BYTES
const ORIGIN_BYTES = 32

/**
 * Body, little-endian: asOfLsn u64 | sizeBytes u64 | formatLevel u32 | epochs u32 | snapshots u32 | zero 4 |
 * frontendBytes u32 | origins u32 | zero 8 | epochs × {number u64, id u64, firstLsn u64} | snapshots × {id u64, lsn u64,
 * createdWallMs u64, sizeBytes u64, name 64 bytes} | origins × {volume 16 bytes, snapshot u64, sizeBytes u64} |
 * front-end bytes.
 */
export function encodeState(state: VolumeState): Uint8Array {
  const { epochs, snapshots, origin, frontendState } = state
  const body = new Uint8Array(
    FIXED_BYTES +
      epochs.length * EPOCH_BYTES +
      snapshots.length * SNAPSHOT_BYTES +
      (origin === undefined ? 0 : ORIGIN_BYTES) +
      frontendState.byteLength,
  )
  const view = viewOf(body)
  writeU64(view, 0, state.asOfLsn)
  writeU64(view, 8, state.sizeBytes)
  view.setUint32(16, state.formatLevel, true)
  view.setUint32(20, epochs.length, true)
  view.setUint32(24, snapshots.length, true)
  view.setUint32(32, frontendState.byteLength, true)
  view.setUint32(36, origin === undefined ? 0 : 1, true)
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
    writeU64(view, at + 24, snapshot.sizeBytes)
    writeName(body, at + 32, snapshot.name)
    at += SNAPSHOT_BYTES
  }
  if (origin !== undefined) {
    body.set(origin.volume, at)
    view.setBigUint64(at + 16, origin.snapshot, true)
    writeU64(view, at + 24, origin.sizeBytes)
    at += ORIGIN_BYTES
  }
  body.set(frontendState, at)
  return body
}

/** UTF-8, padded with zeros to 64 bytes. */
export function writeName(target: Uint8Array, at: number, name: string): void {
  target.set(Buffer.from(name, 'utf8').subarray(0, SNAPSHOT_NAME_BYTES), at)
}

export const readName = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.subarray(at, at + SNAPSHOT_NAME_BYTES))
    .toString('utf8')
    .replace(/\0+$/, '')

export function decodeState(body: Uint8Array, path: string): VolumeState {
  const corrupt = (): never => {
    throw new BlockError('CORRUPT', `${path}: the state's fields make no sense`, { facts: { path } })
  }
  if (body.byteLength < FIXED_BYTES || !isZero(body.subarray(40, FIXED_BYTES))) corrupt()
  const view = viewOf(body)
  const [epochs, snapshots, zero, frontendBytes, origins] = [20, 24, 28, 32, 36].map((at) =>
    view.getUint32(at, true),
  ) as [number, number, number, number, number]
  const expected =
    FIXED_BYTES + epochs * EPOCH_BYTES + snapshots * SNAPSHOT_BYTES + origins * ORIGIN_BYTES + frontendBytes
  if (expected !== body.byteLength || epochs > EPOCH_HISTORY_MAX || snapshots > SNAPSHOTS_MAX) corrupt()
  if (zero !== 0 || origins > 1) corrupt()
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
      sizeBytes: readU64(view, p + 24),
      name: readName(body, p + 32),
    })),
    origin: take(origins, ORIGIN_BYTES, (p) => ({
      volume: Uint8Array.from(body.subarray(p, p + 16)),
      snapshot: view.getBigUint64(p + 16, true),
      sizeBytes: readU64(view, p + 24),
    }))[0],
    frontendState: Uint8Array.from(body.subarray(at, at + frontendBytes)),
  }
}
