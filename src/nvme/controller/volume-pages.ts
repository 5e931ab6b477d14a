/**
 * What a controller of a volume shows: Identify and log pages, and the features of its namespace. One object for each
 * controller, for reservation notices are its host's own.
 */

import { supportedOpcodes } from '../namespace/command-table.ts'
import { identificationDescriptors, identifyNamespace } from '../namespace/identify.ts'
import type { NvmeHost } from '../namespace/io-types.ts'
import { NSID, type NvmeNamespace } from '../namespace/namespace.ts'
import { ReservationLog } from '../namespace/reservation-log.ts'
import { final, STATUS } from '../status.ts'
import { ADMIN_SUCCESS, type AdminCommand, type AdminResult, adminStatus, adminValue } from './admin-types.ts'
import { ASYNC_EVENTS } from './async-events.ts'
import type { Controller, ControllerPages, IdentifyRequest, LogRequest } from './controller.ts'
import { Feature, featuresOf } from './features.ts'
import { IDENTIFY_BYTES, identifyController, identifyNvmController } from './identify-controller.ts'
import {
  commandSetCombinations,
  controllerList,
  identifyIndependent,
  namespaceList,
} from './identify-namespace.ts'
import {
  anaPage,
  changedNamespaces,
  commandEffects,
  featureEffects,
  firmwareSlots,
  LogPage,
  smart,
  supportedPages,
} from './log-pages.ts'
import { ANA_STATUS, type Subsystem } from './subsystem.ts'

const NSID_ALL = 0xffff_ffff
const CSI_NVM = 0
const CDW10 = 40
const CDW11 = 44
const NSID_AT = 4
/** RGO: groups only. */
const GROUPS_ONLY = 0x01
const LOG_PAGES: readonly number[] = [
  LogPage.supported,
  LogPage.errors,
  LogPage.smart,
  LogPage.firmware,
  LogPage.changedNamespaces,
  LogPage.effects,
  LogPage.ana,
  LogPage.features,
  LogPage.reservations,
]

const INVALID_FIELD = final(STATUS.INVALID_FIELD)
const INVALID_NAMESPACE = final(STATUS.INVALID_NAMESPACE)

export class VolumePages implements ControllerPages {
  readonly isDiscovery = false
  readonly logPages = LOG_PAGES
  readonly #subsystem: Subsystem
  readonly #limits: { readonly queueEntries: number; readonly inCapsuleBytes: number }
  readonly #reservationLog = new ReservationLog(NSID)
  #detach: (() => void) | undefined

  constructor(
    subsystem: Subsystem,
    limits: { readonly queueEntries: number; readonly inCapsuleBytes: number },
  ) {
    this.#subsystem = subsystem
    this.#limits = limits
  }

  /** The namespace is served: `controller`, of `host`, hears of its reservations from now on. */
  attach(
    namespace: NvmeNamespace,
    controller: Controller,
    host: NvmeHost,
    abortCommands: (except: unknown) => Promise<void>,
  ): void {
    this.#detach = namespace.attach({
      host,
      abortCommands,
      onReservationNotice: (what) => {
        if (this.#reservationLog.add(what)) controller.post(ASYNC_EVENTS.reservationLog)
      },
    })
  }

  /** The controller is gone. */
  detach(): void {
    this.#detach?.()
    this.#detach = undefined
  }

  identify({ cns, csi, nsid, controllerId }: IdentifyRequest, controller: Controller): Uint8Array | number {
    const subsystem = this.#subsystem
    const { facts } = subsystem
    switch (cns) {
      case 0x00:
        return nsid === NSID ? identifyNamespace(facts) : INVALID_NAMESPACE
      case 0x01:
        return identifyController(facts, {
          controllerId: controller.id,
          subsystemNqn: subsystem.nqn,
          ...this.#limits,
        })
      case 0x02:
        return nsid >= NSID_ALL - 1 ? INVALID_NAMESPACE : namespaceList(nsid)
      case 0x03:
        return nsid === NSID ? identificationDescriptors(facts) : INVALID_NAMESPACE
      case 0x05:
        if (csi !== CSI_NVM) return INVALID_FIELD
        return nsid === NSID ? new Uint8Array(IDENTIFY_BYTES) : INVALID_NAMESPACE
      case 0x06:
        return csi === CSI_NVM ? identifyNvmController() : INVALID_FIELD
      case 0x07:
        if (csi !== CSI_NVM) return INVALID_FIELD
        return nsid >= NSID_ALL - 1 ? INVALID_NAMESPACE : namespaceList(nsid)
      case 0x08:
        return nsid === NSID ? identifyIndependent() : INVALID_NAMESPACE
      case 0x12:
        return nsid === NSID || nsid === NSID_ALL ? this.#controllers(controllerId) : INVALID_NAMESPACE
      case 0x13:
        return this.#controllers(controllerId)
      case 0x1c:
        return commandSetCombinations()
      default:
        return INVALID_FIELD
    }
  }

  log({ page, specific, nsid }: LogRequest, controller: Controller): Uint8Array | number {
    const subsystem = this.#subsystem
    switch (page) {
      case LogPage.supported:
        return supportedPages(LOG_PAGES)
      case LogPage.errors:
        return controller.errors.page()
      case LogPage.smart:
        // Of the controller only: LPA bit 0 is clear.
        if (nsid !== 0 && nsid !== NSID_ALL) return nsid === NSID ? INVALID_FIELD : INVALID_NAMESPACE
        return smart({
          ...controller.counters,
          mediaErrors: controller.errors.mediaErrors,
          errorEntries: controller.errors.count,
          onHours: controller.onHours,
          isReadOnly: subsystem.facts.readOnly,
        })
      case LogPage.firmware:
        return firmwareSlots()
      case LogPage.changedNamespaces:
        return changedNamespaces(controller.namespacesChanged)
      case LogPage.effects:
        return commandEffects(supportedOpcodes())
      case LogPage.ana:
        return anaPage({
          state: subsystem.ana,
          changeCount: subsystem.anaChanges,
          groupsOnly: (specific & GROUPS_ONLY) !== 0,
        })
      case LogPage.features:
        return featureEffects(featuresOf(false))
      default:
        return this.#reservations(controller)
    }
  }

  reservationFeature(command: AdminCommand, isSet: boolean): AdminResult | Promise<AdminResult> {
    const { view } = command
    const nsid = view.getUint32(NSID_AT, true)
    const value = view.getUint32(CDW11, true)
    const isMask = view.getUint8(CDW10) === Feature.reservationMask
    // The mask may be set, not read, for all namespaces at once.
    if (nsid !== NSID && !(nsid === NSID_ALL && isSet)) return adminStatus(INVALID_NAMESPACE, NSID_AT)
    if (isMask) {
      if (!isSet) return adminValue(this.#reservationLog.mask)
      this.#reservationLog.setMask(value)
      return ADMIN_SUCCESS
    }
    const { namespace, ana } = this.#subsystem
    if (namespace === undefined)
      return adminStatus(ana === 'optimized' ? STATUS.ANA_TRANSITION : ANA_STATUS[ana])
    if (!isSet) return adminValue(namespace.reservationPersistence ? 1 : 0)
    return this.#setPersistence(namespace, (value & 1) !== 0)
  }

  /** Who this controller's host is, for what it changes. Set when it is connected. */
  host: NvmeHost | undefined

  async #setPersistence(namespace: NvmeNamespace, isPersistent: boolean): Promise<AdminResult> {
    return adminStatus(await namespace.setReservationPersistence(this.host!, isPersistent))
  }

  #controllers(first: number): Uint8Array {
    return controllerList(
      [...this.#subsystem.controllers.keys()].sort((a, b) => a - b),
      first,
    )
  }

  /** 80h: each reading takes a notice; while there are more, their event is told again. */
  #reservations(controller: Controller): Uint8Array {
    const page = this.#reservationLog.take()
    if (this.#reservationLog.length > 0) controller.post(ASYNC_EVENTS.reservationLog)
    return page
  }
}
