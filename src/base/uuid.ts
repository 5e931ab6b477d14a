/** UUIDs (RFC 9562): 16 bytes in memory and on disk, lower-case text with hyphens for people. */
import { assert } from './assert.ts'
import type { Random } from './ports/random.ts'

/** A random UUID, version 4 (RFC 9562 §5.4). */
export function randomUuid(random: Random): Uint8Array {
  const uuid = Uint8Array.from(random.bytes(16))
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}

export function formatUuid(uuid: Uint8Array): string {
  assert(uuid.byteLength === 16, 'a UUID has 16 bytes')
  const hex = Array.from(uuid, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The 16 bytes, or undefined when `text` is not what `formatUuid` writes. */
export function parseUuid(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return undefined
  const hex = text.replaceAll('-', '')
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}
