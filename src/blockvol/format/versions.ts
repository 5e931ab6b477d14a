/**
 * The head of the `versions` file, which keeps block versions that a snapshot still sees. This release makes the
 * file and refuses one that it does not know; nothing is preserved yet. docs/formats/versions.md.
 */
import { isZero, viewOf } from '../../base/binary.ts'
import { crc32c } from '../../base/crc32c.ts'
import { BlockError } from '../../base/errors.ts'
import { bytes, layout, u16, u32, zero } from '../../base/layout.ts'

export const VERSIONS_HEADER_BYTES = 4096
const VERSIONS_MAGIC = 0x53564c42 // "BLVS"
const VERSIONS_VERSION = 1

/** Header, little-endian, in a page of its own; the rest of the page is zero. */
const Header = layout('VersionsHeader', 64, {
  magic: u32(0),
  version: u16(4),
  reserved: zero(6, 2),
  uuid: bytes(8, 16),
  reserved2: zero(24, 36),
  crc32c: u32(60), // of the 60 bytes before
})
const AT = Header.at

export function encodeVersionsHeader(uuid: Uint8Array): Uint8Array {
  const page = new Uint8Array(VERSIONS_HEADER_BYTES)
  const view = viewOf(page)
  view.setUint32(AT.magic, VERSIONS_MAGIC, true)
  view.setUint16(AT.version, VERSIONS_VERSION, true)
  page.set(uuid, AT.uuid)
  view.setUint32(AT.crc32c, crc32c(page.subarray(0, AT.crc32c)), true)
  return page
}

/** CORRUPT or UNKNOWN_FORMAT unless `page` is the header of this volume's versions. */
export function checkVersionsHeader(page: Uint8Array, uuid: Uint8Array, path: string): void {
  const view = viewOf(page)
  const valid =
    view.getUint32(AT.magic, true) === VERSIONS_MAGIC &&
    view.getUint32(AT.crc32c, true) === crc32c(page.subarray(0, AT.crc32c))
  if (!valid || !Header.isPaddingZero(page) || !isZero(page.subarray(Header.lengthBytes))) {
    throw new BlockError('CORRUPT', `${path}: the header is damaged`, { facts: { path } })
  }
  if (view.getUint16(AT.version, true) !== VERSIONS_VERSION) {
    throw new BlockError('UNKNOWN_FORMAT', `${path} has a version that this program does not know`, {
      facts: { path },
    })
  }
  if (Buffer.compare(page.subarray(AT.uuid, AT.uuid + 16), uuid) !== 0) {
    throw new BlockError('CORRUPT', `${path} belongs to another volume`, { facts: { path } })
  }
}
