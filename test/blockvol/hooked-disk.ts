/**
 * A disk on top of another one that asks a hook before every call: the hook may let it pass, make it fail (throw)
 * or make it wait (return a promise). So a test holds an operation at the moment it is about, without sleeping.
 */
import { BlockError } from '../../src/base/errors.ts'
import type { Disk, DiskFile, DiskLock, Extent } from '../../src/base/ports/disk.ts'

export interface DiskCall {
  readonly name: keyof Disk | keyof DiskFile
  readonly path: string
  readonly offsetBytes: number
}

export type DiskHook = (call: DiskCall) => void | Promise<void>

export class HookedDisk implements Disk {
  readonly #inner: Disk
  /** Asked before each call but `readNow`. */
  hook: DiskHook = () => undefined
  /** Whether `readNow` may find a file's bytes in memory. */
  isCached: (path: string) => boolean = () => true
  /** What `space` reports instead of the truth. */
  freeBytes: number | undefined

  constructor(inner: Disk) {
    this.#inner = inner
  }

  async #ask(name: DiskCall['name'], path: string, offsetBytes = 0): Promise<void> {
    await this.hook({ name, path, offsetBytes })
  }

  async open(path: string, options: { create: 'never' | 'missing' | 'new' }): Promise<DiskFile> {
    await this.#ask('open', path)
    const file = await this.#inner.open(path, options)
    return hooked(
      file,
      (name, offsetBytes) => this.#ask(name, path, offsetBytes),
      () => this.isCached(path),
    )
  }
  async exists(path: string): Promise<boolean> {
    await this.#ask('exists', path)
    return this.#inner.exists(path)
  }
  async makeDirectory(path: string): Promise<void> {
    await this.#ask('makeDirectory', path)
    await this.#inner.makeDirectory(path)
  }
  async list(path: string): Promise<string[]> {
    await this.#ask('list', path)
    return this.#inner.list(path)
  }
  async rename(from: string, to: string): Promise<void> {
    await this.#ask('rename', from)
    await this.#inner.rename(from, to)
  }
  async remove(path: string): Promise<void> {
    await this.#ask('remove', path)
    await this.#inner.remove(path)
  }
  async syncDirectory(path: string): Promise<void> {
    await this.#ask('syncDirectory', path)
    await this.#inner.syncDirectory(path)
  }
  async lock(path: string): Promise<DiskLock> {
    await this.#ask('lock', path)
    return this.#inner.lock(path)
  }
  async space(path: string): Promise<{ freeBytes: number; totalBytes: number }> {
    await this.#ask('space', path)
    const space = await this.#inner.space(path)
    return this.freeBytes === undefined ? space : { ...space, freeBytes: this.freeBytes }
  }
  bootId(): Promise<string> {
    return this.#inner.bootId()
  }
}

function hooked(
  inner: DiskFile,
  ask: (name: DiskCall['name'], offsetBytes?: number) => Promise<void>,
  isCached: () => boolean,
): DiskFile {
  return {
    path: inner.path,
    readNow: (target, offsetBytes) => isCached() && inner.readNow(target, offsetBytes),
    read: async (target, offsetBytes) => {
      await ask('read', offsetBytes)
      return inner.read(target, offsetBytes)
    },
    readUncached: async (target, offsetBytes) => {
      await ask('readUncached', offsetBytes)
      return inner.readUncached(target, offsetBytes)
    },
    write: async (buffers, offsetBytes) => {
      await ask('write', offsetBytes)
      await inner.write(buffers, offsetBytes)
    },
    writeMany: async (extents: readonly Extent[]) => {
      await ask('writeMany', extents[0]?.offsetBytes)
      await inner.writeMany(extents)
    },
    datasync: async () => {
      await ask('datasync')
      await inner.datasync()
    },
    punchHole: async (offsetBytes, lengthBytes) => {
      await ask('punchHole', offsetBytes)
      await inner.punchHole(offsetBytes, lengthBytes)
    },
    allocate: async (offsetBytes, lengthBytes) => {
      await ask('allocate', offsetBytes)
      await inner.allocate(offsetBytes, lengthBytes)
    },
    truncate: async (sizeBytes) => {
      await ask('truncate', sizeBytes)
      await inner.truncate(sizeBytes)
    },
    sizeBytes: () => inner.sizeBytes(),
    allocatedBytes: () => inner.allocatedBytes(),
    close: () => inner.close(),
  }
}

/** What a failing disk throws. */
export const injected = (what: string): BlockError => new BlockError('DISK', `${what}: EIO (injected)`)

/** Something that waits until it is let go. */
export class Gate {
  readonly #passed = Promise.withResolvers<void>()
  readonly #reached = Promise.withResolvers<void>()

  /** Resolves when somebody stands at the gate. */
  get reached(): Promise<void> {
    return this.#reached.promise
  }

  /** Stands at the gate until it is open. */
  pass(): Promise<void> {
    this.#reached.resolve()
    return this.#passed.promise
  }

  open(): void {
    this.#passed.resolve()
  }
}
