/**
 * Walks the records of a run in order, one leaf in memory at a time and one directory node of each level. Every node is checked
 * against the digest that its parent has of it, so that what comes out is what the manifest stands for.
 */
import {
  decodeDirectoryNode,
  LEAF_RECORDS,
  NODE_BYTES_MAX,
  type NodeReference,
} from './core/directory-node.ts'
import type { Run } from './core/manifest.ts'
import { decodeRecords, RecordBatch } from './core/records.ts'
import { digestOf } from './keys.ts'
import type { SegmentSource } from './merged.ts'
import type { PackReader } from './pack-reader.ts'
import type { FrameCodec, StoredFrame } from './ports.ts'

/** Nodes stand in a pack in the order in which they are read, so a request brings a few. */
const AHEAD_BYTES = 1024 * 1024

export interface RunVisitor {
  /** A node that the run consists of. */
  node(reference: NodeReference): void
}

export class RunCursor implements SegmentSource {
  readonly #reader: PackReader
  readonly #codec: FrameCodec
  readonly #visitor: RunVisitor | undefined
  /** Children not yet visited, of the path to the leaf; the last is of the deepest node. */
  readonly #path: { readonly level: number; readonly children: readonly NodeReference[]; next: number }[]
  readonly #ahead = new Map<string, StoredFrame>()
  #leaf = new RecordBatch(1)
  #at = -1

  constructor(options: {
    readonly reader: PackReader
    readonly codec: FrameCodec
    readonly run: Run
    readonly visitor?: RunVisitor
  }) {
    this.#reader = options.reader
    this.#codec = options.codec
    this.#visitor = options.visitor
    this.#path = [{ level: options.run.depth + 1, children: [options.run.root], next: 0 }]
  }

  get start(): number {
    return this.#leaf.block(this.#at)
  }

  get end(): number {
    return this.#leaf.end(this.#at)
  }

  get isHole(): boolean {
    return this.#leaf.isHole(this.#at)
  }

  get pack(): string {
    return this.#leaf.pack(this.#at)
  }

  get frame(): number {
    return this.#leaf.frame(this.#at)
  }

  get slot(): number {
    return this.#leaf.slot(this.#at)
  }

  get hash(): Uint8Array {
    return this.#leaf.hash(this.#at)
  }

  advance(): boolean | Promise<boolean> {
    if (this.#at + 1 < this.#leaf.count) {
      this.#at++
      return true
    }
    return this.#nextLeaf()
  }

  async #nextLeaf(): Promise<boolean> {
    for (;;) {
      const top = this.#path.at(-1)
      if (top === undefined) return false
      const child = top.children[top.next++]
      if (child === undefined) {
        this.#path.pop()
        continue
      }
      const level = top.level - 1
      if (level > 0) {
        const children = await this.#node(child, (bytes) => directoryAs(child, bytes, level))
        this.#path.push({ level, children, next: 0 })
        continue
      }
      this.#leaf = await this.#node(child, (bytes) => leafAs(child, bytes))
      this.#at = 0
      return true
    }
  }

  /** A node, decoded; its digest is its parent's word for it. */
  #node<T>(child: NodeReference, decode: (bytes: Uint8Array) => T | undefined): Promise<T> {
    this.#visitor?.node(child)
    return this.#reader.withPack(child.pack, async (pack) => {
      const key = `${child.frame} ${child.pack}`
      let stored = this.#ahead.get(key)
      this.#ahead.delete(key)
      if (stored === undefined) {
        this.#ahead.clear()
        let last = child.frame
        while (
          last + 1 < pack.frames.length &&
          pack.frames[last + 1]!.kind === 'node' &&
          pack.offsets[last + 2]! - pack.offsets[child.frame]! <= AHEAD_BYTES
        ) {
          last++
        }
        const numbers = Array.from({ length: last - child.frame + 1 }, (_, i) => child.frame + i)
        const [first, ...others] = await this.#reader.frames(pack, numbers)
        for (const [i, other] of others.entries())
          this.#ahead.set(`${child.frame + 1 + i} ${child.pack}`, other)
        stored = first!
      }
      if (stored.frame.kind !== 'node') throw this.#reader.damaged(pack, `frame ${child.frame} is no node`)
      const raw = await this.#codec.open({
        stored,
        key: pack.frameKey,
        volume: this.#reader.volume,
        rawBytesMax: NODE_BYTES_MAX,
      })
      if (raw === undefined || Buffer.compare(digestOf(raw), child.digest) !== 0) {
        throw this.#reader.damaged(pack, `frame ${child.frame} does not have its digest`)
      }
      const decoded = decode(raw)
      if (decoded === undefined) throw this.#reader.damaged(pack, `frame ${child.frame} makes no sense`)
      return decoded
    })
  }
}

/** The node, when it covers what its parent says. */
function directoryAs(child: NodeReference, bytes: Uint8Array, level: number): NodeReference[] | undefined {
  const children = decodeDirectoryNode(bytes, level)
  const isFitting =
    children?.[0]?.firstBlock === child.firstBlock &&
    children.at(-1)?.endBlock === child.endBlock &&
    children.reduce((sum, { records }) => sum + records, 0) === child.records
  return isFitting ? children : undefined
}

function leafAs(child: NodeReference, bytes: Uint8Array): RecordBatch | undefined {
  const leaf = decodeRecords(bytes, LEAF_RECORDS)
  const isFitting =
    leaf !== undefined &&
    leaf.count === child.records &&
    leaf.count > 0 &&
    leaf.block(0) === child.firstBlock &&
    leaf.end(leaf.count - 1) === child.endBlock
  return isFitting ? leaf : undefined
}
