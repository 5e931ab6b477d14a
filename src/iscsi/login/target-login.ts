/**
 * The target's side of a login (RFC 7143 §6.3, §11.12, §11.13) as a state machine: a login request in, one login
 * response and a verdict out. No sockets and no clock; the shell bounds the time and closes after a refusal.
 *
 *     first request ──▶ security ──▶ operational ──▶ full feature
 *          │                └───────────────────────────▲
 *          └────────────────────────▲  (an initiator may skip a stage, where nothing has to be proved)
 *
 * Always true: nobody passes who has not proved what the target's rules ask; nothing is said about a target to
 * whom it is not allowed but that it is not for him; after a refusal the machine takes nothing more.
 */
import { assert } from '../../base/assert.ts'
import type { Random } from '../../base/ports/random.ts'
import { serialAdd } from '../../base/serial32.ts'
import { type ChapCredential, mayConnect } from '../../frontend/access.ts'
import type { Fields } from '../pdu/bhs.ts'
import type { LoginRequest, LoginResponse } from '../pdu/login.ts'
import { LoginStage, LoginStatus } from '../pdu/opcodes.ts'
import type { SessionType } from '../text/keys.ts'
import { Negotiation } from '../text/negotiation.ts'
import { encodeText, TEXT_BYTES_MAX, TextCollector, type TextPair } from '../text/pairs.ts'
import type { OperationalParameters, ParameterWishes } from '../text/parameters.ts'
import { parseList } from '../text/values.ts'
import { type ChapAlgorithm, ChapTarget } from './chap.ts'
import type { LoginDirectory, SessionClaim } from './directory.ts'
import { normalName } from './names.ts'

/** What a login led to. */
export interface EstablishedLogin extends SessionClaim {
  readonly tsih: number
  readonly parameters: OperationalParameters
  /** The CmdSN that the first non-immediate command carries. */
  readonly cmdSn: number
  /** The StatSN of the next response. */
  readonly statSn: number
}

type LoginVerdict =
  | { readonly kind: 'continue' }
  | { readonly kind: 'established'; readonly login: EstablishedLogin }
  /** To be closed once the response has gone. `reason` is for logs. */
  | { readonly kind: 'refused'; readonly status: LoginStatus; readonly reason: string }

export interface LoginStep {
  readonly response: Fields<LoginResponse>
  /** The data segment of the response. */
  readonly text: Uint8Array
  readonly verdict: LoginVerdict
}

export interface TargetLoginOptions {
  readonly directory: LoginDirectory
  readonly wishes: ParameterWishes
  readonly random: Random
  /** Commands that a session may have under way: the first MaxCmdSN. */
  readonly queueDepth: number
  readonly chapAlgorithms?: readonly ChapAlgorithm[]
}

/** The only version of the protocol (§11.12.4). */
const VERSION = 0
/** More requests than any login needs. */
const REQUESTS_MAX = 64
/** More keys than the standard has; every strange key is answered, so they are counted. */
const PAIRS_MAX = 128
const NO_TEXT = new Uint8Array(0)

/** What of a request its answer repeats. */
type Answered = Pick<LoginRequest, 'csg' | 'nsg' | 'isid' | 'tsih' | 'cmdSn' | 'initiatorTaskTag'>

/** What an answer echoes when there was no login request yet. */
const NO_REQUEST = { csg: LoginStage.securityNegotiation, nsg: 0, isid: 0, tsih: 0, cmdSn: 0 } as const

class Refusal {
  readonly status: LoginStatus
  readonly reason: string
  readonly answers: readonly TextPair[]
  constructor(status: LoginStatus, reason: string, answers: readonly TextPair[] = []) {
    this.status = status
    this.reason = reason
    this.answers = answers
  }
}

/** Also for a target that is elsewhere: a stranger learns no more of it here than there. */
const notListed = (): Refusal =>
  new Refusal(LoginStatus.authorizationFailure, 'not on the list of initiators')

/** What the first request said about the session. */
interface Identity {
  readonly sessionType: SessionType
  readonly initiatorName: string
  readonly targetName: string | undefined
  readonly portalGroupTag: number | undefined
  readonly credentials: readonly ChapCredential[]
}

/** Progress of the security stage. `open`: no method was chosen yet. */
type Security =
  | { readonly kind: 'open' }
  | { readonly kind: 'chap'; readonly chap: ChapTarget }
  | { readonly kind: 'passed'; readonly user: string | undefined }

export class TargetLogin {
  readonly #options: TargetLoginOptions
  readonly #collector = new TextCollector(TEXT_BYTES_MAX)
  #first: LoginRequest | undefined
  #identity: Identity | undefined
  #negotiation: Negotiation | undefined
  #security: Security = { kind: 'open' }
  #stage: LoginStage = LoginStage.securityNegotiation
  #requests = 0
  #statSn: number
  #ended = false

  constructor(options: TargetLoginOptions) {
    this.#options = options
    this.#statSn = options.random.integer(2 ** 31)
  }

  /** The initiator's name once it was told, for logs. */
  get initiatorName(): string | undefined {
    return this.#identity?.initiatorName
  }

  /** Takes one request with its data segment (lent). */
  step(request: LoginRequest, data: Uint8Array): LoginStep {
    assert(!this.#ended, 'a login that has ended takes no more requests')
    const outcome = this.#advance(request, data)
    return outcome instanceof Refusal ? this.#refuse(request, outcome) : outcome
  }

  /** Something else than a login request came, with this task tag (§11.13.5, status 020bh). */
  stranger(initiatorTaskTag: number): LoginStep {
    const refusal = new Refusal(LoginStatus.invalidDuringLogin, 'not a login request')
    return this.#refuse({ ...(this.#first ?? NO_REQUEST), initiatorTaskTag }, refusal)
  }

  #advance(request: LoginRequest, data: Uint8Array): LoginStep | Refusal {
    const wrong = this.#checkHeader(request)
    if (wrong !== undefined) return wrong
    const verdict = this.#collector.push(data, request.continue)
    if (verdict === undefined) return this.#respond(request, { transit: false, answers: [] })
    if (!verdict.ok) return new Refusal(LoginStatus.initiatorError, verdict.problem)
    if (verdict.pairs.length > PAIRS_MAX) return new Refusal(LoginStatus.initiatorError, 'too many keys')

    const greetings: TextPair[] = []
    if (this.#identity === undefined) {
      const refusal = this.#identify(request, verdict.pairs, greetings)
      if (refusal !== undefined) return refusal
    }
    const answers =
      request.csg === LoginStage.securityNegotiation
        ? this.#secure(request, verdict.pairs)
        : this.#operate(request, verdict.pairs)
    if (answers instanceof Refusal) return answers
    return this.#transit(request, [...greetings, ...answers])
  }

  /** Everything that can be wrong before the text is read (§11.12). */
  #checkHeader(request: LoginRequest): Refusal | undefined {
    const wrong = (reason: string): Refusal => new Refusal(LoginStatus.initiatorError, reason)
    if (request.versionMin > VERSION) return new Refusal(LoginStatus.unsupportedVersion, 'version')
    if (++this.#requests > REQUESTS_MAX) return wrong('too many login requests')
    const { csg, nsg } = request
    if (csg !== LoginStage.securityNegotiation && csg !== LoginStage.operationalNegotiation) {
      return wrong('no such current stage')
    }
    if (request.transit) {
      if (request.continue) return wrong('T and C at once')
      if (nsg <= csg || nsg === 2) return wrong('no such next stage')
    }
    const first = this.#first
    if (first === undefined) {
      this.#first = request
      this.#stage = csg
      return undefined
    }
    if (csg !== this.#stage) return wrong('not the current stage')
    const same = request.isid === first.isid && request.tsih === first.tsih && request.cid === first.cid
    return same ? undefined : wrong('another session in the middle of a login')
  }

  /** The first whole text: names, kind of session, and whether the target is for this initiator. */
  #identify(request: LoginRequest, pairs: readonly TextPair[], greetings: TextPair[]): Refusal | undefined {
    const values = new Map(pairs.map(({ key, value }) => [key, value]))
    const initiatorText = values.get('InitiatorName')
    if (initiatorText === undefined) return new Refusal(LoginStatus.missingParameter, 'no InitiatorName')
    const initiatorName = normalName(initiatorText)
    if (initiatorName === undefined)
      return new Refusal(LoginStatus.initiatorError, 'InitiatorName is no iSCSI name')
    if (request.tsih !== 0) {
      // One connection a session: what exists is full, and reinstatement asks with TSIH 0 (§6.3.5).
      return this.#options.directory.hasSession(initiatorName, request.tsih)
        ? new Refusal(LoginStatus.tooManyConnections, 'a second connection of a session')
        : new Refusal(LoginStatus.sessionDoesNotExist, 'no session with this TSIH')
    }
    const type = values.get('SessionType') ?? 'Normal'
    if (type !== 'Normal' && type !== 'Discovery') {
      return new Refusal(LoginStatus.sessionTypeNotSupported, 'SessionType')
    }
    const sessionType: SessionType = type === 'Normal' ? 'normal' : 'discovery'
    let credentials = this.#options.directory.discoveryChap
    let targetName: string | undefined
    let portalGroupTag: number | undefined
    if (sessionType === 'normal') {
      const text = values.get('TargetName')
      if (text === undefined) return new Refusal(LoginStatus.missingParameter, 'no TargetName')
      targetName = normalName(text)
      const target =
        targetName === undefined ? { kind: 'unknown' as const } : this.#options.directory.find(targetName)
      if ((target.kind === 'moved' || target.kind === 'unavailable') && target.initiators !== undefined) {
        if (!mayConnect({ initiators: target.initiators }, initiatorName)) return notListed()
      }
      switch (target.kind) {
        case 'unknown':
          return new Refusal(LoginStatus.notFound, 'no such target')
        case 'removed':
          return new Refusal(LoginStatus.targetRemoved, 'the target was removed')
        case 'unavailable':
          return new Refusal(LoginStatus.serviceUnavailable, 'nobody serves the target now')
        case 'moved':
          return new Refusal(
            target.permanently === true
              ? LoginStatus.targetMovedPermanently
              : LoginStatus.targetMovedTemporarily,
            'the target is elsewhere',
            [{ key: 'TargetAddress', value: target.address }],
          )
        case 'here':
          break
      }
      if (!mayConnect(target.access, initiatorName)) return notListed()
      credentials = target.access.chap
      portalGroupTag = target.portalGroupTag
      greetings.push({ key: 'TargetPortalGroupTag', value: String(portalGroupTag) })
      if (target.alias !== undefined) greetings.push({ key: 'TargetAlias', value: target.alias })
    }
    this.#identity = { sessionType, initiatorName, targetName, portalGroupTag, credentials }
    this.#negotiation = new Negotiation({ role: 'target', sessionType, wishes: this.#options.wishes })
    if (credentials.length === 0) this.#security = { kind: 'passed', user: undefined }
    return undefined
  }

  /** The security stage (§6.3.2, §12). */
  #secure(request: LoginRequest, pairs: readonly TextPair[]): readonly TextPair[] | Refusal {
    const chapPairs = new Map<string, string>()
    const others: TextPair[] = []
    let method: string | undefined
    for (const pair of pairs) {
      if (pair.key === 'AuthMethod') {
        if (method !== undefined) return new Refusal(LoginStatus.initiatorError, 'AuthMethod was sent twice')
        method = pair.value
      } else if (pair.key.startsWith('CHAP_')) {
        if (chapPairs.has(pair.key))
          return new Refusal(LoginStatus.initiatorError, `${pair.key} was sent twice`)
        chapPairs.set(pair.key, pair.value)
      } else others.push(pair)
    }
    const received = this.#negotiation!.receive(others, 'security')
    if (!received.ok) return new Refusal(LoginStatus.initiatorError, received.problem)
    const answers = [...received.answers]
    if (method !== undefined) {
      const chosen = this.#chooseMethod(method)
      if (chosen instanceof Refusal) return chosen
      answers.push({ key: 'AuthMethod', value: chosen })
    }
    const security = this.#security
    if (security.kind === 'chap') {
      const step = security.chap.step(chapPairs)
      if (step.kind === 'failed') {
        const status = step.malformed ? LoginStatus.initiatorError : LoginStatus.authenticationFailure
        return new Refusal(status, `CHAP: ${step.reason}`)
      }
      answers.push(...step.answers)
      if (step.kind === 'done') this.#security = { kind: 'passed', user: step.user }
    } else if (chapPairs.size > 0) {
      return new Refusal(LoginStatus.initiatorError, 'CHAP was not chosen')
    }
    if (request.transit && this.#security.kind === 'open') {
      return new Refusal(LoginStatus.authenticationFailure, 'authentication is required')
    }
    return answers
  }

  #chooseMethod(offer: string): string | Refusal {
    const methods = parseList(offer)
    if (methods === undefined) return new Refusal(LoginStatus.initiatorError, 'AuthMethod is no list')
    if (this.#security.kind === 'chap')
      return new Refusal(LoginStatus.initiatorError, 'AuthMethod was sent twice')
    const { credentials } = this.#identity!
    if (credentials.length === 0) {
      return methods.includes('None')
        ? 'None'
        : new Refusal(
            LoginStatus.authenticationFailure,
            'the initiator asks for authentication, there is none',
          )
    }
    if (!methods.includes('CHAP')) {
      return new Refusal(LoginStatus.authenticationFailure, 'authentication is required')
    }
    const { random, chapAlgorithms } = this.#options
    this.#security = {
      kind: 'chap',
      chap: new ChapTarget({
        credentials,
        random,
        ...(chapAlgorithms !== undefined && { algorithms: chapAlgorithms }),
      }),
    }
    return 'CHAP'
  }

  /** The operational stage (§6.3.3). */
  #operate(request: LoginRequest, pairs: readonly TextPair[]): readonly TextPair[] | Refusal {
    if (this.#security.kind !== 'passed') {
      return new Refusal(LoginStatus.authenticationFailure, 'authentication is required')
    }
    const negotiation = this.#negotiation!
    const received = negotiation.receive(pairs, 'operational')
    if (!received.ok) return new Refusal(LoginStatus.initiatorError, received.problem)
    return [...received.answers, ...negotiation.targetOffers(request.transit)]
  }

  /** Answers, and goes on to the next stage where both sides want to. */
  #transit(request: LoginRequest, answers: readonly TextPair[]): LoginStep | Refusal {
    const { nsg } = request
    const transit = request.transit && this.#security.kind === 'passed' && this.#negotiation!.settled
    if (!transit) return this.#respond(request, { transit: false, answers })
    if (nsg !== LoginStage.fullFeaturePhase) {
      this.#stage = LoginStage.operationalNegotiation
      return this.#respond(request, { transit: true, answers })
    }
    const unmet = this.#negotiation!.unmet()
    if (unmet !== undefined) return new Refusal(LoginStatus.initiatorError, unmet)
    const { credentials: _, ...identity } = this.#identity!
    assert(this.#security.kind === 'passed', 'nobody passes who has not proved himself')
    const { isid, cid } = request
    const claim = { ...identity, isid, cid, user: this.#security.user }
    const step = this.#respond(request, { transit: true, answers })
    if (step instanceof Refusal) return step
    const admission = this.#options.directory.admit(claim)
    if (admission.kind === 'full') return new Refusal(LoginStatus.outOfResources, 'no room for a session')
    this.#ended = true
    const { tsih } = admission
    const parameters = this.#negotiation!.result()
    const login = { ...claim, tsih, parameters, cmdSn: this.#first!.cmdSn, statSn: this.#statSn }
    return {
      response: { ...step.response, tsih },
      text: step.text,
      verdict: { kind: 'established', login },
    }
  }

  #respond(
    request: LoginRequest,
    options: { transit: boolean; answers: readonly TextPair[] },
  ): LoginStep | Refusal {
    const text = options.answers.length === 0 ? NO_TEXT : encodeText(options.answers)
    // The initiator takes 8192 bytes before anything else was agreed (§13.12).
    if (text.byteLength > TEXT_BYTES_MAX) return new Refusal(LoginStatus.initiatorError, 'too many keys')
    return {
      response: this.#header(request, LoginStatus.success, options.transit, text),
      text,
      verdict: { kind: 'continue' },
    }
  }

  #refuse(request: Answered, refusal: Refusal): LoginStep {
    this.#ended = true
    const { status, reason } = refusal
    const text = refusal.answers.length === 0 ? NO_TEXT : encodeText(refusal.answers)
    return {
      response: this.#header(request, status, false, text),
      text,
      verdict: { kind: 'refused', status, reason },
    }
  }

  #header(request: Answered, status: LoginStatus, transit: boolean, text: Uint8Array): Fields<LoginResponse> {
    const expCmdSn = this.#first?.cmdSn ?? request.cmdSn
    const statSn = this.#statSn
    this.#statSn = serialAdd(statSn, 1)
    return {
      transit,
      continue: false,
      csg: request.csg,
      nsg: transit ? request.nsg : 0,
      versionMax: VERSION,
      versionActive: VERSION,
      dataSegmentLength: text.byteLength,
      isid: request.isid,
      tsih: request.tsih,
      initiatorTaskTag: request.initiatorTaskTag,
      statSn,
      expCmdSn,
      maxCmdSn: serialAdd(expCmdSn, this.#options.queueDepth - 1),
      status,
    }
  }
}
