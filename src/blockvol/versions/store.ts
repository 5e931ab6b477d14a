import { BlockError } from '../../base/errors.ts'
import type { Disk } from '../../base/ports/disk.ts'
import type { VersionStore, VersionStoreOptions } from './version.ts'

/** Makes an empty store in `directory`; durable when the promise resolves, but for the directory's own name. */
export function createVersionStore(_disk: Disk, directory: string, _uuid: Uint8Array): Promise<void> {
  return Promise.reject(new BlockError('DISK', `${directory}: no versions can be kept yet`))
}

/**
 * Opens what `createVersionStore` made. NOT_FOUND when there is none; CORRUPT when its lists are damaged or older than
 * `generationMin`; UNKNOWN_FORMAT when another release made it.
 */
export function openVersionStore(options: VersionStoreOptions): Promise<VersionStore> {
  return Promise.reject(new BlockError('DISK', `${options.directory}: no versions can be kept yet`))
}
