/**
 * The log's file as a ring: positions rise for ever, a position's place is the remainder by the ring's size.
 * Nothing that is written as one piece crosses the ring's end, so every read and write here is one run.
 */
import { assert } from '../../base/assert.ts'
import type { DiskFile } from '../../base/ports/disk.ts'

export class LogFile {
  readonly ringBytes: number
  readonly #file: DiskFile

  constructor(file: DiskFile, ringBytes: number) {
    this.#file = file
    this.ringBytes = ringBytes
  }

  get path(): string {
    return this.#file.path
  }

  #place(position: number, lengthBytes: number): number {
    const place = position % this.ringBytes
    assert(place + lengthBytes <= this.ringBytes, 'a piece of the log does not cross the end of the ring')
    return place
  }

  readNow(target: Uint8Array, position: number): boolean {
    return this.#file.readNow(target, this.#place(position, target.byteLength))
  }

  async read(target: Uint8Array, position: number): Promise<boolean> {
    return (await this.#file.read(target, this.#place(position, target.byteLength))) === target.byteLength
  }

  /** Past the page cache: what the medium has. */
  async readUncached(target: Uint8Array, position: number): Promise<boolean> {
    return (
      (await this.#file.readUncached(target, this.#place(position, target.byteLength))) === target.byteLength
    )
  }

  write(buffers: readonly Uint8Array[], position: number, lengthBytes: number): Promise<void> {
    return this.#file.write(buffers, this.#place(position, lengthBytes))
  }

  datasync(): Promise<void> {
    return this.#file.datasync()
  }

  allocatedBytes(): Promise<number> {
    return this.#file.allocatedBytes()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
