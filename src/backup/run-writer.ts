/**
 * Writes a run: records come in ascending, leaves of a few thousand are stored as they fill, and the nodes above them the
 * same way, so that memory holds one node of each level whatever the volume's size.
 */
import {
  encodeDirectoryNode,
  LEAF_RECORDS,
  NODE_CHILDREN,
  type NodeReference,
} from './core/directory-node.ts'
import type { Run } from './core/manifest.ts'
import { indexPackReference, packName } from './core/names.ts'
import { RecordBatch } from './core/records.ts'
import { digestOf, type Keyring } from './keys.ts'
import { packObject } from './pack-object.ts'
import type { FrameCodec, StoredFrame } from './ports.ts'
import type { UploadLedger } from './upload-ledger.ts'

/** What one process writes of one backup: a salt, and numbers that are used once under it. */
export interface Attempt {
  readonly volume: string
  readonly backup: string
  readonly attempt: string
  readonly salt: Uint8Array
  readonly key: Uint8Array | null
  /** A pack is closed when it has so many. */
  readonly packBytes: number
  /** Reserves counters for `frames` frames and returns the first. */
  counters(frames: number): number
}

export interface RunWriterOptions {
  readonly keyring: Keyring
  readonly ledger: UploadLedger
  readonly codec: FrameCodec
  readonly attempt: Attempt
}

/** Packs of nodes. A node has its place as soon as it is handed over; it is durable when the ledger has settled after `finish`. */
class NodeStore {
  readonly #keyring: Keyring
  readonly #ledger: UploadLedger
  readonly #codec: FrameCodec
  readonly #attempt: Attempt
  #number = 0
  #frames: StoredFrame[] = []
  #bytes = 0

  constructor(options: RunWriterOptions) {
    this.#keyring = options.keyring
    this.#ledger = options.ledger
    this.#codec = options.codec
    this.#attempt = options.attempt
  }

  async add(raw: Uint8Array): Promise<{ pack: string; frame: number; digest: Uint8Array }> {
    if (this.#bytes >= this.#attempt.packBytes) await this.finish()
    const { attempt, key, volume, backup } = this.#attempt
    const digest = digestOf(raw)
    const counter = this.#attempt.counters(1)
    const stored = await this.#codec.seal({ raw, key, volume, frame: { counter, mask: 0, kind: 'node' } })
    const frame = this.#frames.push(stored) - 1
    this.#bytes += stored.stored.byteLength
    return { pack: indexPackReference(backup, this.#number, attempt), frame, digest }
  }

  /** Hands over what is pending. */
  async finish(): Promise<void> {
    if (this.#frames.length === 0) return
    const { volume, backup, attempt, salt } = this.#attempt
    const name = packName(volume, indexPackReference(backup, this.#number, attempt))
    const object = packObject({
      name,
      keyring: this.#keyring,
      salt,
      frames: this.#frames,
      records: new RecordBatch().encode(),
      recordCount: 0,
    })
    await this.#ledger.put(name, object)
    this.#number++
    this.#frames = []
    this.#bytes = 0
  }
}

export class RunWriter {
  readonly #nodes: NodeStore
  #leaf = new RecordBatch(LEAF_RECORDS)
  /** Of each level above the leaves, children that wait for their node. */
  readonly #levels: NodeReference[][] = []
  #isDone = false

  constructor(options: RunWriterOptions) {
    this.#nodes = new NodeStore(options)
  }

  /** Adds blocks that read as zeros. Resolves at once but when a leaf is full. */
  addHole(block: number, count: number): Promise<void> | undefined {
    this.#leaf.addHole(block, count)
    return this.#leaf.count >= LEAF_RECORDS ? this.#finishLeaf() : undefined
  }

  addData(
    block: number,
    place: {
      readonly pack: string
      readonly frame: number
      readonly slot: number
      readonly hash: Uint8Array
    },
  ): Promise<void> | undefined {
    this.#leaf.addData(block, place.pack, place.frame, place.slot, place.hash)
    return this.#leaf.count >= LEAF_RECORDS ? this.#finishLeaf() : undefined
  }

  /** The run, durable when the ledger has settled; null when nothing was added. */
  async finish(level: number | null): Promise<Run | null> {
    if (this.#isDone) return null
    this.#isDone = true
    if (this.#leaf.count > 0) await this.#finishLeaf()
    if (this.#levels.length === 0) return null
    // every level hands its rest upwards; the topmost with one child has the root
    for (let depth = 0; ; depth++) {
      const children = this.#levels[depth]!
      if (depth === this.#levels.length - 1 && children.length === 1) {
        await this.#nodes.finish()
        return { level, depth, root: children[0]! }
      }
      if (children.length > 0) await this.#finishNode(depth)
    }
  }

  async #finishLeaf(): Promise<void> {
    const leaf = this.#leaf
    this.#leaf = new RecordBatch(LEAF_RECORDS)
    const place = await this.#nodes.add(leaf.encode())
    const span = { firstBlock: leaf.block(0), endBlock: leaf.end(leaf.count - 1), records: leaf.count }
    await this.#addChild(0, { ...place, ...span })
  }

  async #addChild(depth: number, child: NodeReference): Promise<void> {
    if (depth === this.#levels.length) this.#levels.push([])
    const children = this.#levels[depth]!
    children.push(child)
    if (children.length >= NODE_CHILDREN) await this.#finishNode(depth)
  }

  async #finishNode(depth: number): Promise<void> {
    const children = this.#levels[depth]!
    this.#levels[depth] = []
    const place = await this.#nodes.add(encodeDirectoryNode(depth + 1, children))
    await this.#addChild(depth + 1, {
      ...place,
      firstBlock: children[0]!.firstBlock,
      endBlock: children.at(-1)!.endBlock,
      records: children.reduce((sum, child) => sum + child.records, 0),
    })
  }
}
