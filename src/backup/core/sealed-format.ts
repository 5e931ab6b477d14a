/** The envelope of small objects, manifests and notes of uploads: what they are, a digest, and JSON, encrypted or not. */
import { viewOf } from '../../base/binary.ts'
import { bytes, layout, u8, u16, u32, zero } from '../../base/layout.ts'

const SEALED_MAGIC = 0x424f_5342 // 'BSOB'
const SEALED_VERSION = 1
const BODY_BYTES_MAX = 64 * 1024 * 1024

const SealedHeader = layout('SealedHeader', 64, {
  magic: u32(0),
  version: u16(4),
  kind: u8(6),
  flags: u8(7),
  bodyBytes: u32(8),
  reserved: zero(12, 4),
  salt: bytes(16, 16),
  digest: bytes(32, 32),
})
export const SEALED_HEADER_BYTES = SealedHeader.lengthBytes
/** What `digest` covers of the header. */
export const SEALED_DIGESTED_BYTES = SealedHeader.at.digest
const ENCRYPTED = 1

export type SealedKind = 'manifest' | 'upload'
const KINDS: readonly SealedKind[] = ['manifest', 'upload']

export interface SealedHead {
  readonly kind: SealedKind
  readonly isEncrypted: boolean
  readonly bodyBytes: number
  readonly salt: Uint8Array
  readonly digest: Uint8Array
}

export function encodeSealedHead(head: SealedHead): Uint8Array {
  const out = new Uint8Array(SEALED_HEADER_BYTES)
  const view = viewOf(out)
  const { at } = SealedHeader
  view.setUint32(at.magic, SEALED_MAGIC, true)
  view.setUint16(at.version, SEALED_VERSION, true)
  view.setUint8(at.kind, KINDS.indexOf(head.kind) + 1)
  view.setUint8(at.flags, head.isEncrypted ? ENCRYPTED : 0)
  view.setUint32(at.bodyBytes, head.bodyBytes, true)
  out.set(head.salt, at.salt)
  out.set(head.digest, at.digest)
  return out
}

export type SealedVerdict =
  | { readonly kind: 'sealed'; readonly head: SealedHead }
  | { readonly kind: 'unknown'; readonly version: number }
  | { readonly kind: 'damaged'; readonly what: string }

/** Of a whole object. */
export function decodeSealedHead(source: Uint8Array): SealedVerdict {
  if (source.byteLength < SEALED_HEADER_BYTES) return { kind: 'damaged', what: 'it is shorter than a header' }
  const view = viewOf(source)
  const { at } = SealedHeader
  if (view.getUint32(at.magic, true) !== SEALED_MAGIC) {
    return { kind: 'damaged', what: 'it is no object of backups' }
  }
  const version = view.getUint16(at.version, true)
  if (version !== SEALED_VERSION) return { kind: 'unknown', version }
  const kind = KINDS[view.getUint8(at.kind) - 1]
  const flags = view.getUint8(at.flags)
  const bodyBytes = view.getUint32(at.bodyBytes, true)
  if (
    kind === undefined ||
    flags > ENCRYPTED ||
    bodyBytes > BODY_BYTES_MAX ||
    !SealedHeader.isPaddingZero(source)
  ) {
    return { kind: 'damaged', what: 'its header makes no sense' }
  }
  if (source.byteLength !== SEALED_HEADER_BYTES + bodyBytes) {
    return {
      kind: 'damaged',
      what: `it has ${source.byteLength} bytes and should have ${SEALED_HEADER_BYTES + bodyBytes}`,
    }
  }
  const head: SealedHead = {
    kind,
    isEncrypted: flags === ENCRYPTED,
    bodyBytes,
    salt: source.slice(at.salt, at.salt + 16),
    digest: source.slice(at.digest, at.digest + 32),
  }
  return { kind: 'sealed', head }
}
