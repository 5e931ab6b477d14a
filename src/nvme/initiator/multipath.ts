/**
 * One namespace over several controllers of its subsystem. Commands take the best path there is (see `path-choice.ts`);
 * what a path fails for its own reasons is sent again on another, or waits for one, up to its deadline. That is right for
 * reads, and for writes of a caller who orders his own: a write whose path was lost may be executed twice, but never
 * after its completion was told.
 *
 * Paths are added by the caller, who also connects anew what was lost. A path that refuses is asked for the states of its
 * groups, unless it tells of changes by itself.
 */
import { BlockError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { NvmeHandler, NvmeRequest, NvmeResult } from './command.ts'
import { anaLog } from './events.ts'
import type { NvmeHostController } from './host-controller.ts'
import type { AnaLog } from './pages.ts'
import { choosePath, type Outcome, outcomeOfError, outcomeOfStatus, type PathFacts } from './path-choice.ts'

interface Path extends PathFacts {
  readonly controller: NvmeHostController
  anaState: number | undefined
  isAsked: boolean
}

interface Waiting {
  readonly request: NvmeRequest
  readonly handler: NvmeHandler
  readonly untilMs: number
  lastError: BlockError | undefined
}

/** How often a path that refused is asked how it is, and commands that wait are looked at. */
const RETRY_MS = 100

export class NvmeMultipath {
  readonly #clock: Clock
  readonly #anaGroup: number
  readonly #retryMs: number
  readonly #paths: Path[] = []
  #waiting: Waiting[] = []
  #timer: Timer | undefined
  #isClosed = false

  /** `retryMs`: how long a command may wait for a path, counted from its submission. */
  constructor(options: { clock: Clock; retryMs: number; anaGroup?: number }) {
    this.#clock = options.clock
    this.#retryMs = options.retryMs
    this.#anaGroup = options.anaGroup ?? 1
  }

  /** Adds a path; it leaves by itself when its controller ends. Its ANA state is asked for. */
  async add(controller: NvmeHostController): Promise<void> {
    const path: Path = {
      controller,
      anaState: undefined,
      isAsked: false,
      get isOpen() {
        return controller.isOpen
      },
      get outstanding() {
        return controller.outstanding
      },
    }
    if (controller.identity.hasAna) path.anaState = this.#stateIn(await anaLog(controller))
    this.#paths.push(path)
    void controller.closed.then(() => {
      this.#paths.splice(this.#paths.indexOf(path), 1)
      this.#arm()
    })
    this.#sendWaiting()
  }

  /** What a path's controller told of a change (see `EventHandlers.anaChanged`). */
  changed(controller: NvmeHostController, log: AnaLog): void {
    const path = this.#paths.find((one) => one.controller === controller)
    if (path === undefined) return
    path.anaState = this.#stateIn(log)
    this.#sendWaiting()
  }

  get paths(): readonly PathFacts[] {
    return this.#paths
  }

  submit(request: NvmeRequest, handler: NvmeHandler): void {
    const untilMs = this.#clock.monotonicMs() + this.#retryMs
    this.#send({ request, handler, untilMs, lastError: undefined })
  }

  execute(request: NvmeRequest): Promise<NvmeResult> {
    return new Promise((resolve, reject) => this.submit(request, { completed: resolve, failed: reject }))
  }

  /** What waits fails with DISCONNECTED; the controllers are the caller's. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const { handler } of this.#waiting.splice(0)) {
      handler.failed(new BlockError('DISCONNECTED', 'the paths were closed'))
    }
  }

  #stateIn({ groups }: AnaLog): number | undefined {
    return groups.find(({ group }) => group === this.#anaGroup)?.state
  }

  #send(command: Waiting): void {
    const path = this.#paths[choosePath(this.#paths)]
    if (path === undefined) {
      this.#wait(command)
      return
    }
    path.controller.submit(command.request, {
      completed: (result) => {
        const outcome = outcomeOfStatus(result.status)
        if (outcome.kind === 'over') command.handler.completed(result)
        else this.#again(command, path, outcome)
      },
      failed: (error) => {
        command.lastError = error
        const outcome = outcomeOfError(error)
        if (outcome.kind === 'over') command.handler.failed(error)
        else this.#again(command, path, outcome)
      },
    })
  }

  /** A path that refuses without a reason of ANA is left alone until it was asked how it is. */
  #again(command: Waiting, path: Path, outcome: Outcome): void {
    if (outcome.kind === 'path refused') path.anaState = outcome.anaState ?? 0
    this.#send(command)
  }

  #wait(command: Waiting): void {
    if (this.#isClosed) {
      command.handler.failed(new BlockError('DISCONNECTED', 'the paths were closed'))
      return
    }
    this.#waiting.push(command)
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed || this.#waiting.length === 0) return
    this.#timer = this.#clock.after(RETRY_MS, () => {
      this.#timer = undefined
      for (const path of this.#paths) if (!path.isAsked) void this.#ask(path)
      this.#sendWaiting()
      this.#arm()
    })
  }

  /** Asks a path for its state. Each by itself: one that says nothing holds up nobody. */
  async #ask(path: Path): Promise<void> {
    path.isAsked = true
    try {
      path.anaState = this.#stateIn(await anaLog(path.controller))
      this.#sendWaiting()
    } catch (error) {
      // The path is gone, and leaves by itself.
      if (!(error instanceof BlockError)) throw error
    } finally {
      path.isAsked = false
    }
  }

  #sendWaiting(): void {
    const nowMs = this.#clock.monotonicMs()
    const isUsable = choosePath(this.#paths) >= 0
    for (const command of this.#waiting.splice(0)) {
      if (isUsable) this.#send(command)
      else if (nowMs < command.untilMs) this.#waiting.push(command)
      else {
        const { lastError } = command
        const cause = lastError === undefined ? {} : { cause: lastError }
        command.handler.failed(new BlockError('TIMED_OUT', 'no path to the namespace is usable', cause))
      }
    }
  }
}
