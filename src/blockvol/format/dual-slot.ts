/**
 * A structure kept in two slots of one file, written alternately with a rising generation: a write that is torn
 * leaves the other slot, which holds the state before it. The newer valid slot wins. Owns the envelope (magic,
 * version, generation, length, checksum); the body is the caller's.
 *
 * Slot g lives at `(generation % 2) * slotBytes`. Writes are the caller's to serialise: one owner per file.
 */
import { assert } from '../../base/assert.ts'
import { isZero, readU64, viewOf, writeU64 } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { BlockError } from '../../base/errors.ts'
import { layout, u16, u32, u64, zero } from '../../base/layout.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { alignUp } from '../../base/units.ts'

/** Envelope of a slot, little-endian. The checksum covers the envelope before it, then the body. */
const Envelope = layout('Envelope', 32, {
  magic: u32(0),
  version: u16(4),
  reserved: zero(6, 2),
  generation: u64(8),
  bodyBytes: u32(16),
  reserved2: zero(20, 8),
  crc32c: u32(28),
})
const AT = Envelope.at
export const ENVELOPE_BYTES = Envelope.lengthBytes

export interface SlotFormat {
  /** What the file is called in errors. */
  readonly name: string
  readonly magic: number
  readonly version: number
  readonly slotBytes: number
}

export interface SlotContent {
  readonly generation: number
  readonly body: Uint8Array
  /** The other slot is damaged (not merely unwritten); the next write repairs it. */
  readonly otherDamaged: boolean
}

type Verdict = { generation: number; body: Uint8Array } | 'empty' | 'damaged' | 'unknown'

function parse(format: SlotFormat, slot: Uint8Array, index: number): Verdict {
  if (slot.byteLength < ENVELOPE_BYTES || isZero(slot.subarray(0, ENVELOPE_BYTES))) return 'empty'
  const view = viewOf(slot)
  if (view.getUint32(AT.magic, true) !== format.magic) return 'damaged'
  const bodyBytes = view.getUint32(AT.bodyBytes, true)
  if (ENVELOPE_BYTES + bodyBytes > slot.byteLength) return 'damaged'
  const body = slot.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + bodyBytes)
  const sum = crc32c(body, crc32c(slot.subarray(0, AT.crc32c)))
  if (sum !== view.getUint32(AT.crc32c, true)) return 'damaged'
  if (view.getUint16(AT.version, true) !== format.version) return 'unknown'
  const generation = readU64(view, AT.generation)
  if (generation % 2 !== index || !Envelope.isPaddingZero(slot)) return 'damaged'
  return { generation, body }
}

/** Reads both slots, as the medium has them: a sync that failed may have left others in the page cache. CORRUPT when neither is valid; UNKNOWN_FORMAT when a valid one has another version. */
export async function readSlots(format: SlotFormat, file: DiskFile): Promise<SlotContent> {
  const verdicts: Verdict[] = []
  for (const index of [0, 1]) {
    const slot = new Uint8Array(format.slotBytes)
    const got = await file.readUncached(slot, index * format.slotBytes)
    verdicts.push(parse(format, slot.subarray(0, got), index))
  }
  if (verdicts.includes('unknown')) {
    throw new BlockError(
      'UNKNOWN_FORMAT',
      `${file.path} has a ${format.name} version that this program does not know; use the release that wrote it`,
      { facts: { path: file.path } },
    )
  }
  const [a, b] = verdicts as [Verdict, Verdict]
  const valid = verdicts.filter((v) => typeof v === 'object').sort((x, y) => y.generation - x.generation)
  const newest = valid[0]
  if (newest === undefined) {
    throw new BlockError(
      'CORRUPT',
      `${file.path}: both copies of the ${format.name} are ${a === 'empty' && b === 'empty' ? 'missing' : 'damaged'}`,
      { facts: { path: file.path, isFirstSlotEmpty: a === 'empty' } },
    )
  }
  return { ...newest, otherDamaged: a === 'damaged' || b === 'damaged' }
}

/** Writes `body` as `generation` into its slot; durable when the promise resolves. */
export async function writeSlot(
  format: SlotFormat,
  file: DiskFile,
  generation: number,
  body: Uint8Array,
): Promise<void> {
  const usedBytes = ENVELOPE_BYTES + body.byteLength
  assert(usedBytes <= format.slotBytes, `${format.name} fits its slot`)
  const slot = new Uint8Array(Math.min(format.slotBytes, alignUp(usedBytes, 4096)))
  const view = viewOf(slot)
  view.setUint32(AT.magic, format.magic, true)
  view.setUint16(AT.version, format.version, true)
  writeU64(view, AT.generation, generation)
  view.setUint32(AT.bodyBytes, body.byteLength, true)
  slot.set(body, ENVELOPE_BYTES)
  view.setUint32(AT.crc32c, crc32c(body, crc32c(slot.subarray(0, AT.crc32c))), true)
  await file.write([slot], (generation % 2) * format.slotBytes)
  await file.datasync()
}
