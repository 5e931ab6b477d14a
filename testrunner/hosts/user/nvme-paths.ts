/**
 * Controllers of a subsystem, as the kernel's multipath has them: commands take a path that its ANA state allows; a path that
 * refuses is asked how it is, unless it tells by itself. Either one controller at every portal, or one alone, which is looked for
 * from portal to portal until it leads.
 */
import { parseHostPort } from '../../../src/base/address.ts'
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import { anaLog } from '../../../src/nvme/initiator/events.ts'
import { NvmeHostController } from '../../../src/nvme/initiator/host-controller.ts'
import { type AnaLog, AnaState } from '../../../src/nvme/initiator/pages.ts'
import { choosePath, outcomeOfStatus, type PathFacts } from '../../../src/nvme/initiator/path-choice.ts'
import type { HostPorts, PathFinder, PathTimes } from './paths.ts'

const AGAIN_MS = 100
const ANA_GROUP = 1
/** No ANA state: not to be used before it was asked. */
const UNSURE = 0

export interface NvmeNames {
  readonly nqn: string
  readonly hostNqn: string
  readonly hostId: Uint8Array
}

export class NvmePaths implements PathFinder<NvmeHostController> {
  readonly #paths: readonly Path[]

  constructor(
    ports: HostPorts,
    names: NvmeNames,
    portals: readonly string[],
    options: { readonly isSingle: boolean; readonly times: PathTimes },
  ) {
    const { isSingle, times } = options
    const groups = isSingle ? [portals] : portals.map((portal) => [portal])
    this.#paths = groups.map((group) => new Path({ ports, names, portals: group, isSingle, times }))
  }

  find(): Promise<NvmeHostController> {
    const controller = this.#paths[choosePath(this.#paths)]?.controller
    if (controller !== undefined) return Promise.resolve(controller)
    for (const path of this.#paths) path.ask()
    return Promise.reject(this.#whyNone())
  }

  lost(controller: NvmeHostController, { code, facts }: BlockError): boolean {
    const status = typeof facts.status === 'number' ? outcomeOfStatus(facts.status) : undefined
    if (status?.kind === 'path refused') {
      this.#paths.find((path) => path.controller === controller)?.refused(status.anaState)
      return true
    }
    // "not now" is an answer: the path is as good as before
    if (code === 'BUSY') return false
    controller.close()
    return true
  }

  drop(controller: NvmeHostController): void {
    controller.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#paths.map((path) => path.close()))
  }

  /** A host that is let in nowhere is told so; anything else may pass. */
  #whyNone(): BlockError {
    const refusals = this.#paths.map(({ refusal }) => refusal).filter((one) => one?.code === 'ACCESS_DENIED')
    const [refusal] = refusals
    if (refusal !== undefined && refusals.length === this.#paths.length) return refusal
    return new BlockError('BUSY', 'no path leads now', { cause: this.#paths[0]?.refusal })
  }
}

interface PathOptions {
  readonly ports: HostPorts
  readonly names: NvmeNames
  /** One, or those that are tried in turn. */
  readonly portals: readonly string[]
  readonly isSingle: boolean
  readonly times: PathTimes
}

/** A controller, made anew whenever it ends. */
class Path implements PathFacts {
  readonly #options: PathOptions
  readonly #clock: Clock
  readonly #running: Promise<void>
  #controller: NvmeHostController | undefined
  #refusal: BlockError | undefined
  #isAsked = false
  #isOver = false
  anaState: number | undefined

  constructor(options: PathOptions) {
    this.#options = options
    this.#clock = options.ports.clock
    this.#running = this.#run()
    // told by `close`
    this.#running.catch(() => undefined)
  }

  get controller(): NvmeHostController | undefined {
    return this.#controller
  }

  get isOpen(): boolean {
    return this.#controller?.isOpen === true
  }

  get outstanding(): number {
    return this.#controller?.outstanding ?? 0
  }

  /** Why there was none at the last attempt. */
  get refusal(): BlockError | undefined {
    return this.#refusal
  }

  /** It did not carry a command out, and perhaps said in which state it is. */
  refused(anaState: number | undefined): void {
    this.anaState = anaState ?? UNSURE
    if (this.#options.isSingle) this.#controller?.close()
  }

  /** Asks it for its state, unless that is under way. A single one that does not lead gives way to another portal. */
  ask(): void {
    const controller = this.#controller
    if (controller === undefined || this.#isAsked) return
    this.#isAsked = true
    anaLog(controller)
      .then(
        (log) => this.#told(controller, log),
        // it is gone, which `closed` tells
        () => undefined,
      )
      .finally(() => {
        this.#isAsked = false
      })
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#controller?.disconnect()
    await this.#running
  }

  async #run(): Promise<void> {
    const { portals } = this.#options
    for (let turn = 0; !this.#isOver; turn++) {
      try {
        const controller = await this.#connect(portals[turn % portals.length] ?? '')
        if (this.#isOver) await controller.disconnect()
        else {
          this.#controller = controller
          await controller.closed
        }
      } catch (error) {
        if (!isBlockError(error)) throw error
        this.#refusal = error
      }
      this.#controller = undefined
      if (!this.#isOver) await this.#clock.sleep(AGAIN_MS)
    }
  }

  /** Rejects with BUSY, or as `NvmeHostController.connect`. */
  async #connect(portal: string): Promise<NvmeHostController> {
    const { ports, names, isSingle, times } = this.#options
    this.anaState = UNSURE
    let connected: NvmeHostController | undefined
    const controller = await NvmeHostController.connect({
      ...{ ...ports, portal: parseHostPort(portal, 'portal'), subsystemNqn: names.nqn },
      ...{ hostNqn: names.hostNqn, hostId: names.hostId },
      ...{ keepAliveMs: times.answerMs, connectTimeoutMs: times.loginMs },
      events: {
        anaChanged: (log) => {
          if (connected !== undefined) this.#told(connected, log)
        },
      },
    })
    connected = controller
    this.anaState = controller.identity.hasAna ? stateIn(await anaLog(controller)) : AnaState.optimized
    if (isSingle && !isUsable(this.anaState)) {
      await controller.disconnect()
      throw new BlockError('BUSY', `the path at ${portal} does not lead`)
    }
    return controller
  }

  #told(controller: NvmeHostController, log: AnaLog): void {
    this.anaState = stateIn(log)
    if (this.#options.isSingle && !isUsable(this.anaState)) controller.close()
  }
}

const stateIn = ({ groups }: AnaLog): number | undefined =>
  groups.find(({ group }) => group === ANA_GROUP)?.state

const isUsable = (state: number | undefined): boolean =>
  state === undefined || state === AnaState.optimized || state === AnaState.nonOptimized
