/**
 * A volume as the front ends serve it: the device, who may use it, and the end of its opening. When the opening is
 * lost (another server became primary, the log failed), every connection to it must be reset before anything else
 * happens; when the rules change, so must the connections that they no longer allow.
 */
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { AccessRules } from './access.ts'
import type { Reservations } from './reservations/reservations.ts'

export type VolumeEvent =
  /** Final: this opening serves nothing any more. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'access'; readonly access: AccessRules }

export class FrontendVolume {
  readonly device: BlockDevice
  /** Shared by all front ends of the volume. */
  readonly reservations: Reservations
  readonly #listeners = new Set<(event: VolumeEvent) => void>()
  readonly #unsubscribe: () => void
  #access: AccessRules
  #lost = false

  constructor(options: { device: BlockDevice; reservations: Reservations; access: AccessRules }) {
    this.device = options.device
    this.reservations = options.reservations
    this.#access = options.access
    this.#unsubscribe = options.device.subscribe((event) => {
      if (event.kind === 'lost') this.#lose(event.reason)
    })
  }

  get name(): string {
    return this.device.name
  }

  get access(): AccessRules {
    return this.#access
  }

  /** Whether the opening has ended. */
  get lost(): boolean {
    return this.#lost
  }

  /** Changes the rules; front ends end the sessions that the new rules do not allow. */
  setAccess(access: AccessRules): void {
    this.#access = access
    this.#tell({ kind: 'access', access })
  }

  /** Returns the call that ends the subscription. */
  subscribe(listener: (event: VolumeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends the subscription at the device, which stays open. Idempotent. */
  close(): void {
    this.#unsubscribe()
    this.#listeners.clear()
  }

  #lose(reason: string): void {
    if (this.#lost) return
    this.#lost = true
    this.#tell({ kind: 'lost', reason })
  }

  #tell(event: VolumeEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
