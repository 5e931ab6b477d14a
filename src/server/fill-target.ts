/**
 * The volume as what a fill writes to. What is found wrong before anything of the volume was touched, such as a name that is of no
 * backup, is to change nothing: the first access of any kind waits for `begin`.
 */
import type { RestoreTarget } from '../backup/repository.ts'

export class FillTarget implements RestoreTarget {
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
  readonly #volume: RestoreTarget
  readonly #begin: () => Promise<void>
  #begun: Promise<void> | undefined

  constructor(volume: RestoreTarget, begin: () => Promise<void>) {
    this.#volume = volume
    this.#begin = begin
    this.sizeBytes = volume.sizeBytes
    this.logicalBlockBytes = volume.logicalBlockBytes
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<void> {
    await this.#touch()
    await this.#volume.read(offsetBytes, target)
  }

  async write(offsetBytes: number, data: Uint8Array): Promise<void> {
    await this.#touch()
    await this.#volume.write(offsetBytes, data)
  }

  async trim(offsetBytes: number, lengthBytes: number): Promise<void> {
    await this.#touch()
    await this.#volume.trim(offsetBytes, lengthBytes)
  }

  async flush(): Promise<void> {
    await this.#touch()
    await this.#volume.flush()
  }

  #touch(): Promise<void> {
    this.#begun ??= this.#begin()
    return this.#begun
  }
}
