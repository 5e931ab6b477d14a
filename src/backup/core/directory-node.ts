/**
 * Nodes of an index above its leaves: where each child is, what it covers and its digest, so that the root's digest holds for
 * every block of a run. In bytes: level, count, packs, each a text; then per child: first block since the end of the child
 * before, blocks that it spans, records, pack (of the list), frame (LEB128 all), and 32 bytes of SHA-256 of its bytes.
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { BLOCKS_MAX } from './records.ts'

const DIGEST_BYTES = 32
/** Children of a node; records of a leaf. */
export const NODE_CHILDREN = 512
export const LEAF_RECORDS = 4096
/** More levels than the largest volume needs. */
export const LEVELS_MAX = 5
/** Of one node, uncompressed; a leaf whose records all lie in packs of their own is the largest. */
export const NODE_BYTES_MAX = 2 * 1024 * 1024

/** A node as its parent, or the manifest, knows it. */
export interface NodeReference {
  /** Reference of its pack, and the frame there. */
  readonly pack: string
  readonly frame: number
  readonly digest: Uint8Array
  readonly firstBlock: number
  readonly endBlock: number
  /** In all leaves below. */
  readonly records: number
}

export function encodeDirectoryNode(level: number, children: readonly NodeReference[]): Uint8Array {
  const out = new ByteWriter(64 + children.length * 56)
  const packs = [...new Set(children.map((child) => child.pack))]
  const numbers = new Map(packs.map((pack, i) => [pack, i]))
  out.number(level)
  out.number(children.length)
  out.number(packs.length)
  for (const pack of packs) out.text(pack)
  let end = 0
  for (const child of children) {
    out.number(child.firstBlock - end)
    out.number(child.endBlock - child.firstBlock)
    out.number(child.records)
    out.number(numbers.get(child.pack)!)
    out.number(child.frame)
    out.raw(child.digest)
    end = child.endBlock
  }
  return out.written()
}

/** Undefined when the bytes are not what `encodeDirectoryNode` writes at `level`. */
export function decodeDirectoryNode(bytes: Uint8Array, level: number): NodeReference[] | undefined {
  const reader = new ByteReader(bytes)
  if (reader.number() !== level) return undefined
  const count = reader.number()
  const packCount = reader.number()
  if (reader.isBad || count === 0 || count > NODE_CHILDREN || packCount > count) return undefined
  const packs = Array.from({ length: packCount }, () => reader.text(200))
  const children: NodeReference[] = []
  let end = 0
  for (let i = 0; i < count && !reader.isBad; i++) {
    const firstBlock = end + reader.number()
    const blocks = reader.number()
    const records = reader.number()
    const pack = packs[reader.number()]
    const frame = reader.number()
    const digest = reader.raw(DIGEST_BYTES).slice()
    end = firstBlock + blocks
    if (pack === undefined || blocks === 0 || records === 0 || end > BLOCKS_MAX) return undefined
    children.push({ pack, frame, digest, firstBlock, endBlock: end, records })
  }
  return reader.isWhole ? children : undefined
}
