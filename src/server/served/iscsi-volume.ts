/** One volume on the iSCSI portals of its process: served, a standby path, or neither. */
import { assert } from '../../base/assert.ts'
import { parseUuid } from '../../base/uuid.ts'
import type { AccessRules } from '../../frontend/access.ts'
import { firstPortOf, portGroupOf, type VolumePaths } from '../../frontend/paths.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { IscsiTarget } from '../../iscsi/target/iscsi-target.ts'
import { VolumePathState } from '../../iscsi/target/volume-path-state.ts'
import type { IscsiView } from '../volume-host.ts'
import type { FrontEndVolume, FrontEndVolumeOptions } from './front-end.ts'
import { Offer, type OfferDriver, type OwnSlot } from './offer.ts'

interface IscsiVolumeOptions extends FrontEndVolumeOptions {
  readonly iqn: string
  /** Id of this server in its cluster; undefined: there is none. */
  readonly server: string | undefined
  /** `HOST:PORT` that initiators are told. */
  readonly portals: readonly string[]
  readonly forget: () => void
}

/** Portal group tag, and relative port, of the first portal where the volume has one path. */
const ONLY_FIRST_PORT = 1

export class IscsiVolume implements FrontEndVolume<IscsiView>, OfferDriver {
  readonly name: string
  readonly #target: IscsiTarget
  readonly #o: IscsiVolumeOptions
  readonly #offer: Offer = new Offer(this)
  #access: AccessRules
  /** Of a multipath volume with a path here, as they were told last. */
  #multipath: { readonly told: VolumePaths; readonly state: VolumePathState } | undefined
  /** The greatest that was seen: volumes only grow, and what is told comes late. */
  #sizeBytes = 0
  #attached: FrontendVolume | undefined
  #sessionsBegun = 0
  readonly #observer: { readonly command: FrontEndVolumeOptions['command']; readonly began: () => void }

  constructor(target: IscsiTarget, options: IscsiVolumeOptions) {
    this.#target = target
    this.#o = options
    this.name = options.iqn
    this.#access = options.access
    this.#observer = { command: options.command, began: () => void this.#sessionsBegun++ }
  }

  attach(volume: FrontendVolume): Promise<void> {
    this.#attached = volume
    return this.#offer.attach(volume)
  }

  async detach(): Promise<void> {
    this.#sizeBytes = Math.max(this.#sizeBytes, this.#attached?.device.sizeBytes ?? 0)
    this.#attached = undefined
    await this.#offer.detach()
  }

  setAccess(access: AccessRules): void {
    this.#access = access
    this.#target.updateStandby(this.name, { access })
  }

  async settled(): Promise<void> {
    await Promise.all([this.#offer.ended(), this.#target.settled(this.name)])
  }

  setPaths(paths: VolumePaths | undefined): Promise<void> {
    const slot = this.#slotIn(paths)
    if (paths !== undefined && typeof slot === 'number') {
      const state = this.#multipath?.state ?? new VolumePathState(this.#o.server ?? '', paths)
      state.update(paths)
      this.#multipath = { told: paths, state }
      this.#sizeBytes = Math.max(this.#sizeBytes, paths.sizeBytes)
      this.#target.updateStandby(this.name, { sizeBytes: this.#sizeBytes })
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

  describe(): IscsiView {
    const { iqn, portals } = this.#o
    const first = this.#firstPort(this.#offer.slot)
    return {
      iqn,
      portals: portals.map((address, index) => ({ address, portalGroupTag: first + index })),
      sessionsBegun: this.#sessionsBegun,
      sessions: this.#sessions().map(({ initiator, address, portalGroupTag = first, connectedWallMs }) => ({
        initiator,
        address,
        portalGroupTag,
        connectedWallMs,
      })),
    }
  }

  // the driver of its offer

  serve(volume: FrontendVolume, slot: number | null): void {
    const { iqn } = this.#o
    const common = { iqn, volume, observer: this.#observer }
    if (slot === null) this.#target.addVolume({ ...common, firstPort: ONLY_FIRST_PORT })
    else this.#target.addVolume({ ...common, ...this.#pathOptions(slot) })
  }

  standBy(slot: number): void {
    const { iqn, standby } = this.#o
    assert(standby !== undefined, 'what has paths can stand by')
    const { told, ...path } = this.#pathOptions(slot)
    const { volume, name, logicalBlockBytes } = told
    this.#target.addStandby({
      iqn,
      ...path,
      access: this.#access,
      reservations: standby.reservations,
      unit: {
        uuid: uuidOf(volume),
        name,
        sizeBytes: this.#sizeBytes,
        logicalBlockBytes,
        atomicWriteBytesMax: standby.atomicWriteBytesMax(),
      },
    })
  }

  activate(volume: FrontendVolume): Promise<void> {
    const { iqn } = this.#o
    return this.#target.activate({ iqn, volume, observer: this.#observer })
  }

  end(): Promise<void> {
    return this.#target.removeVolume(this.name)
  }

  #pathOptions(slot: number) {
    const multipath = this.#multipath
    assert(multipath !== undefined, 'a slot comes with the paths that name it')
    const { told, state } = multipath
    return {
      told,
      firstPort: this.#firstPort(slot),
      groupId: portGroupOf(slot),
      path: state,
      otherPortals: () => state.otherPortals(),
    }
  }

  #firstPort(slot: number | null): number {
    return slot === null ? ONLY_FIRST_PORT : firstPortOf(slot)
  }

  #slotIn(paths: VolumePaths | undefined): OwnSlot {
    if (paths === undefined) return undefined
    if (!paths.isMultipath || this.#o.standby === undefined) return null
    return paths.paths.find(({ server }) => server === this.#o.server)?.slot ?? null
  }

  #sessions() {
    return this.#target.sessions().filter(({ target }) => target === this.#o.iqn)
  }
}

function uuidOf(volume: string): Uint8Array {
  const uuid = parseUuid(volume)
  assert(uuid !== undefined, 'volumes are named by UUIDs')
  return uuid
}
