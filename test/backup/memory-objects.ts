/**
 * An object store in memory with the faults that object stores have: a request fails before or after it was done, its answer
 * never comes, bytes are cut or changed on their way, credentials end, and the process that asks ends in the middle. What
 * stands behind an answer is whole, as a store promises; `damage`, `swap` and `remove` are what disks and people do to it.
 */

import type { ObjectInfo, ObjectPage, ObjectStore } from '../../src/backup/ports.ts'
import { BlockError, type BlockErrorCode } from '../../src/base/errors.ts'
import type { ManualClock } from '../e2e/iscsi/manual-clock.ts'

export type Operation = 'put' | 'get' | 'head' | 'list' | 'delete'

export type Fault =
  /** Not done, and said so. */
  | { readonly kind: 'refused'; readonly code: BlockErrorCode }
  /** Done, and the answer is an error. */
  | { readonly kind: 'lost answer'; readonly code: BlockErrorCode }
  | { readonly kind: 'stall' }
  /** Of a read: a byte is changed. */
  | { readonly kind: 'changed' }
  /** Of a write: less is stored than was sent, and it is answered well. */
  | { readonly kind: 'torn' }
  /** The asking process is gone: nothing is done and nothing is ever answered. */
  | { readonly kind: 'gone' }

export interface Request {
  readonly operation: Operation
  readonly name: string
  /** Counted from 0, over all operations. */
  readonly number: number
}

const PAGE = 1000

export class MemoryObjects implements ObjectStore {
  readonly objects = new Map<string, { bytes: Uint8Array; modifiedMs: number }>()
  readonly log: Request[] = []
  /** What goes wrong with a request. */
  fault: (request: Request) => Fault | undefined = () => undefined
  /** What a request waits for before it is done. */
  before: (request: Request) => Promise<void> | undefined = () => undefined
  readonly #clock: ManualClock

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  put(name: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const bytes = body.slice()
    return this.#request('put', name, signal, (fault) => {
      const stored = fault?.kind === 'torn' ? bytes.subarray(0, bytes.byteLength >> 1) : bytes
      this.objects.set(name, { bytes: stored, modifiedMs: this.#clock.wallMs() })
    })
  }

  async putStream(
    name: string,
    _sizeBytes: number,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    await this.put(name, Buffer.concat(pieces), signal)
  }

  get(
    name: string,
    range: { offsetBytes: number; lengthBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#request('get', name, signal, (fault) => {
      const { bytes } = this.#object(name)
      const found = bytes.slice(range.offsetBytes, range.offsetBytes + range.lengthBytes)
      if (fault?.kind === 'changed' && found.byteLength > 0) found[found.byteLength >> 1]! ^= 1
      return found
    })
  }

  head(name: string, signal: AbortSignal): Promise<ObjectInfo> {
    return this.#request('head', name, signal, () => {
      const { bytes, modifiedMs } = this.#object(name)
      return { name, sizeBytes: bytes.byteLength, modifiedMs }
    })
  }

  list(prefix: string, after: string, signal: AbortSignal): Promise<ObjectPage> {
    return this.#request('list', prefix, signal, () => {
      const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort()
      const objects = names.slice(0, PAGE).map((name): ObjectInfo => {
        const { bytes, modifiedMs } = this.#object(name)
        return { name, sizeBytes: bytes.byteLength, modifiedMs }
      })
      return { objects, isLast: names.length <= PAGE }
    })
  }

  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#request('delete', name, signal, () => {
      this.objects.delete(name)
    })
  }

  async close(): Promise<void> {
    // nothing is held
  }

  names(prefix: string): string[] {
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort()
  }

  /** Changes a byte of an object where it lies. */
  damage(name: string, offset: number): void {
    const { bytes, modifiedMs } = this.#object(name)
    const damaged = bytes.slice()
    damaged[offset]! ^= 0x10
    this.objects.set(name, { bytes: damaged, modifiedMs })
  }

  truncate(name: string, sizeBytes: number): void {
    const { bytes, modifiedMs } = this.#object(name)
    this.objects.set(name, { bytes: bytes.slice(0, sizeBytes), modifiedMs })
  }

  swap(one: string, other: string): void {
    const [a, b] = [this.#object(one), this.#object(other)]
    this.objects.set(one, b)
    this.objects.set(other, a)
  }

  #object(name: string): { bytes: Uint8Array; modifiedMs: number } {
    const object = this.objects.get(name)
    if (object === undefined) {
      throw new BlockError('NOT_FOUND', `no object ${name}`, { facts: { object: name } })
    }
    return object
  }

  /** One request, done in a turn of its own. A fault that a repetition helps against lets the time of the pause pass. */
  async #request<T>(
    operation: Operation,
    name: string,
    signal: AbortSignal,
    work: (fault: Fault | undefined) => T,
  ): Promise<T> {
    const request = { operation, name, number: this.log.length }
    this.log.push(request)
    const fault = this.fault(request)
    await this.before(request)
    await new Promise((resolve) => setImmediate(resolve))
    if (fault?.kind === 'gone') return new Promise(() => undefined)
    if (fault?.kind === 'stall') {
      setImmediate(() => {
        this.#clock.advance(STALL_MS)
        setImmediate(() => this.#clock.advance(PAUSE_MS))
      })
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    }
    if (fault?.kind !== 'refused') {
      const value = work(fault)
      if (fault?.kind !== 'lost answer') return value
    }
    setImmediate(() => this.#clock.advance(PAUSE_MS))
    throw new BlockError(fault.code, `request ${request.number} failed: ${operation} ${name}`, {
      facts: { object: name },
    })
  }
}

/** As long as an attempt may take, and longer than any pause. */
export const STALL_MS = 10_000
const PAUSE_MS = 1000
