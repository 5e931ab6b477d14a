/**
 * Features of a controller (NVMe Base 2.0 §5.27, NVM Command Set 1.0 §4.1.3): Set and Get Features. Nothing is saved:
 * what a host sets holds until the controller is reset. Those of reservations belong to the namespace.
 */
import { final, STATUS } from '../status.ts'
import { ADMIN_SUCCESS, type AdminCommand, type AdminResult, adminStatus, adminValue } from './admin-types.ts'

export const Feature = {
  arbitration: 0x01,
  powerManagement: 0x02,
  temperatureThreshold: 0x04,
  errorRecovery: 0x05,
  volatileWriteCache: 0x06,
  numberOfQueues: 0x07,
  writeAtomicity: 0x0a,
  asyncEventConfig: 0x0b,
  keepAlive: 0x0f,
  commandSetProfile: 0x19,
  hostIdentifier: 0x81,
  reservationMask: 0x82,
  reservationPersistence: 0x83,
} as const

const VOLUME_FEATURES: readonly number[] = Object.values(Feature)
const DISCOVERY_FEATURES: readonly number[] = [Feature.asyncEventConfig, Feature.keepAlive]

export const featuresOf = (isDiscovery: boolean): readonly number[] =>
  isDiscovery ? DISCOVERY_FEATURES : VOLUME_FEATURES

/** What the features reach into. */
export interface FeatureHost {
  readonly isDiscovery: boolean
  readonly ioQueuesMax: number
  /** I/O queues that are connected: their number is settled then. */
  readonly ioQueues: number
  readonly hostId: Uint8Array
  asyncEventConfig: number
  /** Milliseconds; 0: no keep alive. */
  keepAliveMs: number
  readonly keepAliveMsMax: number
  /** The features of the namespace; undefined: not here. */
  reservationFeature(command: AdminCommand, isSet: boolean): AdminResult | Promise<AdminResult>
}

const CDW10 = 40
const CDW11 = 44
const NSID_AT = 4
const SAVE = 0x8000_0000
const SELECT = { current: 0, default: 1, saved: 2, capabilities: 3 } as const
/** Bits of Asynchronous Event Configuration that stand for something: SMART 0 to 4, and the notices of OAES. */
const CONFIG_VOLUME = 0x1f | (1 << 8) | (1 << 11)
const CONFIG_DISCOVERY = 0x8000_0000
/** Supported capabilities: bit 1 of a namespace, bit 2 changeable. */
const CAPABILITY_NAMESPACE = 0x02
const CAPABILITY_CHANGEABLE = 0x04
const WRITE_CACHE_ENABLED = 1
const TEMPERATURE_OVER = 0x157
/** TMPTH of the over threshold, as a controller without sensors starts with it. */
const THRESHOLD_TYPES = 2

/** Features that the host may set to anything that makes sense, and that do nothing. */
interface Remembered {
  arbitration: number
  errorRecovery: number
  writeAtomicity: number
  temperature: number[]
}

const fresh = (): Remembered => ({
  arbitration: 7,
  errorRecovery: 0,
  writeAtomicity: 0,
  temperature: Array.from({ length: THRESHOLD_TYPES }, (_, type) => (type === 0 ? TEMPERATURE_OVER : 0)),
})

const invalidField = (location: number): AdminResult => adminStatus(final(STATUS.INVALID_FIELD), location)

export class Features {
  readonly #host: FeatureHost
  #values = fresh()
  #initialKeepAliveMs: number

  constructor(host: FeatureHost) {
    this.#host = host
    this.#initialKeepAliveMs = host.keepAliveMs
  }

  /** A controller reset. */
  reset(): void {
    this.#values = fresh()
    this.#host.keepAliveMs = this.#initialKeepAliveMs
  }

  get(command: AdminCommand): AdminResult | Promise<AdminResult> {
    const { view } = command
    const id = view.getUint8(CDW10)
    const select = view.getUint8(CDW10 + 1) & 7
    if (!featuresOf(this.#host.isDiscovery).includes(id) || select > SELECT.capabilities) {
      return invalidField(CDW10)
    }
    if (select === SELECT.capabilities) return adminValue(capabilitiesOf(id))
    if (id === Feature.reservationMask || id === Feature.reservationPersistence) {
      return this.#host.reservationFeature(command, false)
    }
    if (id === Feature.hostIdentifier) return this.#getHostId(command)
    const isCurrent = select === SELECT.current
    return this.#value(id, isCurrent ? this.#values : fresh(), isCurrent, view.getUint32(CDW11, true))
  }

  set(command: AdminCommand): AdminResult | Promise<AdminResult> {
    const { view } = command
    const id = view.getUint8(CDW10)
    const value = view.getUint32(CDW11, true)
    if (!featuresOf(this.#host.isDiscovery).includes(id)) return invalidField(CDW10)
    if ((view.getUint32(CDW10, true) & SAVE) !== 0) {
      return adminStatus(final(STATUS.FEATURE_NOT_SAVEABLE), CDW10)
    }
    const nsid = view.getUint32(NSID_AT, true)
    const isOfNamespace =
      id === Feature.reservationMask || id === Feature.reservationPersistence || id === Feature.errorRecovery
    if (!isOfNamespace && nsid !== 0 && nsid !== 0xffff_ffff) {
      return adminStatus(final(STATUS.FEATURE_NOT_NAMESPACE_SPECIFIC), NSID_AT)
    }
    switch (id) {
      case Feature.arbitration:
        this.#values.arbitration = value
        return ADMIN_SUCCESS
      case Feature.powerManagement:
        // There is one power state; hints do not matter.
        return (value & 0x1f) === 0 ? ADMIN_SUCCESS : invalidField(CDW11)
      case Feature.temperatureThreshold:
        return this.#setTemperature(value)
      case Feature.errorRecovery:
        if ((value & 0x1_0000) !== 0) return invalidField(CDW11)
        this.#values.errorRecovery = value
        return ADMIN_SUCCESS
      case Feature.volatileWriteCache:
        return (value & 1) === WRITE_CACHE_ENABLED
          ? ADMIN_SUCCESS
          : adminStatus(final(STATUS.FEATURE_NOT_CHANGEABLE), CDW11)
      case Feature.numberOfQueues:
        return this.#setQueues(value)
      case Feature.writeAtomicity:
        this.#values.writeAtomicity = value & 1
        return ADMIN_SUCCESS
      case Feature.asyncEventConfig: {
        const known = this.#host.isDiscovery ? CONFIG_DISCOVERY : CONFIG_VOLUME
        if ((value & ~known) !== 0) return invalidField(CDW11)
        this.#host.asyncEventConfig = value
        return ADMIN_SUCCESS
      }
      case Feature.keepAlive:
        if (value > this.#host.keepAliveMsMax) return adminStatus(final(STATUS.KEEP_ALIVE_INVALID), CDW11)
        this.#host.keepAliveMs = value
        return ADMIN_SUCCESS
      case Feature.commandSetProfile:
        return (value & 0x1ff) === 0 ? ADMIN_SUCCESS : invalidField(CDW11)
      case Feature.hostIdentifier:
        // Set by Connect, and by nothing else.
        return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR), CDW10)
      default:
        return this.#host.reservationFeature(command, true)
    }
  }

  #value(id: number, values: Remembered, isCurrent: boolean, cdw11: number): AdminResult {
    const host = this.#host
    switch (id) {
      case Feature.arbitration:
        return adminValue(values.arbitration)
      case Feature.temperatureThreshold: {
        const isSensorZero = ((cdw11 >>> 16) & 15) === 0
        const threshold = values.temperature[(cdw11 >>> 20) & 3]
        return isSensorZero && threshold !== undefined ? adminValue(threshold) : invalidField(CDW11)
      }
      case Feature.errorRecovery:
        return adminValue(values.errorRecovery)
      case Feature.volatileWriteCache:
        return adminValue(WRITE_CACHE_ENABLED)
      case Feature.numberOfQueues: {
        const count = host.ioQueuesMax - 1
        return adminValue(count | (count << 16))
      }
      case Feature.writeAtomicity:
        return adminValue(values.writeAtomicity)
      case Feature.asyncEventConfig:
        return adminValue(isCurrent ? host.asyncEventConfig : 0)
      case Feature.keepAlive:
        return adminValue(isCurrent ? host.keepAliveMs : this.#initialKeepAliveMs)
      default:
        return adminValue(0)
    }
  }

  #getHostId({ view, dataInLengthMax }: AdminCommand): AdminResult {
    // EXHID: over fabrics the identifier is always the long one.
    if ((view.getUint8(CDW11) & 1) === 0) return invalidField(CDW11)
    return { ...ADMIN_SUCCESS, data: this.#host.hostId.slice(0, dataInLengthMax) }
  }

  #setTemperature(value: number): AdminResult {
    const type = (value >>> 20) & 3
    const sensor = (value >>> 16) & 15
    if (type >= THRESHOLD_TYPES || (sensor !== 0 && sensor !== 15)) return invalidField(CDW11)
    this.#values.temperature[type] = value & 0xffff
    return ADMIN_SUCCESS
  }

  /** NSQR and NCQR, minus one. The answer is what there is; the host makes as many as it wished for, or as it can. */
  #setQueues(value: number): AdminResult {
    if (this.#host.ioQueues > 0) return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR), CDW10)
    const submission = value & 0xffff
    const completion = value >>> 16
    if (submission === 0xffff || completion === 0xffff) return invalidField(CDW11)
    const count = this.#host.ioQueuesMax - 1
    return adminValue(count | (count << 16))
  }
}

function capabilitiesOf(id: number): number {
  switch (id) {
    case Feature.volatileWriteCache:
    case Feature.hostIdentifier:
      return 0
    case Feature.reservationMask:
    case Feature.reservationPersistence:
    case Feature.errorRecovery:
      return CAPABILITY_NAMESPACE | CAPABILITY_CHANGEABLE
    default:
      return CAPABILITY_CHANGEABLE
  }
}
