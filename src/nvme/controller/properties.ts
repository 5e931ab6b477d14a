/**
 * The properties of a controller (NVMe Base 2.0 §3.1.3), which a fabrics host reads and writes by Property Get and Set:
 *
 *     disabled ──CC.EN=1──▶ ready ──CC.SHN──▶ shut down
 *        ▲ ▲                  │                   │
 *        │ └──────CC.EN=0─────┘◀──────CC.EN=0─────┘       a controller reset
 *     failed (CC asks for what is not there): CSTS.CFS until CC.EN=0
 *
 * Enabling, reset and shutdown take no time: when the command that asks for them is answered, they are over.
 */

/** Offsets, and the size that each is read with. */
export const PROPERTIES = {
  cap: { offset: 0x00, sizeBytes: 8 },
  vs: { offset: 0x08, sizeBytes: 4 },
  cc: { offset: 0x14, sizeBytes: 4 },
  csts: { offset: 0x1c, sizeBytes: 4 },
  nssr: { offset: 0x20, sizeBytes: 4 },
  crto: { offset: 0x68, sizeBytes: 4 },
} as const

/** NVMe 2.0. */
export const VERSION = 0x0002_0000

const CC_ENABLE = 1
const CSTS_READY = 0x01
const CSTS_FATAL = 0x02
const CSTS_SHUTDOWN_COMPLETE = 0x08
/** CAP.TO and CRTO, in units of 500 ms: more than enough for what takes no time. */
const READY_TIMEOUT_UNITS = 20
/** CAP.CSS: the NVM command set, and I/O command sets by the profile that CC.CSS 110b selects. */
const CSS_NVM = 1 << 5
const CSS_PROFILES = 1 << 11
/** CAP.CRMS: the controller is ready when its namespaces are. */
const CRMS_READY_WITH_MEDIA = 1 << 27
const IO_SQES = 6
const IO_CQES = 4

export type PropertyChange = 'enabled' | 'reset' | 'shutdown' | undefined

export class Properties {
  readonly #queueEntries: number
  readonly #hasIo: boolean
  #cc = 0
  #csts = 0

  constructor(options: { queueEntries: number; hasIo: boolean }) {
    this.#queueEntries = options.queueEntries
    this.#hasIo = options.hasIo
  }

  get isReady(): boolean {
    return (this.#csts & CSTS_READY) !== 0
  }

  /** CC.CSS: the host uses I/O command sets by profile. */
  get usesProfiles(): boolean {
    return ((this.#cc >>> 4) & 7) === 6
  }

  /** The controller is broken for good: the host sees it if it still can ask. */
  fail(): void {
    this.#csts |= CSTS_FATAL
  }

  /** Low and high dword of the property at `offset`, or undefined when there is none of this size. */
  get(offset: number, sizeBytes: 4 | 8): { readonly low: number; readonly high: number } | undefined {
    if (sizeBytes === 8) {
      if (offset !== PROPERTIES.cap.offset) return undefined
      return {
        low: (((READY_TIMEOUT_UNITS << 24) | (1 << 16)) >>> 0) + (this.#queueEntries - 1),
        high: CSS_NVM | CSS_PROFILES | CRMS_READY_WITH_MEDIA,
      }
    }
    const low = this.#short(offset)
    return low === undefined ? undefined : { low, high: 0 }
  }

  /** False: there is no such property that can be written. */
  set(offset: number, sizeBytes: 4 | 8, low: number): { readonly change: PropertyChange } | undefined {
    if (sizeBytes !== 4) return undefined
    // There is no subsystem reset (CAP.NSSRS); writing the property does nothing.
    if (offset === PROPERTIES.nssr.offset) return { change: undefined }
    if (offset !== PROPERTIES.cc.offset) return undefined
    return { change: this.#setCc(low >>> 0) }
  }

  #short(offset: number): number | undefined {
    switch (offset) {
      case PROPERTIES.vs.offset:
        return VERSION
      case PROPERTIES.cc.offset:
        return this.#cc
      case PROPERTIES.csts.offset:
        return this.#csts
      case PROPERTIES.nssr.offset:
        return 0
      case PROPERTIES.crto.offset:
        return READY_TIMEOUT_UNITS | (READY_TIMEOUT_UNITS << 16)
      default:
        return undefined
    }
  }

  #setCc(value: number): PropertyChange {
    const before = this.#cc
    this.#cc = value
    const wasEnabled = (before & CC_ENABLE) !== 0
    const isEnabled = (value & CC_ENABLE) !== 0
    const asksShutdown = ((value >>> 14) & 3) !== 0 && ((before >>> 14) & 3) === 0
    let change: PropertyChange
    if (isEnabled && !wasEnabled) {
      this.#csts = this.#isPossible(value) ? CSTS_READY : CSTS_FATAL
      if (this.#csts === CSTS_READY) change = 'enabled'
    } else if (!isEnabled && wasEnabled) {
      this.#csts = 0
      change = 'reset'
    }
    if (asksShutdown) {
      this.#csts |= CSTS_SHUTDOWN_COMPLETE
      change = change === 'reset' ? 'reset' : 'shutdown'
    } else if (((value >>> 14) & 3) === 0) this.#csts &= ~CSTS_SHUTDOWN_COMPLETE
    return change
  }

  #isPossible(cc: number): boolean {
    const commandSet = (cc >>> 4) & 7
    const pageSize = (cc >>> 7) & 15
    const arbitration = (cc >>> 11) & 7
    if ((commandSet !== 0 && commandSet !== 6) || pageSize !== 0 || arbitration !== 0) return false
    return !this.#hasIo || (((cc >>> 16) & 15) === IO_SQES && ((cc >>> 20) & 15) === IO_CQES)
  }
}
