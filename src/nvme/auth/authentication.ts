/**
 * DH-HMAC-CHAP as the queues of a target ask for it. One for the whole process: the sequence numbers of its challenges
 * and its private values go through all connections.
 */
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type {
  Authentication,
  AuthenticationExchange,
  AuthenticationSubject,
} from '../controller/authentication.ts'
import { type AuthGate, type AuthVerdict, DhchapController } from './controller.ts'
import { keysOf } from './credentials.ts'
import { generateKey } from './secret.ts'
import { SequenceNumbers } from './sequence.ts'
import { SharedExchanges } from './shared-exchanges.ts'

export interface DhchapAuthenticationOptions {
  readonly random: Random
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly logger: Logger
  /** How often a peer may try; without it as often as it connects. */
  readonly gateOf?: (subject: AuthenticationSubject) => AuthGate
  /** A transaction that takes longer fails; 30 s by default. */
  readonly timeLimitMs?: number
}

const OPEN_GATE: AuthGate = { admit: () => true, failed: () => undefined }

export class DhchapAuthentication implements Authentication {
  readonly #o: DhchapAuthenticationOptions
  readonly #sequence: SequenceNumbers
  readonly #exchanges: SharedExchanges

  constructor(options: DhchapAuthenticationOptions) {
    this.#o = options
    this.#sequence = new SequenceNumbers(options.random)
    this.#exchanges = new SharedExchanges(options)
  }

  begin(subject: AuthenticationSubject): AuthenticationExchange {
    const { random, clock, gateOf, timeLimitMs } = this.#o
    const { hostNqn, subsystemNqn } = subject
    const controller = new DhchapController({
      hostNqn,
      subsystemNqn,
      ...this.#keys(subject),
      random,
      clock,
      sequence: this.#sequence,
      exchanges: this.#exchanges,
      gate: gateOf?.(subject) ?? OPEN_GATE,
      ...(timeLimitMs !== undefined && { timeLimitMs }),
    })
    return this.#exchange(controller, subject)
  }

  /** A secret that cannot be read is known by nobody: the exchange takes place, and fails. */
  #keys({
    credential,
    hostNqn,
  }: AuthenticationSubject): Pick<
    ConstructorParameters<typeof DhchapController>[0],
    'hostKey' | 'controllerKey'
  > {
    const keys = keysOf(credential)
    if (typeof keys !== 'string') return keys
    this.#o.logger.warn('nvme.secret_unreadable', { host: hostNqn, fault: keys })
    return { hostKey: generateKey(this.#o.random, undefined), controllerKey: undefined }
  }

  #exchange(controller: DhchapController, subject: AuthenticationSubject): AuthenticationExchange {
    let state: AuthenticationExchange['state'] = 'running'
    const after = (verdict: AuthVerdict): void => {
      if (verdict === 'authenticated') state = verdict
      if (verdict !== 'failed' && controller.failure === undefined) return
      const isKnown = state === 'failing' || state === 'failed'
      state = verdict === 'failed' ? 'failed' : 'failing'
      if (isKnown) return
      const { hostNqn: host, subsystemNqn: subsystem, queueId, controllerId } = subject
      const facts = { host, subsystem, queueId, controllerId, code: controller.failure }
      this.#o.logger.warn('nvme.authentication_refused', facts)
    }
    return {
      get state() {
        return state
      },
      send: (message) => after(controller.send(message).verdict),
      receive: (lengthMax) => {
        const { verdict, payload } = controller.receive(lengthMax)
        after(verdict)
        return payload
      },
    }
  }
}
