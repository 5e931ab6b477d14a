/**
 * The subsystem of one volume on this server: its one namespace, the controllers of its hosts, and the state of the path
 * that they all are (ANA, NVMe Base 2.0 §8.1).
 *
 *     standby ──activate──▶ active       (never back: a volume that is lost ends its subsystem, and another begins)
 *
 * While another server serves the volume the state is inaccessible, while nobody does it is change; I/O commands are
 * refused with the status of the state, everything else works. Hosts hear of each change by an event and read log page
 * 0Ch. Always true: a command reaches the namespace only in state optimized.
 */
import type { DeviceEvent } from '../../base/ports/block-device.ts'
import { parseUuid } from '../../base/uuid.ts'
import { type AccessRules, type DhchapCredential, mayConnectHost } from '../../frontend/access.ts'
import { controllerIdsOf, type VolumePaths } from '../../frontend/paths.ts'
import type { FrontendVolume } from '../../frontend/volume.ts'
import type { NamespaceFacts } from '../namespace/identify.ts'
import type { IoResult } from '../namespace/io-types.ts'
import type { NvmeNamespace } from '../namespace/namespace.ts'
import { plainResult } from '../namespace/result.ts'
import { STATUS } from '../status.ts'
import { ASYNC_EVENTS } from './async-events.ts'
import type { Controller } from './controller.ts'
import { ControllerIds } from './controller-ids.ts'
import type { AnaState } from './facts.ts'

export const ANA_STATUS: Readonly<Record<Exclude<AnaState, 'optimized'>, number>> = {
  inaccessible: STATUS.ANA_INACCESSIBLE,
  change: STATUS.ANA_TRANSITION,
}

/** What the subsystem's paths are, when the master tells them. */
export interface PathsSource {
  readonly paths: VolumePaths
  subscribe(listener: () => void): () => void
}

export interface SubsystemOptions {
  readonly nqn: string
  readonly slot: number
  /** Where in the range of controller ids to begin. */
  readonly firstId: number
  readonly paths: PathsSource | undefined
  /** Of a standby; a served volume has its own. */
  readonly access: AccessRules | undefined
  readonly namespace: NvmeNamespace | undefined
  /** Of a standby: what the volume's device promises where it is served. */
  readonly atomicWriteBytesMax: number
}

export class Subsystem {
  readonly nqn: string
  readonly ids: ControllerIds
  /** By their ids. */
  readonly controllers = new Map<number, Controller>()
  readonly paths: PathsSource | undefined
  readonly atomicWriteBytesMax: number
  #namespace: NvmeNamespace | undefined
  #access: AccessRules | undefined
  #ana: AnaState
  #anaChanges = 1
  #refusal: IoResult | undefined
  /** Turning active: commands are still refused. */
  #isActivating = false
  /** Of a standby: the size that hosts were told. */
  #knownBytes: number
  readonly #unsubscribes: (() => void)[] = []
  /** Of controllers that have been told to end. */
  readonly #endings = new Set<Promise<void>>()

  constructor(options: SubsystemOptions) {
    const { nqn, slot, firstId, paths, access, namespace } = options
    this.nqn = nqn
    this.ids = new ControllerIds({ ...controllerIdsOf(slot), start: firstId })
    this.paths = paths
    this.atomicWriteBytesMax = options.atomicWriteBytesMax
    this.#access = access
    this.#ana = this.#stateOf(namespace)
    this.#setNamespace(namespace)
    this.#knownBytes = this.facts.sizeBytes
    if (paths !== undefined) this.#unsubscribes.push(paths.subscribe(() => this.#pathsChanged()))
  }

  get ana(): AnaState {
    return this.#ana
  }

  /** Change count of log page 0Ch. */
  get anaChanges(): number {
    return this.#anaChanges
  }

  get namespace(): NvmeNamespace | undefined {
    return this.#namespace
  }

  get volume(): FrontendVolume | undefined {
    return this.#namespace?.volume
  }

  get access(): AccessRules {
    return this.#namespace?.volume.access ?? this.#access!
  }

  /** The answer to every I/O command while the volume is not served here. */
  get refusal(): IoResult | undefined {
    return this.#refusal
  }

  get facts(): NamespaceFacts {
    const device = this.#namespace?.device
    if (device !== undefined) return device
    const { volume, sizeBytes, logicalBlockBytes } = this.paths!.paths
    const { atomicWriteBytesMax } = this
    return { uuid: parseUuid(volume)!, sizeBytes, logicalBlockBytes, readOnly: false, atomicWriteBytesMax }
  }

  /** Whether the host may have controllers, and with which secret it has to prove itself. */
  admits(hostNqn: string): { readonly credential: DhchapCredential | undefined } | undefined {
    const { access } = this
    if (!mayConnectHost(access, hostNqn)) return undefined
    if (access.dhchap.length === 0) return { credential: undefined }
    const wanted = hostNqn.toLowerCase()
    const credential = access.dhchap.find(({ host }) => host.toLowerCase() === wanted)
    return credential === undefined ? undefined : { credential }
  }

  /** Of a standby. */
  setAccess(access: AccessRules): void {
    this.#access = access
    this.accessChanged()
  }

  /** Ends the associations of hosts that the rules do not admit any more, or not without a proof that they never gave. */
  accessChanged(): void {
    for (const controller of [...this.controllers.values()]) {
      const admitted = this.admits(controller.hostNqn)
      const isAdmitted =
        admitted !== undefined && (admitted.credential === undefined || controller.isAskedForProof)
      if (!isAdmitted) void controller.end('the access rules have changed')
    }
  }

  /** A controller is ending: it is none of `controllers` any more, but `reset` waits for it. */
  waitFor(over: Promise<void>): void {
    this.#endings.add(over)
    void over.then(() => this.#endings.delete(over))
  }

  /** It is to serve `namespace` soon: hosts are told to wait. */
  beginActivation(): void {
    this.#isActivating = true
    this.#pathsChanged()
  }

  /** It serves from now on. What its connections held before has been read. */
  activate(namespace: NvmeNamespace): void {
    this.#isActivating = false
    this.#setNamespace(namespace)
    this.#setAna('optimized')
    if (namespace.device.sizeBytes !== this.#knownBytes) this.namespaceChanged()
  }

  /** Size or attributes of the namespace have changed. */
  namespaceChanged(): void {
    for (const controller of this.controllers.values()) {
      controller.namespacesChanged = true
      controller.post(ASYNC_EVENTS.namespaceChanged)
    }
  }

  /** Ends every association; resolves when nothing of them is under way. */
  async reset(reason: string): Promise<void> {
    for (const controller of [...this.controllers.values()]) void controller.end(reason)
    await Promise.all(this.#endings)
  }

  /** Resolves when nothing is under way of the associations that have been ended by now. */
  async settled(): Promise<void> {
    await Promise.all(this.#endings)
  }

  /** As `reset`, and stops listening. */
  async close(reason: string): Promise<void> {
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe()
    await this.reset(reason)
  }

  #setNamespace(namespace: NvmeNamespace | undefined): void {
    this.#namespace = namespace
    this.#refusal = this.#ana === 'optimized' ? undefined : plainResult(ANA_STATUS[this.#ana])
    if (namespace === undefined) return
    this.#unsubscribes.push(
      namespace.device.subscribe((event: DeviceEvent) => {
        if (event.kind === 'resized') this.namespaceChanged()
      }),
      namespace.volume.subscribe((event) => {
        if (event.kind === 'lost') void this.reset(`the volume was lost: ${event.reason}`)
        else this.accessChanged()
      }),
    )
  }

  #stateOf(namespace: NvmeNamespace | undefined): AnaState {
    if (namespace !== undefined) return 'optimized'
    if (this.#isActivating) return 'change'
    return this.paths?.paths.paths.some(({ role }) => role === 'active') === true ? 'inaccessible' : 'change'
  }

  #pathsChanged(): void {
    this.#setAna(this.#stateOf(this.#namespace))
    const { sizeBytes } = this.facts
    if (this.#namespace !== undefined || sizeBytes === this.#knownBytes) return
    this.#knownBytes = sizeBytes
    this.namespaceChanged()
  }

  #setAna(state: AnaState): void {
    if (state === this.#ana) return
    this.#ana = state
    this.#anaChanges++
    this.#refusal = state === 'optimized' ? undefined : plainResult(ANA_STATUS[state])
    for (const controller of this.controllers.values()) controller.post(ASYNC_EVENTS.anaChanged)
  }
}
