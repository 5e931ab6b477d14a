/**
 * The simulated disk.
 *
 * # The fault model
 *
 * A file has two views. The *page cache* is what reads give; the *medium* is what a power loss leaves. A write
 * changes the page cache when it takes effect, some time between its call and its completion; writes that are
 * under way together take effect in any order. Until a `datasync` that was called after the write completed has
 * returned with success, the write is *unsynced*: the kernel may have written any part of it back, in any order.
 *
 * **A crash of the process** keeps the page cache. Of each operation under way, anything from nothing to all has
 * taken effect; of a write that is cut a prefix of its pages. Locks are free, unlinked files gone, the boot id stays.
 *
 * **A power loss** keeps the medium, and of each unsynced write any subset of its 512-byte sectors, independently
 * of all other unsynced writes, older or newer, to the same place or elsewhere (torn and reordered writes). No
 * sector is ever half old and half new. Punched holes, allocations and sizes count as writes of their own that
 * happen whole or not at all (a hole: by pages). The boot id changes.
 *
 * **Names** (create, rename, remove, directories) are durable only after `syncDirectory` of the directory that
 * holds them. Syncing a file does not make its name durable, and syncing a directory not the contents of its
 * files. Each unsynced change of a name is kept or lost on its own; a rename is one change. ext4 would keep them in
 * order; a volume must not rely on that. A file that no durable name leads to is lost with all its content.
 *
 * **A sync that lies** (`syncLie`, D11) reports success and leaves the writes in the device's volatile cache. A later
 * honest sync of any file empties that cache onto the medium, as a FLUSH of the device does. A power loss before
 * treats them as unsynced.
 *
 * **A sync that fails** (`syncError`, D12) throws once. Each of the writes that it should have made durable is on the
 * medium or lost, and the kernel marks all their pages clean: the next sync succeeds without them. The page cache
 * goes on showing them until it drops a page; then the old content is back. `readUncached` sees through it.
 *
 * **A read that fails** (`readError`, D13) throws once; after `badPage` its first page stays unreadable until it is
 * written.
 * **A write that fails** (`writeError`, D14) throws and has taken effect for some prefix of its pages, which may be
 * none or all. **A full disk** (D15): a write or allocation that needs more pages than `capacityBytes` leaves throws
 * NO_SPACE, having taken effect for a prefix; overwriting pages that a file has already always fits.
 *
 * **Bits rot** (D16): `Storage.flipBit` changes the medium; clean pages of the file leave the cache.
 * **A misdirected write** (D17) lands elsewhere in its file when it is synced: there it destroys, and its own place
 * keeps what the medium had. The page cache hides it until it drops the pages, at the next restart or cache miss.
 * **A misdirected read** returns bytes of another place of the file, once.
 *
 * **Slow and hung operations** (D18, D19) take 10 to 100 times as long, or seconds to a minute, and then complete
 * as usual. Their effect is at their end: a hung write that outlives everyone's patience still changes the file.
 *
 * What the disk never does: tear a sector, lose a synced write without one of the faults above, return other
 * bytes than these rules allow, reorder the effects of two operations of which one was called after the other
 * completed.
 *
 * The disk also checks its user: a buffer that changes while it is lent, a file used after it was closed or a name
 * used that was never made throws `InvariantError` into the run.
 */
import { assert, InvariantError } from '../../src/base/assert.ts'
import { BlockError } from '../../src/base/errors.ts'
import type { Disk, DiskFile, DiskLock } from '../../src/base/ports/disk.ts'
import type { Life } from './clock.ts'
import type { FaultPlan } from './faults.ts'
import type { SeededRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { SimFile } from './sim-file.ts'
import { parentOf, type Storage } from './storage.ts'

/** What an operation did to the disk, told right after it took effect. */
export interface DiskEffect {
  readonly kind: 'write' | 'datasync' | 'punchHole' | 'allocate' | 'truncate' | 'names' | 'syncDirectory'
  readonly path: string
}

export interface FaultDiskOptions {
  readonly storage: Storage
  readonly scheduler: Scheduler
  readonly life: Life
  readonly random: SeededRandom
  readonly faults: FaultPlan
  /** Called at every call of the port before anything happens; may end the life. */
  readonly onCall?: ((kind: string, path: string) => void) | undefined
  readonly onEffect?: ((effect: DiskEffect) => void) | undefined
}

/** Virtual milliseconds that an operation takes, drawn between these. */
const LATENCY_MS = {
  read: [0.02, 0.1],
  write: [0.01, 0.06],
  datasync: [0.15, 0.45],
  names: [0.01, 0.05],
} as const
type LatencyClass = keyof typeof LATENCY_MS

/** An operation that was called and has not taken effect. */
interface InFlight {
  /** Takes effect in part (`share` in [0, 1]) as the process dies; undefined for what changes nothing. */
  readonly cut: ((share: number) => void) | undefined
}

/** One process's view of a `Storage`: the Disk port. */
export class FaultDisk implements Disk {
  readonly storage: Storage
  readonly faults: FaultPlan
  /** Bytes that were asked for through the page cache. */
  readBytes = 0
  readonly #o: FaultDiskOptions
  readonly #inFlight = new Set<InFlight>()
  readonly #locks = new Set<string>()

  constructor(options: FaultDiskOptions) {
    this.#o = options
    this.storage = options.storage
    this.faults = options.faults
  }

  /**
   * Lets what was under way when the process died take effect in part or whole, in a drawn order. To be called once,
   * after the life ended and before the storage is used again.
   */
  settleInFlight(random: SeededRandom): void {
    assert(this.#o.life.ended, 'operations are cut when their process has ended')
    const rest = [...this.#inFlight]
    this.#inFlight.clear()
    while (rest.length > 0) {
      const [operation] = rest.splice(random.integer(rest.length), 1)
      const share = random.pick([0, 0, 1, 1, random.fraction()])
      if (share > 0) operation?.cut?.(share)
    }
  }

  /**
   * Runs `effect` after the time that such an operation takes; what it returns or throws is the outcome. `cut` is
   * what happens instead when the process dies before.
   */
  perform<T>(
    label: string,
    path: string,
    latency: LatencyClass,
    effect: () => T,
    cut?: (share: number) => void,
  ): Promise<T> {
    const { life, scheduler } = this.#o
    this.#o.onCall?.(label, path)
    // one of its own: whoever waits for a shared one is held by it for good
    if (life.ended) return new Promise<never>(() => undefined)
    return new Promise<T>((resolve, reject) => {
      const operation: InFlight = { cut }
      this.#inFlight.add(operation)
      scheduler.schedule(label, path, this.#latencyMs(latency, path), () => {
        if (life.ended) return
        this.#inFlight.delete(operation)
        // the disk goes on under a process that is stopped; only its answer waits
        try {
          const outcome = effect()
          life.deliver(() => resolve(outcome))
        } catch (error) {
          if (error instanceof InvariantError) throw error
          life.deliver(() => reject(error))
        }
      })
    })
  }

  /** Tells the recorder; nothing of the operation's caller has run yet. */
  tell(effect: DiskEffect): void {
    this.#o.onEffect?.(effect)
  }

  get isDead(): boolean {
    return this.#o.life.ended
  }

  #latencyMs(latency: LatencyClass, path: string): number {
    const { random, faults } = this.#o
    const [least, most] = LATENCY_MS[latency]
    const usual = least + (most - least) * random.fraction()
    if (faults.hits('hang', path)) return 5_000 + 55_000 * random.fraction()
    return faults.hits('slow', path) ? usual * (10 + 90 * random.fraction()) : usual
  }

  open(path: string, { create }: { create: 'never' | 'missing' | 'new' }): Promise<DiskFile> {
    return this.#names('open', path, () => {
      const existing = this.storage.lookup(path)
      if (this.storage.isDirectory(path)) throw new BlockError('DISK', `open ${path}: it is a directory`)
      if (existing !== undefined && create === 'new') throw new BlockError('CONFLICT', `open ${path}: exists`)
      if (existing !== undefined) return new SimFile(this, existing, path)
      if (create === 'never' || !this.storage.isDirectory(parentOf(path))) {
        throw new BlockError('NOT_FOUND', `open ${path}: no such file`)
      }
      const fileId = this.storage.createFile(path)
      this.tell({ kind: 'names', path })
      return new SimFile(this, fileId, path)
    })
  }

  exists(path: string): Promise<boolean> {
    return this.#names('exists', path, () => this.storage.exists(path))
  }

  makeDirectory(path: string): Promise<void> {
    return this.#names('makeDirectory', path, () => {
      const missing: string[] = []
      for (let at = path; !this.storage.exists(at); at = parentOf(at)) missing.unshift(at)
      for (const each of missing) {
        this.storage.createDirectory(each)
        this.tell({ kind: 'names', path: each })
      }
    })
  }

  list(path: string): Promise<string[]> {
    return this.#names('list', path, () => {
      if (!this.storage.isDirectory(path))
        throw new BlockError('NOT_FOUND', `list ${path}: no such directory`)
      return this.storage.list(path)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#names('rename', from, () => {
      assert(!this.storage.isDirectory(from), 'only files are renamed')
      if (!this.storage.exists(from)) throw new BlockError('NOT_FOUND', `rename ${from}: no such file`)
      this.storage.rename(from, to)
      this.tell({ kind: 'names', path: to })
    })
  }

  remove(path: string): Promise<void> {
    return this.#names('remove', path, () => this.#removeTree(path))
  }

  #removeTree(path: string): void {
    if (!this.storage.exists(path)) return
    if (this.storage.isDirectory(path)) {
      for (const name of this.storage.list(path)) this.#removeTree(`${path}/${name}`)
    }
    this.storage.removeName(path)
    this.tell({ kind: 'names', path })
  }

  syncDirectory(path: string): Promise<void> {
    const before = this.storage.nextOrder
    return this.perform('syncDirectory', path, 'datasync', () => {
      if (!this.storage.isDirectory(path))
        throw new BlockError('NOT_FOUND', `sync ${path}: no such directory`)
      if (this.faults.hits('syncError', path)) throw new BlockError('DISK', `sync ${path}: EIO (injected)`)
      this.storage.syncDirectory(path, before)
      this.tell({ kind: 'syncDirectory', path })
    })
  }

  lock(path: string): Promise<DiskLock> {
    return this.#names('lock', path, () => {
      if (this.#locks.has(path)) throw new BlockError('IN_USE', `lock ${path}: held`)
      this.#locks.add(path)
      return {
        release: async () => {
          this.#locks.delete(path)
        },
      }
    })
  }

  space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    return this.#names('space', path, () => {
      const { capacityBytes, freeBytes } = this.storage
      if (capacityBytes === Number.POSITIVE_INFINITY) return { freeBytes: 2 ** 50, totalBytes: 2 ** 51 }
      return { freeBytes: Math.max(0, freeBytes), totalBytes: capacityBytes }
    })
  }

  bootId(): Promise<string> {
    return this.#names('bootId', '', () => this.storage.bootId)
  }

  #names<T>(label: string, path: string, effect: () => T): Promise<T> {
    return this.perform(label, path, 'names', effect)
  }
}
