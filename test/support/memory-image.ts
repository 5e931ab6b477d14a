/** A `VolumeImage` in memory: blocks by their numbers, everything else was never written. */
import { BlockError } from '../../src/base/errors.ts'
import type { ChangedBlocks, ImageBlock, VolumeImage } from '../../src/base/ports/image.ts'
import { BLOCK_BYTES } from '../../src/base/units.ts'

export interface MemoryImageOptions {
  readonly sizeBytes: number
  readonly volume?: string
  /** Content of blocks; null: trimmed. */
  readonly blocks: ReadonlyMap<number, Uint8Array | null>
}

export class MemoryImage implements VolumeImage {
  readonly identity
  readonly name = 'snap1'
  readonly sizeBytes: number
  readonly logicalBlockBytes = 512
  readonly history = [{ epochId: '00000000000000a1', firstLsn: 1 }]
  /** Of these a read fails. */
  readonly bad = new Set<number>()
  /** Calls of `read`, and bytes that they gave. */
  reads = 0
  readBytes = 0
  isClosed = false
  /** Called before every read, with the block; what it returns is waited for. */
  onRead: (block: number) => Promise<void> | undefined = () => undefined
  readonly #blocks: ReadonlyMap<number, Uint8Array | null>

  constructor({ sizeBytes, volume = '11111111-2222-4333-8444-555555555555', blocks }: MemoryImageOptions) {
    this.identity = { volume, epochId: '00000000000000a1', lsn: 1000 }
    this.sizeBytes = sizeBytes
    this.#blocks = blocks
  }

  /** With content. */
  get blocks(): number {
    return [...this.#blocks.values()].filter((data) => data !== null).length
  }

  async changed(request: {
    readonly sinceLsn: number
    readonly fromBlock: number
    readonly limit: number
  }): Promise<ChangedBlocks> {
    this.#check()
    const all = [...this.#blocks]
      .map(([block, data]): ImageBlock => ({ block, lsn: block + 1, kind: data === null ? 'hole' : 'data' }))
      .filter(({ block, lsn }) => block >= request.fromBlock && lsn > request.sinceLsn)
      .sort((a, b) => a.block - b.block)
    const blocks = all.slice(0, request.limit)
    return { blocks, nextBlock: all.length > blocks.length ? (blocks.at(-1)?.block ?? 0) + 1 : null }
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    this.#check()
    this.reads++
    await this.onRead(block)
    this.#check()
    for (let at = 0; at < target.byteLength; at += BLOCK_BYTES) {
      const one = block + at / BLOCK_BYTES
      if (this.bad.has(one)) throw new BlockError('MEDIUM', `block ${one} is bad`, { facts: { block: one } })
      const data = this.#blocks.get(one)
      if (data == null) target.fill(0, at, at + BLOCK_BYTES)
      else target.set(data, at)
      this.readBytes += BLOCK_BYTES
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  #check(): void {
    if (this.isClosed) throw new BlockError('CLOSED', 'the image is closed')
  }
}
