/** The volumes of this server by name: the `VolumeHost` of a server whose volumes live in its own process. */
import { BlockError } from '../base/errors.ts'
import type { ScrubStatus, SpaceReport } from '../blockvol/api.ts'
import type { HostedVolume } from './hosted-volume.ts'
import type { VolumeHost, VolumeView } from './volume-host.ts'

export class HostedVolumes implements VolumeHost {
  readonly #byName = new Map<string, HostedVolume>()

  add(volume: HostedVolume): void {
    this.#byName.set(volume.name, volume)
  }

  list(): readonly VolumeView[] {
    return [...this.#byName.values()].map((volume) => volume.view())
  }

  get(name: string): VolumeView {
    return this.#find(name).view()
  }

  async space(name: string): Promise<SpaceReport> {
    return this.#find(name).space()
  }

  async checkpoint(name: string): Promise<number> {
    return this.#find(name).checkpoint()
  }

  startScrub(name: string): ScrubStatus {
    return this.#find(name).startScrub()
  }

  /** Stops all of them; throws the first error when all have stopped. */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled([...this.#byName.values()].map((volume) => volume.stop()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #find(name: string): HostedVolume {
    const volume = this.#byName.get(name)
    if (volume !== undefined) return volume
    throw new BlockError('NOT_FOUND', `this server has no volume '${name}'`, { facts: { volume: name } })
  }
}
