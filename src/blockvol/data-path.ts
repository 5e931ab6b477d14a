/**
 * The operations of a volume on its blocks: what is read, checked, split and queued before the log writer takes
 * over. A plain aligned write takes no lock and copies nothing; what has to read first (parts of a block, COMPARE
 * AND WRITE, ORWRITE) holds a lock on its blocks and waits for writes to them that are on their way.
 */
import { assert } from '../base/assert.ts'
import { isZero } from '../base/binary.ts'
import type { BufferPool } from '../base/buffer-pool.ts'
import { BlockError } from '../base/errors.ts'
import type { CompareResult, WriteOptions } from '../base/ports/block-device.ts'
import { alignDown, alignUp, BLOCK_BYTES } from '../base/units.ts'
import type { Admission } from './admission.ts'
import type { BlockLocks } from './block-locks.ts'
import type { Commitment } from './commitment.ts'
import { ENTRY_KIND, type EntryKind } from './format/log-group.ts'
import type { LogReach } from './log/log-room.ts'
import type { LogWriter } from './log/log-writer.ts'
import type { BlockReader } from './reader.ts'
import type { SpaceGuard } from './space-guard.ts'

export interface DataPathOptions {
  readonly pool: BufferPool
  readonly reader: BlockReader
  readonly writer: LogWriter
  readonly commitment: Commitment
  readonly admission: Admission
  readonly locks: BlockLocks
  readonly space: SpaceGuard
  /** Whether every block of [block, block + blocks) has space on the disk that a new version takes over. */
  readonly takesNoSpace: (block: number, blocks: number) => Promise<boolean>
  /** Whether there are snapshots: then trims take space too, for what these see. */
  readonly preserves: () => boolean
  /** Resolves when the dirty map has room for another range; BUSY when it takes too long. */
  readonly rangeRoom: () => Promise<void> | undefined
  /** Throws what an operation gets when the volume does not serve. */
  readonly ensureServing: () => void
}

export class DataPath {
  readonly #o: DataPathOptions

  constructor(options: DataPathOptions) {
    this.#o = options
  }

  readNow(offsetBytes: number, target: Uint8Array): boolean {
    const { reader, pool } = this.#o
    if (offsetBytes % BLOCK_BYTES === 0 && target.byteLength % BLOCK_BYTES === 0) {
      return reader.readNow(offsetBytes / BLOCK_BYTES, target)
    }
    const span = spanOf(offsetBytes, target.byteLength)
    const whole = pool.acquire(span.blocks * BLOCK_BYTES)
    try {
      if (!reader.readNow(span.block, whole)) return false
      target.set(whole.subarray(span.skipBytes, span.skipBytes + target.byteLength))
      return true
    } finally {
      pool.release(whole)
    }
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    const { reader, pool } = this.#o
    if (offsetBytes % BLOCK_BYTES === 0 && target.byteLength % BLOCK_BYTES === 0) {
      await reader.read(offsetBytes / BLOCK_BYTES, target)
      return
    }
    const span = spanOf(offsetBytes, target.byteLength)
    const whole = pool.acquire(span.blocks * BLOCK_BYTES)
    try {
      await reader.read(span.block, whole)
      target.set(whole.subarray(span.skipBytes, span.skipBytes + target.byteLength))
    } finally {
      pool.release(whole)
    }
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions): Promise<void> {
    await this.#admitted(data.byteLength, async () => {
      if (offsetBytes % BLOCK_BYTES !== 0 || data.byteLength % BLOCK_BYTES !== 0) {
        await this.modify(offsetBytes, data.byteLength, (content) => content.set(data), options)
        return
      }
      const block = offsetBytes / BLOCK_BYTES
      const blocks = data.byteLength / BLOCK_BYTES
      if (this.#o.space.isLow) await this.#refuseNewSpace(block, blocks)
      await this.#whenUnlocked(block, blocks, options, () => this.#appendData(block, data, options))
    })
  }

  /** Runs `operation` when admission lets it in, and lets the next one in when it has ended, however. */
  async #admitted(bytes: number, operation: () => Promise<void>): Promise<void> {
    const { admission } = this.#o
    const admitted = admission.enter(bytes)
    if (admitted !== undefined) await admitted
    try {
      await operation()
    } finally {
      admission.wake()
    }
  }

  /** Trim or write zeroes: whole blocks as one range, the ends of partly covered blocks as written zeros. */
  async zero(
    kind: typeof ENTRY_KIND.trim | typeof ENTRY_KIND.writeZeroes,
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions,
  ): Promise<void> {
    await this.#overRange(offsetBytes, lengthBytes, options, (content) => content.fill(0), {
      kind,
      data: undefined,
    })
  }

  async writeSame(
    offsetBytes: number,
    lengthBytes: number,
    pattern: Uint8Array,
    options: WriteOptions,
  ): Promise<void> {
    if (isZero(pattern)) {
      await this.zero(ENTRY_KIND.writeZeroes, offsetBytes, lengthBytes, options)
      return
    }
    const repeat = (content: Uint8Array): void => {
      for (let at = 0; at < content.byteLength; at += pattern.byteLength) content.set(pattern, at)
    }
    const block = new Uint8Array(BLOCK_BYTES)
    repeat(block)
    await this.#overRange(offsetBytes, lengthBytes, options, repeat, {
      kind: ENTRY_KIND.writeSame,
      data: block,
    })
  }

  async #overRange(
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions,
    fill: (content: Uint8Array) => void,
    middle: { kind: EntryKind; data: Uint8Array | undefined },
  ): Promise<void> {
    const end = offsetBytes + lengthBytes
    const first = alignUp(offsetBytes, BLOCK_BYTES)
    const last = alignDown(end, BLOCK_BYTES)
    if (first > last || (first === last && lengthBytes < BLOCK_BYTES)) {
      // inside one block, or across one border without a whole block
      await this.modify(offsetBytes, lengthBytes, fill, options)
      return
    }
    if (offsetBytes < first) await this.modify(offsetBytes, first - offsetBytes, fill, options)
    if (first < last) await this.#middle(first / BLOCK_BYTES, (last - first) / BLOCK_BYTES, options, middle)
    if (last < end) await this.modify(last, end - last, fill, options)
  }

  /** The whole blocks of a range, as one entry. */
  async #middle(
    block: number,
    blocks: number,
    options: WriteOptions,
    { kind, data }: { kind: EntryKind; data: Uint8Array | undefined },
  ): Promise<void> {
    const room = this.#o.rangeRoom()
    if (room !== undefined) await room
    await this.#admitted(data?.byteLength ?? 0, async () => {
      const mayTake = data !== undefined || this.#o.preserves()
      if (mayTake && this.#o.space.isLow) await this.#refuseNewSpace(block, blocks)
      const reach = data === undefined ? 'trim' : 'content'
      await this.#whenUnlocked(block, blocks, options, () =>
        this.#submit(kind, block, blocks, data, options.admit, reach),
      )
    })
  }

  /** Reads the range, lets `change` alter it in place, writes it; nothing comes between. */
  async modify(
    offsetBytes: number,
    lengthBytes: number,
    change: (content: Uint8Array) => void,
    options: WriteOptions,
  ): Promise<void> {
    await this.#exclusively(offsetBytes, lengthBytes, options, (content) => {
      const wasZero = isZero(content)
      change(content)
      if (!wasZero || !isZero(content)) return true
      // zeros over zeros: a part of a block that was trimmed, or never written, takes no space for it
      options.admit?.()
      return false
    })
  }

  /**
   * Writes those of the blocks from `block` on for which `isWanted`, asked under their locks. `data` is whole blocks. Returns how
   * many it wrote.
   */
  async writeWhere(
    block: number,
    data: Uint8Array,
    isWanted: (block: number) => Promise<boolean>,
    options: WriteOptions,
  ): Promise<number> {
    const { writer, locks, space, ensureServing } = this.#o
    const end = block + data.byteLength / BLOCK_BYTES
    let written = 0
    await this.#admitted(data.byteLength, async () => {
      const release = await locks.acquire(block, end)
      let lsn = 0
      try {
        if (writer.overlapsPending(block, end - block)) await writer.settledSoFar()
        const parts: Promise<number>[] = []
        try {
          for (let at = block; at < end; ) {
            if (!(await isWanted(at))) {
              at++
              continue
            }
            let run = 1
            while (at + run < end && (await isWanted(at + run))) run++
            if (space.isLow) await this.#refuseNewSpace(at, run)
            ensureServing()
            const part = data.subarray((at - block) * BLOCK_BYTES, (at - block + run) * BLOCK_BYTES)
            parts.push(this.#appendData(at, part, options))
            written += run
            at += run
          }
        } finally {
          // all must have settled before the caller gets its buffer back
          for (const result of await Promise.allSettled(parts)) {
            if (result.status === 'fulfilled') lsn = Math.max(lsn, result.value)
          }
        }
        await Promise.all(parts)
      } finally {
        release()
      }
      if (lsn > 0) await this.#counted(lsn, options)
    })
    return written
  }

  async compareAndWrite(
    offsetBytes: number,
    expected: Uint8Array,
    data: Uint8Array,
    options: WriteOptions,
  ): Promise<CompareResult> {
    let mismatchOffsetBytes = -1
    await this.#exclusively(offsetBytes, data.byteLength, options, (content) => {
      mismatchOffsetBytes = firstDifference(content, expected)
      if (mismatchOffsetBytes >= 0) return false
      content.set(data)
      return true
    })
    return mismatchOffsetBytes < 0 ? { equal: true } : { equal: false, mismatchOffsetBytes }
  }

  /** Under the lock of the range's blocks: read, `change`, and write unless it returns false. */
  async #exclusively(
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions,
    change: (content: Uint8Array) => boolean,
  ): Promise<void> {
    const { pool, reader, writer, locks, space, ensureServing } = this.#o
    const { block, blocks, skipBytes } = spanOf(offsetBytes, lengthBytes)
    const whole = pool.acquire(blocks * BLOCK_BYTES)
    const release = await locks.acquire(block, block + blocks)
    try {
      if (writer.overlapsPending(block, blocks)) await writer.settledSoFar()
      if (!reader.readNow(block, whole)) await reader.readAppended(block, whole)
      ensureServing()
      if (change(whole.subarray(skipBytes, skipBytes + lengthBytes))) {
        if (space.isLow) await this.#refuseNewSpace(block, blocks)
        ensureServing()
        await this.#appendData(block, whole, options)
      }
    } finally {
      release()
      pool.release(whole)
    }
    // also when nothing was written: what made that needless, and is told by that, may not be committed yet
    await this.#counted(writer.appendedLsn, options)
  }

  /**
   * Appends when no lock is in the way, and syncs if asked to. Between finding the blocks free and queuing the entry
   * nothing may come, or a read-modify-write could slip in and not see it: no await there.
   */
  async #whenUnlocked(
    block: number,
    blocks: number,
    options: WriteOptions,
    append: () => Promise<number>,
  ): Promise<void> {
    const { locks, ensureServing } = this.#o
    const end = block + blocks
    const release = locks.isFree(block, end) ? undefined : await locks.acquire(block, end)
    let lsn: number
    try {
      ensureServing()
      lsn = await append()
    } finally {
      release?.()
    }
    await this.#counted(lsn, options)
  }

  /** Until the entry may be acknowledged: committed, and with FUA durable. */
  async #counted(lsn: number, { fua }: WriteOptions): Promise<void> {
    const { commitment } = this.#o
    const committed = commitment.committed(lsn)
    if (committed !== undefined) await committed
    if (fua === true) await commitment.flushed(lsn)
  }

  async #refuseNewSpace(block: number, blocks: number): Promise<void> {
    await this.#o.space.sample()
    if (!this.#o.space.isLow || (await this.#o.takesNoSpace(block, blocks))) return
    throw new BlockError('NO_SPACE', 'the disk is nearly full: writes that need new space are refused', {
      facts: { block, blocks },
    })
  }

  /** Queues whole blocks, split into entries; resolves with the last LSN when all have settled. */
  #appendData(block: number, data: Uint8Array, options: WriteOptions): Promise<number> {
    const { writer } = this.#o
    const blocks = data.byteLength / BLOCK_BYTES
    const most = writer.entryBlocksMax
    if (blocks <= most) return this.#submit(ENTRY_KIND.write, block, blocks, data, options.admit, 'content')
    const parts: Promise<number>[] = []
    for (let at = 0; at < blocks; at += most) {
      const count = Math.min(most, blocks - at)
      const part = data.subarray(at * BLOCK_BYTES, (at + count) * BLOCK_BYTES)
      parts.push(this.#submit(ENTRY_KIND.write, block + at, count, part, options.admit, 'content'))
    }
    // all must have settled before the caller gets its buffer back
    return Promise.allSettled(parts).then((results) => {
      let lsn = 0
      for (const result of results) {
        if (result.status === 'rejected') throw result.reason
        lsn = Math.max(lsn, result.value)
      }
      return lsn
    })
  }

  #submit(
    kind: EntryKind,
    block: number,
    blocks: number,
    data: Uint8Array | undefined,
    admit: (() => void) | undefined,
    reach: LogReach,
  ): Promise<number> {
    assert(data === undefined || data.byteLength % BLOCK_BYTES === 0, 'entries carry whole blocks')
    return new Promise((resolve, reject) => {
      this.#o.writer.submit({
        kind,
        epoch: undefined,
        block,
        blocks,
        data,
        argument: 0,
        reach,
        admit,
        settled: (error, lsn) => (error === undefined ? resolve(lsn) : reject(error)),
      })
    })
  }
}

/** The whole blocks that hold a byte range, and where the range begins in them. */
function spanOf(
  offsetBytes: number,
  lengthBytes: number,
): { block: number; blocks: number; skipBytes: number } {
  const start = alignDown(offsetBytes, BLOCK_BYTES)
  const end = alignUp(offsetBytes + lengthBytes, BLOCK_BYTES)
  return { block: start / BLOCK_BYTES, blocks: (end - start) / BLOCK_BYTES, skipBytes: offsetBytes - start }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return i
  return -1
}
