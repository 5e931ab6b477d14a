/**
 * What a namespace says of itself: Identify Namespace (CNS 00h) and the Namespace Identification Descriptor list
 * (CNS 03h), NVM Express Base 2.0 and NVM Command Set 1.0. Made from facts of the volume alone, so that a server that
 * does not serve it at the moment says the same.
 */
import { writeU64 } from '../../base/binary.ts'
import type { BlockDevice } from '../../base/ports/block-device.ts'
import { BLOCK_BYTES, KIB, MIB } from '../../base/units.ts'

/** A `BlockDevice` has them all. */
export type NamespaceFacts = Pick<
  BlockDevice,
  'uuid' | 'sizeBytes' | 'logicalBlockBytes' | 'readOnly' | 'atomicWriteBytesMax'
>

/** Every volume has one ANA group. */
export const ANA_GROUP = 1
const IDENTIFY_BYTES = 4096
/** Compare and Write holds two such buffers, and locks the blocks meanwhile. */
const COMPARE_AND_WRITE_BYTES = 64 * KIB
/** Up to here a sequential write gains from being longer. */
const OPTIMAL_WRITE_BYTES = MIB

/**
 *     NSFEAT  0 THINP    blocks need not be there before they are written
 *             1 NSABP    NAWUN, NAWUPF and NACWU count, instead of the controller's
 *             3 UIDREUSE NGUID is never used again
 *             4 OPTPERF  NPWG to NOWS are set
 */
const NSFEAT = 0x1b
/** Controllers of several servers share it. */
const NMIC_SHARED = 0x01
/** Persistence through power loss, all six types, and the meaning of IEKEY since revision 1.3. */
const RESCAP = 0xff
/** Deallocated blocks read as zeros (1), and Write Zeroes may deallocate (bit 3). */
const DLFEAT = 0x09
const NSATTR_WRITE_PROTECTED = 0x01
/** Index of the format in FLBAS: the only one. */
const LBA_FORMAT_AT = 128

const NIDT = { NGUID: 2, UUID: 3, CSI: 4 } as const
const CSI_NVM = 0

/** What one Compare and Write may change, in bytes; a single block always. */
export function compareAndWriteBytesMax(facts: NamespaceFacts): number {
  return Math.max(facts.logicalBlockBytes, Math.min(COMPARE_AND_WRITE_BYTES, facts.atomicWriteBytesMax))
}

/** Blocks of `bytes`, at least one, as a field that counts from 0. */
const fromZero = (bytes: number, blockBytes: number): number =>
  Math.min(0xffff, Math.max(1, Math.floor(bytes / blockBytes)) - 1)

/** NUSE is NCAP: how much is allocated is not counted in blocks of the namespace. */
export function identifyNamespace(facts: NamespaceFacts): Uint8Array {
  const { logicalBlockBytes, sizeBytes, readOnly, uuid } = facts
  const data = new Uint8Array(IDENTIFY_BYTES)
  const view = new DataView(data.buffer)
  const sizeBlocks = sizeBytes / logicalBlockBytes
  writeU64(view, 0, sizeBlocks) // NSZE
  writeU64(view, 8, sizeBlocks) // NCAP
  writeU64(view, 16, sizeBlocks) // NUSE
  data[24] = NSFEAT
  data[30] = NMIC_SHARED
  data[31] = RESCAP
  data[33] = DLFEAT
  const atomic = fromZero(facts.atomicWriteBytesMax, logicalBlockBytes)
  view.setUint16(34, atomic, true) // NAWUN
  view.setUint16(36, atomic, true) // NAWUPF
  view.setUint16(38, fromZero(compareAndWriteBytesMax(facts), logicalBlockBytes), true) // NACWU
  writeU64(view, 48, sizeBytes) // NVMCAP, 16 bytes
  const granularity = fromZero(BLOCK_BYTES, logicalBlockBytes)
  for (const at of [64, 66, 68, 70]) view.setUint16(at, granularity, true) // NPWG, NPWA, NPDG, NPDA
  view.setUint16(72, fromZero(OPTIMAL_WRITE_BYTES, logicalBlockBytes), true) // NOWS
  view.setUint32(92, ANA_GROUP, true) // ANAGRPID
  data[99] = readOnly ? NSATTR_WRITE_PROTECTED : 0
  data.set(uuid, 104) // NGUID
  data[LBA_FORMAT_AT + 2] = Math.log2(logicalBlockBytes) // LBADS
  return data
}

/** NGUID and UUID are the volume's UUID; the command set is NVM. */
export function identificationDescriptors({ uuid }: Pick<NamespaceFacts, 'uuid'>): Uint8Array {
  const data = new Uint8Array(IDENTIFY_BYTES)
  let at = 0
  const add = (type: number, id: Uint8Array): void => {
    data[at] = type
    data[at + 1] = id.byteLength
    data.set(id, at + 4)
    at += 4 + id.byteLength
  }
  add(NIDT.NGUID, uuid)
  add(NIDT.UUID, uuid)
  add(NIDT.CSI, Uint8Array.of(CSI_NVM))
  return data
}
