/**
 * Makes sessions: connects, logs in, follows redirects, discovers targets. The settings that hold for all
 * sessions are given once.
 */
import { formatHostPort, type HostPort } from '../../base/address.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import { type Logger, silentLogger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Net } from '../../base/ports/net.ts'
import type { Random } from '../../base/ports/random.ts'
import type { ChapCredential } from '../../frontend/access.ts'
import type { ChapAlgorithm } from '../login/chap.ts'
import { INITIATOR_WISHES, type ParameterWishes } from '../text/parameters.ts'
import type { LoginOptions } from './login.ts'
import { InitiatorSession, type SessionOptions } from './session.ts'
import { type DiscoveredTarget, readTargets } from './targets.ts'
import { parseIscsiUrl } from './url.ts'

export interface InitiatorOptions {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly logger?: Logger
  /** Shared with other parts of the program when given. */
  readonly pool?: BufferPool
  readonly initiatorName: string
  readonly connectTimeoutMs?: number
  readonly loginTimeoutMs?: number
}

/** A target by URL or by its parts; parts go before what the URL says. */
export interface TargetAddress {
  readonly url?: string
  readonly portal?: HostPort
  readonly targetName?: string
  /** Logical unit of commands that name none; 0 when nothing says otherwise. */
  readonly lun?: number
  readonly chap?: ChapCredential
}

export interface SessionSettings {
  /** What differs from `INITIATOR_WISHES`. */
  readonly parameters?: Partial<ParameterWishes>
  readonly initiatorAlias?: string
  /** With the initiator's name it names the initiator port; random when absent. Below 2^48. */
  readonly isid?: number
  /** Of a session that is to be reinstated with the same ISID; 0 for a new one. */
  readonly tsih?: number
  /** Strongest first; all that are known when absent. Old targets (tgt) take SHA-256's number for SHA-1. */
  readonly chapAlgorithms?: readonly ChapAlgorithm[]
  /** Begins the login in the security stage although there is no secret to prove. */
  readonly securityStage?: boolean
  /** 30 s when absent. */
  readonly commandTimeoutMs?: number
  /** How long the target may take to answer a ping and the like; 5 s when absent. */
  readonly controlTimeoutMs?: number
  /** Silence after which the target is pinged; 0, the default, for never. */
  readonly pingIntervalMs?: number
  /** Commands outstanding or waiting, 1 to 60000; 4096 when absent. */
  readonly tasksMax?: number
}

const REDIRECTS_MAX = 4
const CONNECT_TIMEOUT_MS = 5_000
const LOGIN_TIMEOUT_MS = 10_000
const COMMAND_TIMEOUT_MS = 30_000
const CONTROL_TIMEOUT_MS = 5_000
const TASKS_MAX = 4096
/** ISID type 10b: random (RFC 7143 §11.12.5), with 24 random bits and a 16-bit qualifier. */
const ISID_RANDOM = 0x8000_0000_0000
const ISID_RANDOM_BITS = 2 ** 40
const TWO_32 = 2 ** 32

export class Initiator {
  readonly #options: InitiatorOptions
  readonly #pool: BufferPool

  constructor(options: InitiatorOptions) {
    this.#options = options
    this.#pool = options.pool ?? new BufferPool()
  }

  /**
   * Opens a normal session. Rejects with INVALID_ARGUMENT, DISCONNECTED (no connection, or a timeout), PROTOCOL,
   * or the reason of a refused login: ACCESS_DENIED, NOT_FOUND, BUSY, CONFLICT.
   */
  async connect(target: TargetAddress & SessionSettings): Promise<InitiatorSession> {
    const fromUrl = target.url === undefined ? undefined : parseIscsiUrl(target.url)
    const portal = target.portal ?? fromUrl?.portal
    const targetName = target.targetName ?? fromUrl?.targetName
    if (portal === undefined || targetName === undefined) {
      throw new BlockError('INVALID_ARGUMENT', 'a URL, or a portal and a target name, are needed')
    }
    const chap = target.chap ?? fromUrl?.chap
    const lun = target.lun ?? fromUrl?.lun ?? 0
    return this.#open(portal, lun, target, { targetName, ...(chap !== undefined && { chap }) })
  }

  /** Asks a portal for all targets that this initiator may see (SendTargets=All, RFC 7143 appendix C). */
  async discover(
    portal: HostPort,
    settings: SessionSettings & { readonly chap?: ChapCredential } = {},
  ): Promise<readonly DiscoveredTarget[]> {
    const chap = settings.chap === undefined ? {} : { chap: settings.chap }
    const session = await this.#open(portal, 0, settings, chap)
    try {
      return readTargets(await session.text([{ key: 'SendTargets', value: 'All' }]), portal)
    } finally {
      await session.logout()
    }
  }

  async #open(
    portal: HostPort,
    lun: number,
    settings: SessionSettings,
    names: Pick<LoginOptions, 'targetName' | 'chap'>,
  ): Promise<InitiatorSession> {
    const { net, logger = silentLogger, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options
    const options = this.#sessionOptions(lun, settings, names)
    let address = portal
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const connection = await net.connect({ ...address, timeoutMs: connectTimeoutMs })
      const outcome = await InitiatorSession.login(connection, options)
      if (outcome instanceof InitiatorSession) return outcome
      logger.info('initiator.redirected', {
        from: formatHostPort(address),
        to: formatHostPort(outcome.address),
        permanent: outcome.permanent,
      })
      address = outcome.address
    }
    const last = formatHostPort(address)
    throw new BlockError('PROTOCOL', `more than ${REDIRECTS_MAX} redirects, the last one to ${last}`)
  }

  #sessionOptions(
    lun: number,
    settings: SessionSettings,
    names: Pick<LoginOptions, 'targetName' | 'chap'>,
  ): SessionOptions {
    const { clock, random, initiatorName, logger = silentLogger } = this.#options
    return {
      clock,
      logger,
      pool: this.#pool,
      lun,
      loginTimeoutMs: this.#options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS,
      commandTimeoutMs: settings.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
      controlTimeoutMs: settings.controlTimeoutMs ?? CONTROL_TIMEOUT_MS,
      pingIntervalMs: settings.pingIntervalMs ?? 0,
      tasksMax: settings.tasksMax ?? TASKS_MAX,
      login: {
        ...names,
        initiatorName,
        random,
        wishes: { ...INITIATOR_WISHES, ...settings.parameters },
        isid: settings.isid ?? ISID_RANDOM + random.integer(ISID_RANDOM_BITS),
        tsih: settings.tsih ?? 0,
        cmdSn: random.integer(TWO_32),
        ...(settings.initiatorAlias !== undefined && { initiatorAlias: settings.initiatorAlias }),
        ...(settings.chapAlgorithms !== undefined && { chapAlgorithms: settings.chapAlgorithms }),
        ...(settings.securityStage !== undefined && { securityStage: settings.securityStage }),
      },
    }
  }
}
