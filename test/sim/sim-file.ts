/**
 * An open file of the simulated disk: each operation of the port as an effect on the `Storage`, with the faults
 * that may hit it. The rules are written down at the top of `fault-disk.ts`.
 */
import { assert, InvariantError } from '../../src/base/assert.ts'
import { crc32c } from '../../src/base/crc32c.ts'
import { BlockError } from '../../src/base/errors.ts'
import type { DiskFile, Extent } from '../../src/base/ports/disk.ts'
import type { FaultDisk } from './fault-disk.ts'
import { type Change, change, PAGE_BYTES, SparseBytes } from './sparse-bytes.ts'
import type { Kept } from './storage.ts'

export class SimFile implements DiskFile {
  readonly path: string
  readonly #disk: FaultDisk
  readonly #id: number
  #isClosed = false

  constructor(disk: FaultDisk, fileId: number, path: string) {
    this.#disk = disk
    this.#id = fileId
    this.path = path
  }

  readNow(target: Uint8Array, offsetBytes: number): boolean {
    this.#assertOpen()
    const { storage, faults } = this.#disk
    if (this.#disk.isDead || storage.isBad(this.#id, offsetBytes, target.byteLength)) return false
    if (faults.hits('cacheMiss', this.path)) return false
    this.#disk.readBytes += target.byteLength
    return storage.cacheOf(this.#id).read(target, offsetBytes) === target.byteLength
  }

  read(target: Uint8Array, offsetBytes: number): Promise<number> {
    this.#assertOpen()
    return this.#perform('read', 'read', () => {
      this.#failRead(target, offsetBytes)
      this.#disk.readBytes += target.byteLength
      const { storage } = this.#disk
      const cache = storage.cacheOf(this.#id)
      return cache.read(target, this.#readFrom(cache, target, offsetBytes))
    })
  }

  readUncached(target: Uint8Array, offsetBytes: number): Promise<number> {
    this.#assertOpen()
    return this.#perform('readUncached', 'read', () => {
      this.#failRead(target, offsetBytes)
      const medium = this.#disk.storage.mediumOf(this.#id)
      return medium.read(target, this.#readFrom(medium, target, offsetBytes))
    })
  }

  write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    this.#assertOpen()
    const data = joined(buffers)
    const sum = crc32c(data)
    const what = change('write', offsetBytes, data.byteLength, data)
    return this.#perform(
      'write',
      'write',
      () => {
        if (crc32c(joined(buffers)) !== sum) {
          throw new InvariantError(`${this.path}: a buffer changed while it was lent to a write`)
        }
        this.#write(what)
      },
      (share) => this.#apply(prefixOf(what, share)),
    )
  }

  writeMany(extents: readonly Extent[]): Promise<void> {
    this.#assertOpen()
    const changes = extents.map(({ offsetBytes, data }) =>
      change('write', offsetBytes, data.byteLength, Uint8Array.from(data)),
    )
    return this.#perform(
      'writeMany',
      'write',
      () => {
        for (const what of changes) this.#write(what)
      },
      (share) => {
        const whole = Math.floor(share * changes.length)
        for (const what of changes.slice(0, whole)) this.#apply(what)
        const cut = changes[whole]
        if (cut !== undefined) this.#apply(prefixOf(cut, share * changes.length - whole))
      },
    )
  }

  datasync(): Promise<void> {
    this.#assertOpen()
    const { storage, faults } = this.#disk
    const before = storage.nextOrder
    return this.#perform('datasync', 'datasync', () => {
      if (faults.hits('syncError', this.path)) {
        storage.failSync(this.#id, before, () => faults.random.pick<Kept>(['all', 'none']))
        throw new BlockError('DISK', `sync ${this.path}: EIO (injected)`)
      }
      if (faults.hits('syncLie', this.path)) storage.lieAboutSync(this.#id, before)
      else if (faults.hits('misdirectedWrite', this.path)) this.#syncAstray(before)
      else storage.sync(this.#id, before)
      this.#disk.tell({ kind: 'datasync', path: this.path })
    })
  }

  punchHole(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#assertOpen()
    return this.#perform('punchHole', 'write', () => {
      this.#failWrite()
      this.#apply(change('punch', offsetBytes, lengthBytes))
    })
  }

  allocate(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#assertOpen()
    return this.#perform('allocate', 'write', () => {
      this.#failWrite()
      this.#needSpace(offsetBytes, lengthBytes)
      this.#apply(change('allocate', offsetBytes, lengthBytes))
    })
  }

  truncate(sizeBytes: number): Promise<void> {
    this.#assertOpen()
    return this.#perform('truncate', 'write', () => this.#apply(change('truncate', sizeBytes, 0)))
  }

  sizeBytes(): Promise<number> {
    this.#assertOpen()
    return this.#perform('sizeBytes', 'names', () => this.#disk.storage.cacheOf(this.#id).sizeBytes)
  }

  allocatedBytes(): Promise<number> {
    this.#assertOpen()
    return this.#perform('allocatedBytes', 'names', () => this.#disk.storage.cacheOf(this.#id).allocatedBytes)
  }

  async close(): Promise<void> {
    this.#assertOpen()
    this.#isClosed = true
    await this.#disk.perform('close', this.path, 'names', () => undefined)
  }

  #perform<T>(
    label: string,
    latency: 'read' | 'write' | 'datasync' | 'names',
    effect: () => T,
    cut?: (share: number) => void,
  ): Promise<T> {
    return this.#disk.perform(label, this.path, latency, effect, cut)
  }

  #assertOpen(): void {
    assert(!this.#isClosed, `${this.path} is used after it was closed`)
  }

  #apply(what: Change): void {
    if (what.kind === 'write' && what.lengthBytes === 0) return
    this.#disk.storage.apply(this.#id, this.path, what)
    this.#disk.tell({ kind: what.kind === 'punch' ? 'punchHole' : what.kind, path: this.path })
  }

  #write(what: Change): void {
    const { storage, faults } = this.#disk
    if (faults.hits('writeError', this.path)) {
      this.#apply(prefixOf(what, faults.random.pick([0, 1, faults.random.fraction()])))
      throw new BlockError('DISK', `write ${this.path}: EIO (injected)`)
    }
    if (storage.capacityBytes !== Number.POSITIVE_INFINITY) {
      this.#needSpace(what.offsetBytes, what.lengthBytes, (share) => this.#apply(prefixOf(what, share)))
    }
    this.#apply(what)
  }

  #needSpace(offsetBytes: number, lengthBytes: number, fill?: (share: number) => void): void {
    const { storage } = this.#disk
    const missing = storage.cacheOf(this.#id).missingPages(offsetBytes, lengthBytes)
    if (missing > 0 && missing * PAGE_BYTES > storage.freeBytes) {
      fill?.(Math.max(0, Math.floor(storage.freeBytes / PAGE_BYTES)) / missing)
      throw new BlockError('NO_SPACE', `write ${this.path}: ENOSPC`)
    }
  }

  #failWrite(): void {
    if (this.#disk.faults.hits('writeError', this.path)) {
      throw new BlockError('DISK', `write ${this.path}: EIO (injected)`)
    }
  }

  #failRead(target: Uint8Array, offsetBytes: number): void {
    const { storage, faults } = this.#disk
    const isBad = storage.isBad(this.#id, offsetBytes, target.byteLength)
    const turnsBad = !isBad && faults.hits('badPage', this.path)
    if (!isBad && !turnsBad && !faults.hits('readError', this.path)) return
    if (turnsBad) storage.setBadPage(this.#id, Math.floor(offsetBytes / PAGE_BYTES))
    target.fill(0xee)
    throw new BlockError('DISK', `read ${this.path} at ${offsetBytes}: EIO (injected)`)
  }

  /** Where a read really goes. */
  #readFrom(bytes: SparseBytes, target: Uint8Array, offsetBytes: number): number {
    const { faults } = this.#disk
    const room = bytes.sizeBytes - target.byteLength
    if (room <= 0 || offsetBytes > room || !faults.hits('misdirectedRead', this.path)) return offsetBytes
    return elsewhere(offsetBytes, room, faults.random.fraction())
  }

  /** A sync in which one of the writes goes to a wrong place of the medium. */
  #syncAstray(before: number): void {
    const { storage, faults } = this.#disk
    const writes = storage
      .unsynced()
      .filter((one) => one.kind === 'content' && one.fileId === this.#id && one.order < before)
      .flatMap((one) => (one.kind === 'content' && one.change.kind === 'write' ? [one.change] : []))
    const medium = new SparseBytes(storage.durableOf(this.#id))
    storage.sync(this.#id, before)
    if (writes.length === 0) return
    const what = faults.random.pick(writes)
    const room = storage.durableOf(this.#id).sizeBytes - what.lengthBytes
    if (room > 0) {
      storage.misdirect(this.#id, what, medium, elsewhere(what.offsetBytes, room, faults.random.fraction()))
    }
  }
}

/** A sector-aligned offset in [0, room] that is not `offsetBytes`. */
function elsewhere(offsetBytes: number, room: number, draw: number): number {
  const sectors = Math.floor(room / 512)
  const sector = Math.floor(draw * (sectors + 1))
  return sector * 512 === offsetBytes ? ((sector + 1) % (sectors + 1)) * 512 : sector * 512
}

/** What of a write has taken effect when it was cut: whole pages from its start. */
function prefixOf(what: Change, share: number): Change {
  if (share >= 1) return what
  const end = what.offsetBytes + what.lengthBytes
  const cut = Math.floor((what.offsetBytes + share * what.lengthBytes) / PAGE_BYTES) * PAGE_BYTES
  const lengthBytes = Math.max(0, Math.min(end, cut) - what.offsetBytes)
  return change(what.kind, what.offsetBytes, lengthBytes, what.data.subarray(0, lengthBytes))
}

function joined(buffers: readonly Uint8Array[]): Uint8Array {
  let lengthBytes = 0
  for (const buffer of buffers) lengthBytes += buffer.byteLength
  const data = new Uint8Array(lengthBytes)
  let at = 0
  for (const buffer of buffers) {
    data.set(buffer, at)
    at += buffer.byteLength
  }
  return data
}
