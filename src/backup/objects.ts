/**
 * The store of one call: repeats what a repetition may help, counts requests, and seals and unseals small objects. A request
 * that is not answered in time is given up and made again; one that was done without our knowing does no harm, for every
 * object is written once under its name, or always with the same meaning.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { Random } from '../base/ports/random.ts'
import { decodeText, encodeText } from './core/bytes.ts'
import {
  decodeSealedHead,
  encodeSealedHead,
  SEALED_DIGESTED_BYTES,
  SEALED_HEADER_BYTES,
  type SealedKind,
} from './core/sealed-format.ts'
import { digestOf, type Keyring, SALT_BYTES, TAG_BYTES } from './keys.ts'
import type { ObjectInfo, ObjectPage, ObjectStore } from './ports.ts'

export interface RetryLimits {
  /** Of one request, before it is given up and repeated. */
  readonly attemptMs: number
  /** From the first attempt on; no other is begun after it. */
  readonly totalMs: number
  readonly pauseMs: number
  readonly pauseMsMax: number
}

export const RETRY_LIMITS: RetryLimits = {
  attemptMs: 60_000,
  totalMs: 300_000,
  pauseMs: 200,
  pauseMsMax: 20_000,
}

const SMALL_BYTES_MAX = 64 * 1024 * 1024
const REPEATED: ReadonlySet<string> = new Set(['BUSY', 'TIMED_OUT', 'DISCONNECTED', 'DISK'])

export interface ObjectsOptions {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly keyring: Keyring
  readonly signal: AbortSignal | undefined
  readonly limits: RetryLimits
}

export class Objects {
  readonly keyring: Keyring
  readonly #options: ObjectsOptions
  #requests = 0
  #sentBytes = 0

  constructor(options: ObjectsOptions) {
    this.#options = options
    this.keyring = options.keyring
  }

  /** So far, repetitions included. */
  get requests(): number {
    return this.#requests
  }

  /** Of objects that were put, each once. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** ABORTED when the call was cancelled. */
  checkSignal(): void {
    if (this.#options.signal?.aborted === true) throw aborted('')
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    await this.#repeated('write', name, (signal) => this.#options.store.put(name, body, signal))
    this.#sentBytes += body.byteLength
  }

  /** In one go: `body` cannot be had twice. Repeats nothing but what the store repeats by itself. */
  async putStream(name: string, sizeBytes: number, body: AsyncIterable<Uint8Array>): Promise<void> {
    this.checkSignal()
    this.#requests++
    await this.#options.store.putStream(
      name,
      sizeBytes,
      body,
      this.#options.signal ?? new AbortController().signal,
    )
    this.#sentBytes += sizeBytes
  }

  /** Fewer bytes than asked for only at the object's end. */
  get(name: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    return this.#repeated('read', name, (signal) =>
      this.#options.store.get(name, { offsetBytes, lengthBytes }, signal),
    )
  }

  head(name: string): Promise<ObjectInfo> {
    return this.#repeated('look at', name, (signal) => this.#options.store.head(name, signal))
  }

  delete(name: string): Promise<void> {
    return this.#repeated('delete', name, (signal) => this.#options.store.delete(name, signal))
  }

  /** Ascending; those behind `behind`. */
  async *list(prefix: string, behind = ''): AsyncGenerator<ObjectInfo> {
    let after = behind
    for (;;) {
      const from = after
      const page: ObjectPage = await this.#repeated('list', prefix, (signal) =>
        this.#options.store.list(prefix, from, signal),
      )
      yield* page.objects
      const last = page.objects.at(-1)
      if (page.isLast || last === undefined) return
      after = last.name
    }
  }

  /** A small object of ours. */
  async putSealed(kind: SealedKind, name: string, json: string): Promise<void> {
    const salt = this.keyring.isEncrypting
      ? this.#options.random.bytes(SALT_BYTES)
      : new Uint8Array(SALT_BYTES)
    const plain = encodeText(json)
    const body = this.keyring.seal(salt, name, kind, plain)
    const isEncrypted = this.keyring.isEncrypting
    const draft = { kind, isEncrypted, bodyBytes: body.byteLength, salt, digest: new Uint8Array(32) }
    const digested = encodeSealedHead(draft).subarray(0, SEALED_DIGESTED_BYTES)
    const head = encodeSealedHead({ ...draft, digest: digestOf(name, digested, body) })
    const object = new Uint8Array(SEALED_HEADER_BYTES + body.byteLength)
    object.set(head)
    object.set(body, SEALED_HEADER_BYTES)
    await this.put(name, object)
  }

  /** Its JSON. NOT_FOUND; CORRUPT when it is damaged, of another kind or of another name; ACCESS_DENIED when the key does not fit. */
  async getSealed(kind: SealedKind, name: string): Promise<string> {
    const first = await this.#opened(kind, name)
    if (first.text !== undefined) return first.text
    // damaged on its way, perhaps
    const second = await this.#opened(kind, name)
    if (second.text !== undefined) return second.text
    throw corrupt(name, second.fault)
  }

  async #opened(
    kind: SealedKind,
    name: string,
  ): Promise<{ text: string } | { text: undefined; fault: string }> {
    const object = await this.get(name, 0, SMALL_BYTES_MAX)
    const verdict = decodeSealedHead(object)
    if (verdict.kind === 'unknown') throw unknownFormat(name, verdict.version)
    if (verdict.kind === 'damaged') return { text: undefined, fault: verdict.what }
    const { head } = verdict
    const body = object.subarray(SEALED_HEADER_BYTES)
    const digest = digestOf(name, object.subarray(0, SEALED_DIGESTED_BYTES), body)
    if (head.kind !== kind || Buffer.compare(digest, head.digest) !== 0) {
      return {
        text: undefined,
        fault: 'its content does not have its digest, or it is the object of another name',
      }
    }
    if (head.isEncrypted !== this.keyring.isEncrypting) throw wrongKey(name)
    if (head.isEncrypted && body.byteLength < TAG_BYTES) return { text: undefined, fault: 'it has no tag' }
    const plain = this.keyring.unseal(head.salt, name, kind, body)
    if (plain === undefined) throw wrongKey(name)
    const text = decodeText(plain)
    return text === undefined ? { text, fault: 'it is no text' } : { text }
  }

  async #repeated<T>(what: string, name: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, limits, random } = this.#options
    const startMs = clock.monotonicMs()
    for (let tries = 0; ; tries++) {
      try {
        return await this.#attempt(what, name, attempt)
      } catch (error) {
        const spentMs = clock.monotonicMs() - startMs
        const pauseMs =
          Math.min(limits.pauseMs * 2 ** tries, limits.pauseMsMax) * (0.5 + random.integer(512) / 1024)
        if (!isBlockError(error) || !REPEATED.has(error.code)) throw error
        if (spentMs + pauseMs > limits.totalMs)
          throw repeatedInVain(error, name, { tries: tries + 1, spentMs })
        await this.#pause(pauseMs)
      }
    }
  }

  /** One request, given up when its time is over or the call is cancelled. */
  #attempt<T>(what: string, name: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, limits, signal } = this.#options
    if (signal?.aborted === true) throw aborted(name)
    this.#requests++
    const own = new AbortController()
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', cancel)
      }
      const giveUp = (error: BlockError): void => {
        end()
        own.abort(error)
        reject(error)
      }
      const cancel = (): void => giveUp(aborted(name))
      const timer = clock.after(limits.attemptMs, () =>
        giveUp(
          new BlockError('TIMED_OUT', `cannot ${what} ${name}: no answer for ${limits.attemptMs} ms`, {
            facts: { object: name },
          }),
        ),
      )
      signal?.addEventListener('abort', cancel)
      attempt(own.signal).then(
        (value) => {
          end()
          resolve(value)
        },
        (error: unknown) => {
          end()
          reject(error as Error)
        },
      )
    })
  }

  #pause(pauseMs: number): Promise<void> {
    const { clock, signal } = this.#options
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = clock.after(pauseMs, end)
      signal?.addEventListener('abort', end)
    })
  }
}

const aborted = (name: string): BlockError =>
  new BlockError('ABORTED', name === '' ? 'cancelled' : `cancelled at ${name}`, { facts: { object: name } })

const repeatedInVain = (
  error: BlockError,
  name: string,
  { tries, spentMs }: { tries: number; spentMs: number },
): BlockError =>
  new BlockError(error.code, `${error.message} (tried ${tries} times in ${Math.round(spentMs)} ms)`, {
    facts: { ...error.facts, object: name, tries },
    cause: error,
  })

/** An object that is not what it should be. */
export const corrupt = (name: string, what: string): BlockError =>
  new BlockError('CORRUPT', `object ${name} is damaged: ${what}`, { facts: { object: name } })

export const unknownFormat = (name: string, version: unknown): BlockError =>
  new BlockError(
    'UNKNOWN_FORMAT',
    `object ${name} is of format ${String(version)}, which this program does not know`,
    {
      facts: { object: name },
    },
  )

export const wrongKey = (name: string): BlockError =>
  new BlockError('ACCESS_DENIED', `object ${name} cannot be opened with this key`, {
    facts: { object: name },
  })
