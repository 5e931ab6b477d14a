/**
 * The initiator's side of a login (RFC 7143 §6.3), pure: responses in, requests out. The keys are negotiated by
 * `text/negotiation.ts`, secrets are proved by `login/chap.ts`.
 *
 *     security ── proved ──▶ operational ── agreed ──▶ done
 *        └─────────────┬─────────┘
 *                      ▼
 *              redirect or failed
 *
 * Without a secret the security stage is skipped unless `securityStage` asks for it, as initiators in use do.
 */
import { type HostPort, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'
import { serialAdd } from '../../base/serial32.ts'
import type { ChapCredential } from '../../frontend/access.ts'
import { type ChapAlgorithm, ChapInitiator } from '../login/chap.ts'
import type { Fields } from '../pdu/bhs.ts'
import type { LoginRequest, LoginResponse } from '../pdu/login.ts'
import { LoginStage, LoginStatus } from '../pdu/opcodes.ts'
import { Negotiation } from '../text/negotiation.ts'
import { encodeText, parseText, TextCollector, type TextPair } from '../text/pairs.ts'
import type { OperationalParameters, ParameterWishes } from '../text/parameters.ts'
import { loginRefusal } from './login-status.ts'
import { ISCSI_PORT } from './url.ts'

export interface LoginOptions {
  readonly initiatorName: string
  readonly initiatorAlias?: string
  /** Absent for a discovery session. */
  readonly targetName?: string
  readonly chap?: ChapCredential
  /** Strongest first; all that are known when absent. Old targets (tgt) take SHA-256's number for SHA-1. */
  readonly chapAlgorithms?: readonly ChapAlgorithm[]
  /** Begins in the security stage although there is no secret to prove. */
  readonly securityStage?: boolean
  readonly wishes: ParameterWishes
  /** 48 bits; with the initiator's name it is the initiator's port (§4.4.3.1). */
  readonly isid: number
  /** Non-zero to add to or reinstate a session that the target knows. */
  readonly tsih?: number
  readonly cid?: number
  /** CmdSN of the login and of the first command behind it. */
  readonly cmdSn: number
  readonly random: Random
}

/** What a login settled. */
export interface LoginResult {
  readonly parameters: OperationalParameters
  readonly tsih: number
  readonly expStatSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
  readonly targetAlias: string | undefined
  readonly targetPortalGroupTag: string | undefined
}

export type LoginStep =
  | { readonly kind: 'send'; readonly request: Fields<LoginRequest>; readonly data: Uint8Array }
  | { readonly kind: 'done'; readonly result: LoginResult }
  /** The target lives elsewhere: log in there with the same names (§11.13.5, class 1). */
  | { readonly kind: 'redirect'; readonly address: HostPort; readonly permanent: boolean }
  | { readonly kind: 'failed'; readonly error: BlockError }

const INITIATOR_TASK_TAG = 1
/** A login that takes more exchanges than this goes in circles. */
const EXCHANGES_MAX = 32

const failed = (error: BlockError): LoginStep => ({ kind: 'failed', error })
const broken = (message: string): LoginStep => failed(new BlockError('PROTOCOL', `login: ${message}`))

export class InitiatorLogin {
  readonly #options: LoginOptions
  readonly #negotiation: Negotiation
  readonly #chap: ChapInitiator | undefined
  readonly #collector = new TextCollector()
  #stage: typeof LoginStage.securityNegotiation | typeof LoginStage.operationalNegotiation
  #method: 'unknown' | 'None' | 'CHAP' = 'unknown'
  /** This side proved itself, and the other one did where that was asked for. */
  #proved = false
  #expStatSn = 0
  #exchanges = 0

  constructor(options: LoginOptions) {
    this.#options = options
    const sessionType = options.targetName === undefined ? 'discovery' : 'normal'
    this.#negotiation = new Negotiation({ role: 'initiator', sessionType, wishes: options.wishes })
    const { chap: credential, chapAlgorithms: algorithms, random } = options
    if (credential !== undefined) {
      this.#chap = new ChapInitiator({ credential, random, ...(algorithms !== undefined && { algorithms }) })
    }
    this.#stage =
      credential !== undefined || options.securityStage === true
        ? LoginStage.securityNegotiation
        : LoginStage.operationalNegotiation
  }

  /** The first request. */
  first(): LoginStep {
    const { initiatorName, initiatorAlias, targetName } = this.#options
    const names: TextPair[] = [{ key: 'InitiatorName', value: initiatorName }]
    if (initiatorAlias !== undefined) names.push({ key: 'InitiatorAlias', value: initiatorAlias })
    names.push({ key: 'SessionType', value: targetName === undefined ? 'Discovery' : 'Normal' })
    if (targetName !== undefined) names.push({ key: 'TargetName', value: targetName })
    if (this.#stage === LoginStage.operationalNegotiation) {
      return this.#send([...names, ...this.#negotiation.initiatorOffers()], true)
    }
    names.push({ key: 'AuthMethod', value: this.#methods() })
    return this.#send(names, this.#chap === undefined)
  }

  /** Takes a response and its data segment. */
  receive(response: LoginResponse, data: Uint8Array): LoginStep {
    if (response.initiatorTaskTag !== INITIATOR_TASK_TAG) return broken('the task tag is not ours')
    this.#expStatSn = serialAdd(response.statSn, 1)
    if (response.status !== LoginStatus.success) return this.#refused(response.status, data)
    if (response.csg !== this.#stage) return broken(`the response is of stage ${response.csg}`)
    if (++this.#exchanges > EXCHANGES_MAX) return broken('it does not come to an end')
    if (response.continue && response.transit) return broken('a response has both C and T')
    const verdict = this.#collector.push(data, response.continue)
    if (verdict === undefined) return this.#send([], false)
    if (!verdict.ok) return broken(verdict.problem)
    return this.#stage === LoginStage.securityNegotiation
      ? this.#security(response, verdict.pairs)
      : this.#operational(response, verdict.pairs)
  }

  /** A target that need not prove itself may let us in without a proof of ours. */
  #methods(): string {
    if (this.#chap === undefined) return 'None'
    return this.#options.chap?.mutual === undefined ? 'CHAP,None' : 'CHAP'
  }

  #security(response: LoginResponse, pairs: readonly TextPair[]): LoginStep {
    const chapPairs = new Map<string, string>()
    const others: TextPair[] = []
    let method: string | undefined
    for (const pair of pairs) {
      if (pair.key === 'AuthMethod') method = pair.value
      else if (!pair.key.startsWith('CHAP_')) others.push(pair)
      else if (chapPairs.has(pair.key)) return broken(`${pair.key} was sent twice`)
      else chapPairs.set(pair.key, pair.value)
    }
    const verdict = this.#negotiation.receive(others, 'security')
    if (!verdict.ok) return broken(verdict.problem)

    let answers: readonly TextPair[] = verdict.answers
    let transit = true
    if (this.#method === 'unknown') {
      if (method === undefined || !this.#methods().split(',').includes(method)) {
        return failed(new BlockError('ACCESS_DENIED', `login: no common AuthMethod (${method ?? 'none'})`))
      }
      this.#method = method === 'CHAP' ? 'CHAP' : 'None'
      this.#proved = this.#method === 'None'
    } else if (method !== undefined) return broken('AuthMethod was sent twice')
    if (!this.#proved) {
      const step = this.#chap!.step(chapPairs)
      if (step.kind === 'failed') {
        return failed(
          new BlockError(step.malformed ? 'PROTOCOL' : 'ACCESS_DENIED', `login: CHAP: ${step.reason}`),
        )
      }
      this.#proved = step.kind === 'done'
      answers = [...answers, ...step.answers]
      transit = step.answers.some(({ key }) => key === 'CHAP_R')
      // A proof that still has to be sent must be received before the stage can end.
      if (response.transit && step.answers.length > 0) return broken('the target ends the stage too early')
    }
    if (!response.transit) return this.#send(answers, transit)
    if (!this.#proved || response.nsg !== LoginStage.operationalNegotiation) {
      return broken('the target ends the stage too early')
    }
    this.#stage = LoginStage.operationalNegotiation
    return this.#send([...answers, ...this.#negotiation.initiatorOffers()], true)
  }

  #operational(response: LoginResponse, pairs: readonly TextPair[]): LoginStep {
    const verdict = this.#negotiation.receive(pairs, 'operational')
    if (!verdict.ok) return broken(verdict.problem)
    if (!response.transit) return this.#send(verdict.answers, true)
    if (response.nsg !== LoginStage.fullFeaturePhase)
      return broken('the target goes to a stage not asked for')
    if (!this.#negotiation.settled) return broken('the target left keys unanswered')
    const unmet = this.#negotiation.unmet()
    if (unmet !== undefined) return broken(`no agreement: ${unmet}`)
    return {
      kind: 'done',
      result: {
        parameters: this.#negotiation.result(),
        tsih: response.tsih,
        expStatSn: this.#expStatSn,
        expCmdSn: response.expCmdSn,
        maxCmdSn: response.maxCmdSn,
        targetAlias: this.#negotiation.declared('TargetAlias'),
        targetPortalGroupTag: this.#negotiation.declared('TargetPortalGroupTag'),
      },
    }
  }

  #refused(status: number, data: Uint8Array): LoginStep {
    const { targetName } = this.#options
    if (status >>> 8 === 1) {
      const text = parseText(data)
      const address = text.ok ? text.pairs.find(({ key }) => key === 'TargetAddress')?.value : undefined
      const parsed = address === undefined ? undefined : parseTargetAddress(address)
      if (parsed !== undefined) {
        return {
          kind: 'redirect',
          address: parsed,
          permanent: status === LoginStatus.targetMovedPermanently,
        }
      }
    }
    return failed(loginRefusal(status, targetName === undefined ? {} : { targetName }))
  }

  #send(pairs: readonly TextPair[], transit: boolean): LoginStep {
    const { isid, tsih, cid, cmdSn } = this.#options
    const data = encodeText(pairs)
    return {
      kind: 'send',
      data,
      request: {
        transit,
        continue: false,
        csg: this.#stage,
        nsg: !transit
          ? LoginStage.securityNegotiation
          : this.#stage === LoginStage.securityNegotiation
            ? LoginStage.operationalNegotiation
            : LoginStage.fullFeaturePhase,
        versionMax: 0,
        versionMin: 0,
        dataSegmentLength: data.byteLength,
        isid,
        tsih: tsih ?? 0,
        initiatorTaskTag: INITIATOR_TASK_TAG,
        cid: cid ?? 0,
        cmdSn,
        expStatSn: this.#expStatSn,
      },
    }
  }
}

/** `host[:port][,portal group tag]` (§13.8 TargetAddress); undefined when it is not of that form. */
export function parseTargetAddress(text: string): HostPort | undefined {
  const address = text.replace(/,\d{1,5}$/, '')
  const full = /:\d{1,5}$/.test(address) ? address : `${address}:${ISCSI_PORT}`
  try {
    return parseHostPort(full, 'TargetAddress')
  } catch (error) {
    if (error instanceof BlockError) return undefined
    throw error
  }
}
