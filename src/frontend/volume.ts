/**
 * A volume as the front ends serve it: the device, who may use it, and the end of its opening. When the opening is
 * lost (another server became primary, the log failed), every connection to it must be reset before anything else
 * happens; when the rules change, so must the connections that they no longer allow.
 */
import type { Logger } from '../base/log.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { AccessRules } from './access.ts'
import { AtomicRanges } from './atomic-ranges.ts'
import { FrontendRecords } from './records.ts'
import { Reservations } from './reservations/reservations.ts'
import { Sanitizer } from './sanitize/sanitizer.ts'

export type VolumeEvent =
  /** Final: this opening serves nothing any more. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'access'; readonly access: AccessRules }

export interface FrontendVolumeOptions {
  readonly device: BlockDevice
  readonly access: AccessRules
  /** What came before this opening; a loss of power ends reservations that did not ask to persist. */
  readonly after: 'power-loss' | 'failover'
  readonly clock: Clock
  readonly logger: Logger
  /** How much a sanitize operation overwrites in a second. */
  readonly sanitizeBytesPerSecond?: number
}

/** What it holds is shared by all front ends of the volume. */
export class FrontendVolume {
  readonly device: BlockDevice
  readonly reservations: Reservations
  readonly sanitizer: Sanitizer
  readonly atomicRanges = new AtomicRanges()
  readonly #listeners = new Set<(event: VolumeEvent) => void>()
  readonly #unsubscribe: () => void
  #access: AccessRules
  #lost = false

  /** CORRUPT or UNKNOWN_FORMAT when what front ends stored with the device cannot be read. */
  constructor(options: FrontendVolumeOptions) {
    const { device, access, after, clock, logger, sanitizeBytesPerSecond } = options
    const records = FrontendRecords.load(device, { after })
    this.device = device
    this.reservations = new Reservations(records)
    this.sanitizer = new Sanitizer({
      device,
      records,
      clock,
      logger,
      ...(sanitizeBytesPerSecond !== undefined && { bytesPerSecond: sanitizeBytesPerSecond }),
    })
    this.#access = access
    this.#unsubscribe = device.subscribe((event) => {
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
    this.sanitizer.stop()
    this.#listeners.clear()
  }

  #lose(reason: string): void {
    if (this.#lost) return
    this.#lost = true
    this.sanitizer.stop()
    this.#tell({ kind: 'lost', reason })
  }

  #tell(event: VolumeEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}
