/**
 * One call from its request to its answer: keys, deadline, error, log line, figures. A call is answered once, by whichever comes
 * first: its handler, its deadline, or its client going away. A handler that nobody waits for any longer is told so by its
 * signal, and its keys stay taken until it has really ended: what it does to a volume or a host is not over before.
 */

import type { Logger } from '../../base/log.ts'
import { printable } from '../../base/names.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { CallMetrics, CallOutcome } from './call-metrics.ts'
import { CsiError, csiErrorOf } from './csi-error.ts'
import type { Rpc } from './handlers.ts'
import { KeyLocks } from './key-locks.ts'
import { RequestSecrets } from './secrets.ts'

/** Whose keys are compared: what changes volumes in the cluster, and what changes this host. */
export type KeySpace = 'identity' | 'controller' | 'node'

export interface IncomingCall {
  readonly method: string
  readonly keySpace: KeySpace
  /** Until its deadline; null without one. */
  readonly timeoutMs: number | null
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal
}

export interface CallRunnerOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: CallMetrics
}

/** More than an orchestrator has under way; beyond it calls are refused, so that memory is bounded. */
const CALLS_MAX = 512
const DETAIL_CHARS_MAX = 1024

/** Read by nobody: its client is not there. */
class ClientGone extends CsiError {
  constructor() {
    super('ABORTED', 'the client did not wait')
  }
}

interface Waiting {
  readonly abort: AbortController
  readonly ended: Promise<void>
}

export class CallRunner {
  readonly #options: CallRunnerOptions
  readonly #locks: Readonly<Record<KeySpace, KeyLocks>> = {
    identity: new KeyLocks(),
    controller: new KeyLocks(),
    node: new KeyLocks(),
  }
  readonly #underWay = new Set<Waiting>()
  #isStopping = false

  constructor(options: CallRunnerOptions) {
    this.#options = options
  }

  /** The answer. Rejects with a `CsiError` and with nothing else; its sentence has no secret of the request in it. */
  async run<Request, Response>(
    call: IncomingCall,
    rpc: Rpc<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const { clock, metrics } = this.#options
    const beganMs = clock.monotonicMs()
    const secrets = new RequestSecrets(request)
    const keys = keysOf(rpc, request)
    const answered = (code: CallOutcome, error?: CsiError): void => {
      const ms = clock.monotonicMs() - beganMs
      metrics.answered(call.method, code, ms)
      this.#log(call, keys, { code, ms, error, secrets })
    }
    try {
      const response = await this.#work(call, rpc, request, { keys, secrets, beganMs })
      answered('OK')
      return response
    } catch (error) {
      const refusal = plain(csiErrorOf(error), secrets)
      answered(error instanceof ClientGone ? 'CANCELLED' : refusal.code, refusal)
      throw refusal
    }
  }

  /**
   * No more calls from now on. Resolves when those under way have ended; `signal` tells them to end, and the promise of a
   * handler that does not listen stays open.
   */
  async stop(signal: AbortSignal): Promise<void> {
    this.#isStopping = true
    const hurry = (): void => {
      for (const { abort } of this.#underWay)
        abort.abort(new CsiError('UNAVAILABLE', 'the driver is stopping'))
    }
    if (signal.aborted) hurry()
    else signal.addEventListener('abort', hurry, { once: true })
    await Promise.all([...this.#underWay].map(({ ended }) => ended))
  }

  #work<Request, Response>(
    call: IncomingCall,
    rpc: Rpc<Request, Response>,
    request: Request,
    { keys, secrets, beganMs }: { keys: readonly string[]; secrets: RequestSecrets; beganMs: number },
  ): Promise<Response> {
    const { clock, logger, metrics } = this.#options
    if (this.#isStopping) throw new CsiError('UNAVAILABLE', 'the driver is stopping')
    if (this.#underWay.size >= CALLS_MAX) {
      throw new CsiError('RESOURCE_EXHAUSTED', `${CALLS_MAX} calls are under way; try again`)
    }
    const taken = this.#locks[call.keySpace].take(keys)
    if ('conflict' in taken) {
      throw new CsiError('ABORTED', `another call for ${printable(taken.conflict)} is under way; try again`)
    }
    const abort = new AbortController()
    const { promise: given, reject: giveUp } = Promise.withResolvers<never>()
    // who loses the race below is heard by nobody
    given.catch(() => undefined)
    abort.signal.addEventListener('abort', () => giveUp(abort.signal.reason), { once: true })
    const overdue = (): void =>
      abort.abort(
        new CsiError('DEADLINE_EXCEEDED', 'the deadline passed; whether it was done is unknown, call again'),
      )
    const { timeoutMs, gone } = call
    const timer = timeoutMs === null ? undefined : clock.after(Math.max(0, timeoutMs), overdue)
    // a client whose own clock was first is told from one that gave up
    const left = (): void =>
      isOverdue(call, clock.monotonicMs() - beganMs) ? overdue() : abort.abort(new ClientGone())
    if (gone.aborted) left()
    else gone.addEventListener('abort', left, { once: true })

    metrics.began()
    const work = (async () =>
      await rpc.handle(request, {
        signal: abort.signal,
        deadlineMs: timeoutMs === null ? null : beganMs + timeoutMs,
        log: secrets.guard(logger, { method: call.method }),
      }))()
    const waiting: Waiting = { abort, ended: work.then(noop, noop) }
    this.#underWay.add(waiting)
    void waiting.ended.then(() => {
      timer?.cancel()
      gone.removeEventListener('abort', left)
      taken.release()
      metrics.ended()
      this.#underWay.delete(waiting)
      if (abort.signal.aborted) {
        const ms = clock.monotonicMs() - beganMs
        logger.info('csi.ended_late', { method: call.method, keys: keyText(keys), ms: Math.round(ms) })
      }
    })
    return Promise.race([work, given])
  }

  /** Calls without keys change nothing and come often. What is INTERNAL is ours to mend: all that is known of it. */
  #log(
    { method }: IncomingCall,
    keys: readonly string[],
    outcome: { code: CallOutcome; ms: number; error: CsiError | undefined; secrets: RequestSecrets },
  ): void {
    const { logger } = this.#options
    const { code, ms, error, secrets } = outcome
    const facts = {
      ...{ method, code, ms: Math.round(ms) },
      ...(keys.length === 0 ? {} : { keys: secrets.hide(keyText(keys)) }),
      ...(error === undefined ? {} : { reason: error.message }),
    }
    if (code === 'INTERNAL') {
      logger.error('csi.failed', { ...facts, error: secrets.describe(error?.cause ?? error) })
    } else if (keys.length > 0 || code !== 'OK') logger.info('csi.answered', facts)
    else logger.debug('csi.answered', facts)
  }
}

const noop = (): void => undefined

const KEYS_SHOWN = 4
const keyText = (keys: readonly string[]): string =>
  keys.slice(0, KEYS_SHOWN).map(printable).join(' ') + (keys.length > KEYS_SHOWN ? ' …' : '')

const keysOf = <Request>(rpc: Rpc<Request, unknown>, request: Request): readonly string[] =>
  (rpc.keysOf?.(request) ?? []).filter((key) => key !== '' && !key.endsWith('/'))

const isOverdue = ({ timeoutMs }: IncomingCall, ms: number): boolean => timeoutMs !== null && ms >= timeoutMs

/** Bounded, in one line, and without secrets: a status travels in a header. */
function plain(error: CsiError, secrets: RequestSecrets): CsiError {
  const message = secrets
    .hide(error.message)
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, DETAIL_CHARS_MAX)
  return message === error.message ? error : new CsiError(error.code, message, { cause: error.cause })
}
