/**
 * Vital product data pages (SPC-4, SBC-3, SBC-4 for atomic writes). One list: page 00h is made from it.
 * Limits come from limits.ts, where the commands that keep them look as well.
 */
import { putAscii, putU16, putU32, putU64 } from '../bytes.ts'
import { thirdPartyCopyPage } from '../copy/receive.ts'
import {
  COMPARE_BLOCKS_MAX,
  PHYSICAL_BLOCK_BYTES,
  TRANSFER_BYTES_MAX,
  TRANSFER_BYTES_OPTIMAL,
  UNMAP_BLOCKS_MAX,
  UNMAP_DESCRIPTORS_MAX,
  WRITE_SAME_BYTES_MAX,
} from '../limits.ts'
import type { LogicalUnit } from '../lun.ts'
import type { TargetPort } from '../nexus.ts'
import { SENSE_BYTES_MAX } from '../sense.ts'
import { designators, serialNumber } from './designators.ts'

export interface VpdPage {
  readonly code: number
  readonly name: string
  /** What follows the page's four header bytes, for an initiator that came by `port`. */
  readonly body: (unit: LogicalUnit, port: TargetPort) => Uint8Array
}

/** In ascending order, as page 00h has to list them. */
export const VPD_PAGES: readonly VpdPage[] = [
  { code: 0x00, name: 'Supported VPD Pages', body: () => Uint8Array.from(VPD_PAGES, (page) => page.code) },
  { code: 0x80, name: 'Unit Serial Number', body: unitSerialNumber },
  { code: 0x83, name: 'Device Identification', body: designators },
  { code: 0x86, name: 'Extended INQUIRY Data', body: extendedInquiry },
  { code: 0x8f, name: 'Third-party Copy', body: thirdPartyCopyPage },
  { code: 0xb0, name: 'Block Limits', body: blockLimits },
  { code: 0xb1, name: 'Block Device Characteristics', body: characteristics },
  { code: 0xb2, name: 'Logical Block Provisioning', body: provisioning },
]

function unitSerialNumber(unit: LogicalUnit): Uint8Array {
  const serial = serialNumber(unit.device.uuid)
  const body = new Uint8Array(serial.length)
  putAscii(body, 0, serial.length, serial)
  return body
}

function extendedInquiry(): Uint8Array {
  const body = new Uint8Array(60)
  body[1] = 0x05 // HEADSUP, SIMPSUP: every command is taken up at once, so ORDERED is not kept
  body[2] = 0x01 // V_SUP: there is a volatile cache
  body[9] = SENSE_BYTES_MAX
  return body
}

/** Offsets are those of the page, minus its header. */
function blockLimits(unit: LogicalUnit): Uint8Array {
  const { blockBytes } = unit
  const granularity = PHYSICAL_BLOCK_BYTES / blockBytes
  const body = new Uint8Array(60)
  // WSNZ 0: WRITE SAME of no blocks goes to the end of the medium
  body[1] = COMPARE_BLOCKS_MAX
  putU16(body, 2, granularity) // OPTIMAL TRANSFER LENGTH GRANULARITY
  putU32(body, 4, TRANSFER_BYTES_MAX / blockBytes)
  putU32(body, 8, TRANSFER_BYTES_OPTIMAL / blockBytes)
  putU32(body, 12, TRANSFER_BYTES_MAX / blockBytes) // MAXIMUM PREFETCH LENGTH
  putU32(body, 16, UNMAP_BLOCKS_MAX)
  putU32(body, 20, UNMAP_DESCRIPTORS_MAX)
  putU32(body, 24, granularity) // OPTIMAL UNMAP GRANULARITY
  putU32(body, 28, 0x8000_0000) // UGAVALID, alignment 0
  putU64(body, 32, WRITE_SAME_BYTES_MAX / blockBytes)
  // ATOMIC ALIGNMENT and GRANULARITY 0: any; MAXIMUM ATOMIC BOUNDARY SIZE 0: one write is never several atomic ones
  putU32(body, 40, atomicWriteBlocksMax(unit))
  return body
}

/** MAXIMUM ATOMIC TRANSFER LENGTH; 0: there is no WRITE ATOMIC. */
export const atomicWriteBlocksMax = ({ device, blockBytes }: LogicalUnit): number =>
  Math.min(0xffff, Math.floor(Math.min(device.atomicWriteBytesMax, TRANSFER_BYTES_MAX) / blockBytes))

function characteristics(): Uint8Array {
  const body = new Uint8Array(60)
  putU16(body, 0, 0x0001) // non-rotating medium
  body[3] = 0x40 // WABEREQ 01b: reads work after a block erase; WACEREQ 00b: there is no cryptographic erase
  body[4] = 0x01 // VBULS: VERIFY may compare with deallocated blocks
  return body
}

function provisioning(): Uint8Array {
  const body = new Uint8Array(4)
  body[1] = 0xe4 // LBPU, LBPWS, LBPWS10, LBPRZ 001b
  body[2] = 0x02 // PROVISIONING TYPE: thin
  return body
}
