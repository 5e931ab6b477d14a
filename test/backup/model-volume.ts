/**
 * A volume as a backup sees it, in memory: each change has an LSN, images of any moment can be had, and the history can fork, as
 * when a replica that lacked the last changes was made the primary by force.
 */
import type { ChangedBlocks, ImageBlock, VolumeImage } from '../../src/base/ports/image.ts'
import { BLOCK_BYTES } from '../../src/base/units.ts'

interface Version {
  readonly lsn: number
  /** Null: trimmed. */
  readonly data: Uint8Array | null
}

export class ModelVolume {
  readonly uuid: string
  readonly blocks: number
  #versions = new Map<number, Version[]>()
  #history: { epochId: string; firstLsn: number }[] = [{ epochId: '00000000000000a1', firstLsn: 1 }]
  #lsn = 1
  #snapshots = 0

  constructor(blocks: number, uuid = '11111111-2222-4333-8444-555555555555') {
    this.blocks = blocks
    this.uuid = uuid
  }

  /** `data`: one block; null: a trim. */
  write(block: number, data: Uint8Array | null): void {
    const versions = this.#versions.get(block) ?? []
    versions.push({ lsn: ++this.#lsn, data })
    this.#versions.set(block, versions)
  }

  /** What it was written with after `lsn` never happened, and another epoch goes on from there. */
  fork(lsn: number, epochId: string): void {
    for (const [block, versions] of this.#versions) {
      this.#versions.set(
        block,
        versions.filter((version) => version.lsn <= lsn),
      )
    }
    this.#history = this.#history.filter(({ firstLsn }) => firstLsn <= lsn)
    this.#lsn = lsn
    this.newEpoch(epochId)
  }

  newEpoch(epochId: string): void {
    this.#history.push({ epochId, firstLsn: ++this.#lsn })
  }

  image(name = `s${++this.#snapshots}`): ModelImage {
    const lsn = ++this.#lsn
    const history = [...this.#history]
    const seen = new Map<number, Version>()
    for (const [block, versions] of this.#versions) {
      const version = versions.findLast((one) => one.lsn <= lsn)
      if (version !== undefined) seen.set(block, version)
    }
    return new ModelImage({ volume: this.uuid, name, lsn, history, seen, blocks: this.blocks })
  }
}

export class ModelImage implements VolumeImage {
  readonly identity
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes = 4096
  readonly history: readonly { readonly epochId: string; readonly firstLsn: number }[]
  readonly #seen: ReadonlyMap<number, Version>
  readonly #order: readonly number[]

  constructor(options: {
    volume: string
    name: string
    lsn: number
    history: readonly { readonly epochId: string; readonly firstLsn: number }[]
    seen: ReadonlyMap<number, Version>
    blocks: number
  }) {
    const { volume, lsn, history } = options
    this.identity = { volume, lsn, epochId: history.at(-1)!.epochId }
    this.name = options.name
    this.history = history
    this.sizeBytes = options.blocks * BLOCK_BYTES
    this.#seen = options.seen
    this.#order = [...options.seen.keys()].sort((a, b) => a - b)
  }

  async changed(request: { sinceLsn: number; fromBlock: number; limit: number }): Promise<ChangedBlocks> {
    const found: ImageBlock[] = []
    for (const block of this.#order) {
      if (block < request.fromBlock) continue
      const { lsn, data } = this.#seen.get(block)!
      if (lsn <= request.sinceLsn) continue
      if (found.length === request.limit) return { blocks: found, nextBlock: block }
      found.push({ block, lsn, kind: data === null ? 'hole' : 'data' })
    }
    return { blocks: found, nextBlock: null }
  }

  async read(block: number, target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.byteLength; at += BLOCK_BYTES) {
      const data = this.#seen.get(block + at / BLOCK_BYTES)?.data ?? null
      if (data === null) target.fill(0, at, at + BLOCK_BYTES)
      else target.set(data, at)
    }
  }

  /** The whole of it. */
  async content(): Promise<Uint8Array> {
    const content = new Uint8Array(this.sizeBytes)
    await this.read(0, content)
    return content
  }

  async close(): Promise<void> {
    // nothing is held
  }
}
