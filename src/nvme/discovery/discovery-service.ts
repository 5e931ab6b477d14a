/**
 * The discovery service of a target: its controllers, under the well-known NQN, on every port. What a host is shown is
 * made when it asks; the generation counts every change, so a host that read the page in pieces sees that it must begin
 * anew. Hosts that keep their connection are told of changes.
 */
import { type AdminResult, adminStatus } from '../controller/admin-types.ts'
import { ASYNC_EVENTS } from '../controller/async-events.ts'
import type {
  Controller,
  ControllerPages,
  IdentifyRequest,
  LogPart,
  LogRequest,
} from '../controller/controller.ts'
import { ControllerIds } from '../controller/controller-ids.ts'
import { featuresOf } from '../controller/features.ts'
import { identifyDiscovery } from '../controller/identify-controller.ts'
import { featureEffects, LogPage, supportedPages } from '../controller/log-pages.ts'
import { DISCOVERY_NQN } from '../fabrics.ts'
import { final, STATUS } from '../status.ts'
import { type DiscoveryEntry, discoveryLog } from './discovery-log.ts'

/** CNTLID up to FFEFh; those above stand for something else. */
const IDS_LAST = 0xffef
const CNS_CONTROLLER = 0x01
const LOG_PAGES: readonly number[] = [LogPage.supported, LogPage.errors, LogPage.features, LogPage.discovery]

export class DiscoveryService {
  readonly ids: ControllerIds
  readonly controllers = new Map<number, Controller>()
  readonly #entries: (hostNqn: string, localAddress: string) => readonly DiscoveryEntry[]
  readonly #queueEntries: number
  #generation = 1

  constructor(options: {
    readonly firstId: number
    readonly queueEntries: number
    /** What `hostNqn`, which came in at `localAddress`, may see. */
    readonly entries: (hostNqn: string, localAddress: string) => readonly DiscoveryEntry[]
  }) {
    this.ids = new ControllerIds({ first: 1, last: IDS_LAST, start: options.firstId })
    this.#entries = options.entries
    this.#queueEntries = options.queueEntries
  }

  /** There may be other entries for some host. */
  changed(): void {
    this.#generation++
    for (const controller of this.controllers.values()) controller.post(ASYNC_EVENTS.discoveryChanged)
  }

  /** What a controller of a host that came in at `localAddress` shows. */
  pages(localAddress: string): ControllerPages {
    return {
      isDiscovery: true,
      logPages: LOG_PAGES,
      identify: (request, controller) => this.#identify(request, controller),
      log: (request, controller) => this.#log(request, controller, localAddress),
      reservationFeature: (): AdminResult => adminStatus(final(STATUS.INVALID_FIELD)),
    }
  }

  async reset(reason: string): Promise<void> {
    await Promise.all([...this.controllers.values()].map((controller) => controller.end(reason)))
  }

  #identify({ cns }: IdentifyRequest, controller: Controller): Uint8Array | number {
    if (cns !== CNS_CONTROLLER) return final(STATUS.INVALID_FIELD)
    return identifyDiscovery({
      controllerId: controller.id,
      subsystemNqn: DISCOVERY_NQN,
      queueEntries: this.#queueEntries,
    })
  }

  #log(
    { page, offset, lengthBytes }: LogRequest,
    controller: Controller,
    localAddress: string,
  ): Uint8Array | LogPart | number {
    switch (page) {
      case LogPage.supported:
        return supportedPages(LOG_PAGES)
      case LogPage.errors:
        return controller.errors.page()
      case LogPage.features:
        return featureEffects(featuresOf(true))
      default:
        return discoveryLog({
          generation: this.#generation,
          entries: this.#entries(controller.hostNqn, localAddress),
          adminEntries: this.#queueEntries,
          offset,
          lengthBytes,
        })
    }
  }
}
