/** A disk of tests: it keeps blocks in memory, and does harm when it is told to. */
import { BlockError } from '../../src/base/errors.ts'
import type { Disk } from '../hosts/disk.ts'

const BLOCK_BYTES = 4096

/** What becomes of the next write. */
export type Fate =
  | 'done'
  /** No answer; it was done. */
  | 'done, lost'
  /** No answer; it is done by `arrive`, or never. */
  | 'late'

export class MemoryDisk implements Disk {
  readonly volume = 'v1'
  readonly host = 'h1'
  readonly transport = 'iscsi'
  readonly logicalBlockBytes = 512
  readonly devicePath = null
  content: Uint8Array
  fate: Fate = 'done'
  /** Called before each command; what it throws is the command's end. */
  before: (kind: 'read' | 'write' | 'flush', offsetBytes: number) => Promise<void> = () => Promise.resolve()
  /** Called once, when a command was carried out and its answer is still on the way. */
  during: (() => Promise<void>) | undefined
  readonly #late: { readonly offsetBytes: number; readonly data: Uint8Array }[] = []

  constructor(blocks: number) {
    this.content = new Uint8Array(blocks * BLOCK_BYTES)
  }

  get sizeBytes(): number {
    return this.content.byteLength
  }

  async read(offsetBytes: number, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    await this.before('read', offsetBytes)
    signal.throwIfAborted()
    const data = this.content.slice(offsetBytes, offsetBytes + lengthBytes)
    await this.#meanwhile()
    return data
  }

  async write(offsetBytes: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const { fate } = this
    this.fate = 'done'
    await this.before('write', offsetBytes)
    signal.throwIfAborted()
    if (fate === 'late') this.#late.push({ offsetBytes, data: data.slice() })
    else this.content.set(data, offsetBytes)
    await this.#meanwhile()
    if (fate !== 'done') throw new BlockError('DISK', 'no answer')
  }

  async flush(signal: AbortSignal): Promise<void> {
    await this.before('flush', 0)
    signal.throwIfAborted()
    await this.#meanwhile()
  }

  /** The `nth` of the writes that are late is done now. */
  arrive(nth: number): void {
    const [write] = this.#late.splice(nth % Math.max(1, this.#late.length), 1)
    if (write !== undefined) this.content.set(write.data, write.offsetBytes)
  }

  block(number: number): Uint8Array {
    return this.content.subarray(number * BLOCK_BYTES, (number + 1) * BLOCK_BYTES)
  }

  async #meanwhile(): Promise<void> {
    const { during } = this
    this.during = undefined
    await during?.()
  }

  trim(): Promise<void> {
    return Promise.resolve()
  }

  refresh(): Promise<void> {
    return Promise.resolve()
  }

  detach(): Promise<void> {
    return Promise.resolve()
  }
}
