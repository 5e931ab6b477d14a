/** One volume on the NVMe addresses of its process: a subsystem that serves or stands by, or none. */
import { assert } from '../../base/assert.ts'
import type { AccessRules } from '../../frontend/access.ts'
import type { VolumePaths } from '../../frontend/paths.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { NvmeTarget } from '../../nvme/target/nvme-target.ts'
import type { PathsSource } from '../../nvme/target/target-types.ts'
import type { NvmeView } from '../volume-host.ts'
import type { FrontEndVolume, FrontEndVolumeOptions } from './front-end.ts'
import { Offer, type OfferDriver, type OwnSlot } from './offer.ts'

interface NvmeVolumeOptions extends FrontEndVolumeOptions {
  readonly nqn: string
  /** Id of this server in its cluster; undefined: there is none. */
  readonly server: string | undefined
  /** `HOST:PORT` that hosts are told. */
  readonly portals: readonly string[]
  readonly forget: () => void
}

export class NvmeVolume implements FrontEndVolume<NvmeView>, OfferDriver {
  readonly name: string
  readonly #target: NvmeTarget
  readonly #o: NvmeVolumeOptions
  readonly #offer: Offer = new Offer(this)
  #access: AccessRules
  /** Of a volume with a path here, as they were told last. */
  #paths: Paths | undefined
  #attached: FrontendVolume | undefined
  #sessionsBegun = 0
  readonly #observer: { readonly command: FrontEndVolumeOptions['command']; readonly began: () => void }

  constructor(target: NvmeTarget, options: NvmeVolumeOptions) {
    this.#target = target
    this.#o = options
    this.name = options.nqn
    this.#access = options.access
    this.#observer = { command: options.command, began: () => void this.#sessionsBegun++ }
  }

  attach(volume: FrontendVolume): Promise<void> {
    this.#attached = volume
    return this.#offer.attach(volume)
  }

  async detach(): Promise<void> {
    this.#paths?.grown(this.#attached?.device.sizeBytes ?? 0)
    this.#attached = undefined
    await this.#offer.detach()
  }

  setAccess(access: AccessRules): void {
    this.#access = access
    if (this.#offer.role === 'standby') this.#target.setStandbyAccess(this.name, access)
  }

  async settled(): Promise<void> {
    await Promise.all([this.#offer.ended(), this.#target.settled(this.name)])
  }

  setPaths(paths: VolumePaths | undefined): Promise<void> {
    const slot = this.#slotIn(paths)
    if (paths !== undefined && typeof slot === 'number') {
      if (this.#paths === undefined) this.#paths = new Paths(paths)
      else this.#paths.update(paths)
    }
    return this.#offer.setSlot(slot)
  }

  async remove(): Promise<void> {
    await this.#offer.close()
    this.#o.forget()
  }

  get sessions(): number {
    return this.#sessions().length
  }

  describe(): NvmeView {
    const { nqn, portals } = this.#o
    return {
      nqn,
      portals: portals.map((address) => ({ address })),
      sessionsBegun: this.#sessionsBegun,
      sessions: this.#sessions().map(({ host, address, controllerId, connectedWallMs }) => ({
        host,
        address,
        controllerId,
        connectedWallMs,
      })),
    }
  }

  // the driver of its offer

  serve(volume: FrontendVolume, slot: number | null): void {
    const { nqn } = this.#o
    const path = slot === null ? {} : { slot, paths: this.#pathsTold() }
    this.#target.addVolume({ nqn, volume, observer: this.#observer, ...path })
  }

  standBy(slot: number): void {
    const { nqn, standby } = this.#o
    assert(standby !== undefined, 'what has paths can stand by')
    this.#target.addStandby({
      nqn,
      slot,
      paths: this.#pathsTold(),
      access: this.#access,
      atomicWriteBytesMax: standby.atomicWriteBytesMax(),
    })
  }

  activate(volume: FrontendVolume): Promise<void> {
    const { nqn } = this.#o
    return this.#target.activate({ nqn, volume, observer: this.#observer })
  }

  end(): Promise<void> {
    return this.#target.removeVolume(this.name)
  }

  #pathsTold(): Paths {
    assert(this.#paths !== undefined, 'a slot comes with the paths that name it')
    return this.#paths
  }

  #slotIn(paths: VolumePaths | undefined): OwnSlot {
    if (paths === undefined) return undefined
    if (this.#o.standby === undefined) return null
    return paths.paths.find(({ server }) => server === this.#o.server)?.slot ?? null
  }

  #sessions() {
    return this.#target
      .sessions()
      .filter(({ subsystem, isDiscovery }) => subsystem === this.name && !isDiscovery)
  }
}

class Paths implements PathsSource {
  #paths: VolumePaths
  readonly #listeners = new Set<() => void>()

  constructor(paths: VolumePaths) {
    this.#paths = paths
  }

  get paths(): VolumePaths {
    return this.#paths
  }

  update(paths: VolumePaths): void {
    // volumes only grow, and what is told comes late
    const sizeBytes = Math.max(paths.sizeBytes, this.#paths.sizeBytes)
    this.#paths = { ...paths, sizeBytes }
    for (const listener of [...this.#listeners]) listener()
  }

  /** It was this large when it was served here. */
  grown(sizeBytes: number): void {
    if (sizeBytes > this.#paths.sizeBytes) this.update({ ...this.#paths, sizeBytes })
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
