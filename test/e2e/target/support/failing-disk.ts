import { BlockError } from '../../../../src/base/errors.ts'
import type { Disk, DiskFile } from '../../../../src/base/ports/disk.ts'

/** A disk over another one, on which fdatasync of volumes' logs fails on demand. */
export class FailingDisk {
  /** How many of the next calls fail. */
  failures = 0

  wrap(disk: Disk): Disk {
    return new Proxy(disk, {
      get: (target, property) => {
        if (property === 'open') {
          return async (...args: Parameters<Disk['open']>) => this.#wrapFile(await target.open(...args))
        }
        const value: unknown = Reflect.get(target, property)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  #wrapFile(file: DiskFile): DiskFile {
    if (!file.path.endsWith('/log')) return file
    return new Proxy(file, {
      get: (target, property) => {
        if (property === 'datasync') {
          return async () => {
            if (this.failures === 0) return target.datasync()
            this.failures--
            throw new BlockError('DISK', `${target.path}: fdatasync failed`)
          }
        }
        const value: unknown = Reflect.get(target, property)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}
