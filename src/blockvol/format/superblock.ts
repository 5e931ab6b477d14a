/**
 * The superblock: who the volume is, its epoch, its role marks and its checkpoint. Two slots of 4 KiB
 * (format/dual-slot.ts). docs/formats/superblock.md holds the table.
 */
import { readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { BlockError } from '../../base/errors.ts'
import { bytes, layout, u32, u64, zero } from '../../base/layout.ts'
import {
  type Epoch,
  epochNumber,
  type LogPosition,
  type Lsn,
  logPosition,
  lsn as toLsn,
} from '../../base/units.ts'
import type { SlotFormat } from './dual-slot.ts'

export const SUPERBLOCK_FORMAT: SlotFormat = {
  name: 'superblock',
  magic: 0x50554c42, // "BLUP"
  version: 1,
  slotBytes: 4096,
}
const NAME_BYTES = 64
const BOOT_ID_BYTES = 40

/** Role marks. */
export const MARK = {
  /** Closed with everything in extents and map; the log holds nothing. */
  clean: 1,
  /** A resync is under way: not readable, not promotable, base in `resyncBaseLsn`. */
  resyncing: 2,
  /** Reopened under another boot id without a clean close. */
  doubtful: 4,
  /** A hole in the log, or a poisoned disk. */
  damaged: 8,
  /** An append or fsync failed in the last opening: read the log past the page cache. */
  poisoned: 16,
  /** A replica was closed in order: its log is durable to the end. */
  closed: 32,
} as const

interface Checkpoint {
  /** Everything up to here is in extents, map and state. */
  readonly lsn: Lsn
  /** Where the log goes on after it. */
  readonly position: LogPosition
  /** Epoch of the entry at `lsn`. */
  readonly epoch: Epoch
  /** Generation of the state slot that the checkpoint relies on; an older one is damage. */
  readonly stateGeneration: number
}

export interface Superblock {
  readonly uuid: Uint8Array
  readonly name: string
  readonly createdWallMs: number
  readonly logicalBlockBytes: 512 | 4096
  /** Blocks of a grain of the maxima; fixed at creation. */
  readonly grainBlocks: number
  readonly logBytes: number
  /**
   * Random, never shown to initiators: log groups carry it, so that no content that a host writes can pass for one.
   */
  readonly logTag: bigint
  readonly marks: number
  /** The epoch of the last opening. */
  readonly epoch: Epoch
  /** Boot id of the kernel under which the volume was last opened. */
  readonly bootId: string
  readonly checkpoint: Checkpoint
  /** Greatest LSN known durable in the log when this was written. */
  readonly durableLsn: Lsn
  readonly resyncBaseLsn: Lsn
  /** An operator accepted the loss of [from, to]; 0 and 0 when not. Cleared with the next epoch. */
  readonly acceptedLoss: { readonly fromLsn: number; readonly toLsn: number }
  /** Generation of the preserved versions' manifest that the checkpoint relies on; an older one is damage. */
  readonly versionsGeneration: number
}

/** Body of the superblock, little-endian. */
const Body = layout('Superblock', 304, {
  uuid: bytes(0, 16),
  name: bytes(16, NAME_BYTES),
  createdWallMs: u64(80),
  logicalBlockBytes: u32(88),
  grainBlocks: u32(92),
  logBytes: u64(96),
  marks: u32(104),
  reserved: zero(108, 4),
  epochNumber: u64(112),
  epochId: u64(120),
  bootId: bytes(128, BOOT_ID_BYTES),
  checkpointLsn: u64(168),
  checkpointPosition: u64(176),
  checkpointEpochNumber: u64(184),
  checkpointEpochId: u64(192),
  stateGeneration: u64(200),
  durableLsn: u64(208),
  resyncBaseLsn: u64(216),
  acceptedFromLsn: u64(224),
  acceptedToLsn: u64(232),
  logTag: u64(240),
  versionsGeneration: u64(248),
  reserved2: zero(256, 48),
})
const AT = Body.at

export function encodeSuperblock(superblock: Superblock): Uint8Array {
  const body = new Uint8Array(Body.lengthBytes)
  const view = viewOf(body)
  const { checkpoint } = superblock
  body.set(superblock.uuid, AT.uuid)
  body.set(Buffer.from(superblock.name, 'utf8').subarray(0, NAME_BYTES), AT.name)
  writeU64(view, AT.createdWallMs, superblock.createdWallMs)
  view.setUint32(AT.logicalBlockBytes, superblock.logicalBlockBytes, true)
  view.setUint32(AT.grainBlocks, superblock.grainBlocks, true)
  writeU64(view, AT.logBytes, superblock.logBytes)
  view.setUint32(AT.marks, superblock.marks, true)
  writeU64(view, AT.epochNumber, superblock.epoch.number)
  view.setBigUint64(AT.epochId, superblock.epoch.id, true)
  body.set(Buffer.from(superblock.bootId, 'utf8').subarray(0, BOOT_ID_BYTES), AT.bootId)
  writeU64(view, AT.checkpointLsn, checkpoint.lsn)
  writeU64(view, AT.checkpointPosition, checkpoint.position)
  writeU64(view, AT.checkpointEpochNumber, checkpoint.epoch.number)
  view.setBigUint64(AT.checkpointEpochId, checkpoint.epoch.id, true)
  writeU64(view, AT.stateGeneration, checkpoint.stateGeneration)
  writeU64(view, AT.durableLsn, superblock.durableLsn)
  writeU64(view, AT.resyncBaseLsn, superblock.resyncBaseLsn)
  writeU64(view, AT.acceptedFromLsn, superblock.acceptedLoss.fromLsn)
  writeU64(view, AT.acceptedToLsn, superblock.acceptedLoss.toLsn)
  view.setBigUint64(AT.logTag, superblock.logTag, true)
  writeU64(view, AT.versionsGeneration, superblock.versionsGeneration)
  return body
}

/** Decodes a body whose checksum was verified; CORRUPT when a field makes no sense all the same. */
export function decodeSuperblock(body: Uint8Array, path: string): Superblock {
  const view = viewOf(body)
  const logicalBlockBytes =
    body.byteLength === Body.lengthBytes ? view.getUint32(AT.logicalBlockBytes, true) : 0
  if ((logicalBlockBytes !== 512 && logicalBlockBytes !== 4096) || !Body.isPaddingZero(body)) {
    throw new BlockError('CORRUPT', `${path}: the superblock's fields make no sense`, { facts: { path } })
  }
  const text = (at: number, length: number): string =>
    Buffer.from(body.subarray(at, at + length))
      .toString('utf8')
      .replace(/\0+$/, '')
  return {
    uuid: Uint8Array.from(body.subarray(AT.uuid, AT.uuid + 16)),
    name: text(AT.name, NAME_BYTES),
    createdWallMs: readU64(view, AT.createdWallMs),
    logicalBlockBytes,
    grainBlocks: view.getUint32(AT.grainBlocks, true),
    logBytes: readU64(view, AT.logBytes),
    logTag: view.getBigUint64(AT.logTag, true),
    marks: view.getUint32(AT.marks, true),
    epoch: {
      number: epochNumber(readU64(view, AT.epochNumber)),
      id: view.getBigUint64(AT.epochId, true),
    },
    bootId: text(AT.bootId, BOOT_ID_BYTES),
    checkpoint: {
      lsn: toLsn(readU64(view, AT.checkpointLsn)),
      position: logPosition(readU64(view, AT.checkpointPosition)),
      epoch: {
        number: epochNumber(readU64(view, AT.checkpointEpochNumber)),
        id: view.getBigUint64(AT.checkpointEpochId, true),
      },
      stateGeneration: readU64(view, AT.stateGeneration),
    },
    durableLsn: toLsn(readU64(view, AT.durableLsn)),
    resyncBaseLsn: toLsn(readU64(view, AT.resyncBaseLsn)),
    acceptedLoss: {
      fromLsn: readU64(view, AT.acceptedFromLsn),
      toLsn: readU64(view, AT.acceptedToLsn),
    },
    versionsGeneration: readU64(view, AT.versionsGeneration),
  }
}
