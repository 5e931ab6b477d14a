/**
 * Asynchronous events of a controller, as calls. Requests stand at the controller all the time; each that is answered is
 * followed by another. An event stays masked until its log page was read, which is done here before the handler is
 * called, but for the discovery log: who is told of a change reads that himself.
 */
import { BlockError } from '../../base/errors.ts'
import type { NvmeHostController } from './host-controller.ts'
import { type AnaLog, readAnaLog } from './pages.ts'
import { asynchronousEvent, Feature, getLogPage, LogPage, setFeatures } from './requests.ts'

export interface EventHandlers {
  /** The paths' states changed. */
  readonly anaChanged?: (log: AnaLog) => void
  /** Ids of namespaces that changed; 0xffffffff alone: more than the controller can list. */
  readonly namespacesChanged?: (namespaces: readonly number[]) => void
  readonly discoveryChanged?: () => void
  /** Anything else: type, information and log page of the event. */
  readonly other?: (event: { type: number; information: number; logPage: number }) => void
}

const TYPE_NOTICE = 2
const NAMESPACE_CHANGED = 0x00
const ANA_CHANGED = 0x03
const DISCOVERY_CHANGED = 0xf0
const CONFIG_NAMESPACES = 1 << 8
const CONFIG_ANA = 1 << 11
const CONFIG_DISCOVERY = 0x8000_0000
const REQUESTS_MAX = 4
const LOG_BYTES = 4096

/** Lets the events through that there are handlers for, and listens from then on. */
export async function watchEvents(controller: NvmeHostController, handlers: EventHandlers): Promise<void> {
  const config =
    (handlers.namespacesChanged === undefined ? 0 : CONFIG_NAMESPACES) |
    (handlers.anaChanged === undefined ? 0 : CONFIG_ANA) |
    (handlers.discoveryChanged === undefined ? 0 : CONFIG_DISCOVERY)
  await controller.admin('Set Features', setFeatures(Feature.asynchronousEventConfiguration, config >>> 0))
  const requests = Math.min(REQUESTS_MAX, controller.identity.eventRequestsMax)
  for (let i = 0; i < requests; i++) ask(controller, handlers)
}

/** The log page of the paths' states. */
export async function anaLog(controller: NvmeHostController): Promise<AnaLog> {
  const page = new Uint8Array(LOG_BYTES)
  await controller.admin('Get Log Page', getLogPage(LogPage.ana, page))
  return readAnaLog(page)
}

function ask(controller: NvmeHostController, handlers: EventHandlers): void {
  controller.submitAdmin(asynchronousEvent, {
    completed: ({ status, dw0 }) => {
      // Aborted, or one too many: nothing will be told by this request.
      if (status !== 0) return
      ask(controller, handlers)
      void tell(controller, handlers, dw0)
    },
    // The controller is gone, which `closed` tells.
    failed: () => undefined,
  })
}

async function tell(controller: NvmeHostController, handlers: EventHandlers, dw0: number): Promise<void> {
  const event = { type: dw0 & 0x7, information: (dw0 >>> 8) & 0xff, logPage: (dw0 >>> 16) & 0xff }
  try {
    if (event.type !== TYPE_NOTICE) handlers.other?.(event)
    else if (event.information === ANA_CHANGED) handlers.anaChanged?.(await anaLog(controller))
    else if (event.information === DISCOVERY_CHANGED) handlers.discoveryChanged?.()
    else if (event.information === NAMESPACE_CHANGED) {
      handlers.namespacesChanged?.(await changedNamespaces(controller))
    } else handlers.other?.(event)
  } catch (error) {
    // The log page could not be had because the controller is gone, which `closed` tells.
    if (!(error instanceof BlockError)) throw error
  }
}

async function changedNamespaces(controller: NvmeHostController): Promise<number[]> {
  const page = new Uint8Array(LOG_BYTES)
  await controller.admin('Get Log Page', getLogPage(LogPage.changedNamespaces, page))
  const namespaces: number[] = []
  const view = new DataView(page.buffer)
  for (let at = 0; at < LOG_BYTES && view.getUint32(at, true) !== 0; at += 4) {
    namespaces.push(view.getUint32(at, true))
  }
  return namespaces
}
