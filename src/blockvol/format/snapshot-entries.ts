/**
 * What the entries of snapshots and clones carry: one data block each, little-endian, zeros behind the fields.
 * docs/formats/log.md has the tables. An entry came whole and with a good checksum, so what makes no sense was written by
 * a program that is not this one.
 */
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { bytes, layout, u64 } from '../../base/layout.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { ENTRY_KIND, type EntryKind } from './log-group.ts'
import { type OriginRecord, readName, writeName } from './state.ts'

/** An entry of one of these kinds is alone in its group: before and behind it a checkpoint can stand. */
export const isAlone = (kind: EntryKind): boolean =>
  kind === ENTRY_KIND.snapshotCreate || kind === ENTRY_KIND.restore

/** snapshotCreate: the state gives it the entry's LSN and the volume's size. */
const Create = layout('SnapshotCreate', 80, {
  id: u64(0),
  createdWallMs: u64(8),
  name: bytes(16, 64),
})
/** snapshotDelete. */
const Delete = layout('SnapshotDelete', 8, {
  id: u64(0),
})
/** restore: whole in itself, because the state may be past the snapshot's deletion when the entry is read again. */
const Restore = layout('Restore', 24, {
  id: u64(0),
  lsn: u64(8),
  sizeBytes: u64(16),
})
/** origin, of which the clone is made; an entry without data says that it is filled. */
const OriginLayout = layout('Origin', 32, {
  volume: bytes(0, 16),
  snapshot: u64(16),
  sizeBytes: u64(24),
})

export interface CreatePayload {
  readonly id: bigint
  readonly createdWallMs: number
  readonly name: string
}

/** What a restore goes back to. */
export interface RestorePayload {
  /** Of the snapshot; so are the others. */
  readonly id: bigint
  readonly lsn: number
  readonly sizeBytes: number
}

export function encodeCreate({ id, createdWallMs, name }: CreatePayload): Uint8Array {
  const [block, view] = fresh()
  view.setBigUint64(Create.at.id, id, true)
  writeU64(view, Create.at.createdWallMs, createdWallMs)
  writeName(block, Create.at.name, name)
  return block
}

/** UNKNOWN_FORMAT when `data` is no such payload, as of the other decoders. */
export function decodeCreate(data: Uint8Array | undefined, lsn: number): CreatePayload {
  const view = checked(data, Create.lengthBytes, lsn)
  return {
    id: view.getBigUint64(Create.at.id, true),
    createdWallMs: readU64(view, Create.at.createdWallMs),
    name: readName(bytesOf(view), Create.at.name),
  }
}

export function encodeDelete(id: bigint): Uint8Array {
  const [block, view] = fresh()
  view.setBigUint64(Delete.at.id, id, true)
  return block
}

export const decodeDelete = (data: Uint8Array | undefined, lsn: number): bigint =>
  checked(data, Delete.lengthBytes, lsn).getBigUint64(Delete.at.id, true)

export function encodeRestore({ id, lsn, sizeBytes }: RestorePayload): Uint8Array {
  const [block, view] = fresh()
  view.setBigUint64(Restore.at.id, id, true)
  writeU64(view, Restore.at.lsn, lsn)
  writeU64(view, Restore.at.sizeBytes, sizeBytes)
  return block
}

export function decodeRestore(data: Uint8Array | undefined, lsn: number): RestorePayload {
  const view = checked(data, Restore.lengthBytes, lsn)
  return {
    id: view.getBigUint64(Restore.at.id, true),
    lsn: readU64(view, Restore.at.lsn),
    sizeBytes: readU64(view, Restore.at.sizeBytes),
  }
}

export function encodeOrigin({ volume, snapshot, sizeBytes }: OriginRecord): Uint8Array {
  const [block, view] = fresh()
  block.set(volume, OriginLayout.at.volume)
  view.setBigUint64(OriginLayout.at.snapshot, snapshot, true)
  writeU64(view, OriginLayout.at.sizeBytes, sizeBytes)
  return block
}

export function decodeOrigin(data: Uint8Array | undefined, lsn: number): OriginRecord {
  const view = checked(data, OriginLayout.lengthBytes, lsn)
  return {
    volume: Uint8Array.from(bytesOf(view).subarray(OriginLayout.at.volume, OriginLayout.at.volume + 16)),
    snapshot: view.getBigUint64(OriginLayout.at.snapshot, true),
    sizeBytes: readU64(view, OriginLayout.at.sizeBytes),
  }
}

function fresh(): [Uint8Array, DataView] {
  const block = new Uint8Array(BLOCK_BYTES)
  return [block, viewOf(block)]
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

function checked(data: Uint8Array | undefined, lengthBytes: number, lsn: number): DataView {
  if (data?.byteLength !== BLOCK_BYTES || !isZero(data.subarray(lengthBytes))) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `log entry ${lsn} carries what this program does not know; use the release that wrote it`,
      { facts: { lsn } },
    )
  }
  return viewOf(data)
}
