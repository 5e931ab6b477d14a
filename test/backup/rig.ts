/** A repository over objects in memory, and targets to restore to. */

import {
  decodeBlocks,
  encodeBlocks,
  hashBlocks,
  openFrame,
  sealFrame,
} from '../../src/backup/io/frame-work.ts'
import { Keyring } from '../../src/backup/keys.ts'
import { Objects, RETRY_LIMITS } from '../../src/backup/objects.ts'
import { openedRepository } from '../../src/backup/opened-repository.ts'
import type { FrameCodec } from '../../src/backup/ports.ts'
import type { Repository, RestoreTarget } from '../../src/backup/repository.ts'
import { silentLogger } from '../../src/base/log.ts'
import { BLOCK_BYTES, MIB } from '../../src/base/units.ts'
import { ManualClock } from '../e2e/iscsi/manual-clock.ts'
import { SeededRandom } from '../sim/random.ts'
import { MemoryObjects, STALL_MS } from './memory-objects.ts'

export const KEY = 'a1'.repeat(32)
export const OTHER_KEY = 'b2'.repeat(32)

/** The work of the threads, in a later turn of this one. */
export const inlineCodec: FrameCodec = {
  encode: (job) => later(() => encodeBlocks(job)),
  decode: (job) => later(() => decodeBlocks(job)),
  hash: (data) => later(() => hashBlocks(data)),
  seal: (job) => later(() => sealFrame(job, job.frame, job.raw)),
  open: (job) => later(() => openFrame(job, job.stored, job.rawBytesMax)),
  close: async () => undefined,
}

const later = <T>(work: () => T): Promise<T> =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(work())
      } catch (error) {
        reject(error as Error)
      }
    })
  })

export class BackupRig {
  readonly clock = new ManualClock()
  readonly store = new MemoryObjects(this.clock)
  readonly random: SeededRandom
  packBytes = 8 * MIB

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
  }

  /** `packBytes`: packs of a few blocks make much of a small volume. */
  repository(keyHex: string | null = null, packBytes = this.packBytes): Repository {
    return openedRepository({
      store: this.store,
      codec: inlineCodec,
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      keyHex,
      packBytes,
      limits: { attemptMs: STALL_MS, totalMs: 120_000, pauseMs: 100, pauseMsMax: 600 },
    })
  }

  /** A block that does not compress. */
  block(): Uint8Array {
    const block = new Uint8Array(BLOCK_BYTES)
    const words = new Uint32Array(block.buffer)
    for (let i = 0; i < words.length; i++) words[i] = this.random.u32()
    return block
  }
}

/** The objects of a rig's store, in the clear. */
export const objectsOf = ({ store, clock, random }: BackupRig): Objects =>
  new Objects({ store, clock, random, keyring: new Keyring(null), signal: undefined, limits: RETRY_LIMITS })

export class MemoryTarget implements RestoreTarget {
  readonly content: Uint8Array
  readonly logicalBlockBytes = 4096
  writtenBytes = 0
  flushes = 0

  constructor(sizeBytes: number) {
    this.content = new Uint8Array(sizeBytes)
  }

  get sizeBytes(): number {
    return this.content.byteLength
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    target.set(this.content.subarray(offsetBytes, offsetBytes + target.byteLength))
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    this.content.set(data, offsetBytes)
    this.writtenBytes += data.byteLength
  }

  async trim(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.content.fill(0, offsetBytes, offsetBytes + lengthBytes)
  }

  async flush(): Promise<void> {
    this.flushes++
  }
}
