/**
 * The disk, as the engine sees it: files in one directory tree. Nothing is durable before `datasync` (content
 * and size of a file) or `syncDirectory` (names) returned. Errors are `BlockError` with code NO_SPACE (ENOSPC),
 * NOT_FOUND, CONFLICT (exists) or DISK (all else), with the file in the message and the system's error as `cause`.
 *
 * Buffers are lent: the callee does not touch them after the promise settled, the caller not before.
 */
export interface Extent {
  readonly offsetBytes: number
  readonly data: Uint8Array
}

export interface DiskFile {
  readonly path: string
  /**
   * Fills `target` from `offsetBytes` without waiting for the disk, or returns false and leaves `target`
   * undefined: the bytes are not in memory, or the file ends before them.
   */
  readNow(target: Uint8Array, offsetBytes: number): boolean
  /** Reads into `target`; returns the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, offsetBytes: number): Promise<number>
  /** As `read`, from the medium: pages that the kernel holds in memory are not believed. */
  readUncached(target: Uint8Array, offsetBytes: number): Promise<number>
  /** Writes `buffers` one after the other at `offsetBytes`, all of them or an error. */
  write(buffers: readonly Uint8Array[], offsetBytes: number): Promise<void>
  /**
   * Writes many extents of the file, off the event loop, in the given order. On an error an unknown part is
   * written. Meant for the flusher: cheap per extent, not quick for one.
   */
  writeMany(extents: readonly Extent[]): Promise<void>
  /** Returns when all that was written before the call is on the medium (fdatasync). */
  datasync(): Promise<void>
  /** Gives the range's space back; it reads as zeros. The size stays. */
  punchHole(offsetBytes: number, lengthBytes: number): Promise<void>
  /** Reserves space for the range, extending the file if needed; new bytes read as zeros. */
  allocate(offsetBytes: number, lengthBytes: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  sizeBytes(): Promise<number>
  /** Space that the file takes on the disk. */
  allocatedBytes(): Promise<number>
  close(): Promise<void>
}

export interface DiskLock {
  release(): Promise<void>
}

export interface Disk {
  /** Opens a file for reading and writing. `create`: 'never' (NOT_FOUND when missing), 'missing', or 'new' (CONFLICT when there). */
  open(path: string, options: { create: 'never' | 'missing' | 'new' }): Promise<DiskFile>
  exists(path: string): Promise<boolean>
  /** Makes a directory and its parents; no error when it is there. */
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, sorted. */
  list(path: string): Promise<string[]>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a directory with all in it; no error when it is missing. */
  remove(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  /** Takes an exclusive lock that ends with the process. IN_USE when another process (or this one) holds it. */
  lock(path: string): Promise<DiskLock>
  /** Free and total bytes of the file system that holds `path`. */
  space(path: string): Promise<{ freeBytes: number; totalBytes: number }>
  /** Id of the kernel's boot: equal ids mean that the page cache still has what was written. */
  bootId(): Promise<string>
}
