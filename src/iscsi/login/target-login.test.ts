import { describe, expect, it } from 'vitest'
import type { Random } from '../../base/ports/random.ts'
import { type ChapCredential, OPEN_ACCESS } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import type { LoginRequest } from '../pdu/login.ts'
import { LoginStage, LoginStatus, Opcode } from '../pdu/opcodes.ts'
import { encodeText, parseText, type TextPair } from '../text/pairs.ts'
import { TARGET_WISHES } from '../text/parameters.ts'
import { ChapInitiator } from './chap.ts'
import type { LoginDirectory, TargetVerdict } from './directory.ts'
import { type LoginStep, TargetLogin } from './target-login.ts'

const {
  securityNegotiation: SECURITY,
  operationalNegotiation: OPERATIONAL,
  fullFeaturePhase: FULL,
} = LoginStage
const INITIATOR = 'iqn.2026-11.org.example:host'
const TARGET = 'iqn.2026-11.io.basalt:vol'
const alice: ChapCredential = { user: 'alice', secret: Secret.fromText('correct horse battery') }

let next = 0
const random: Random = {
  bytes: (lengthBytes) => Uint8Array.from({ length: lengthBytes }, () => next++),
  u64: () => BigInt(++next),
  integer: (limit) => next++ % limit,
}

interface Setup {
  target?: TargetVerdict
  chap?: readonly ChapCredential[]
  full?: boolean
  known?: boolean
}

function start(setup: Setup = {}): TargetLogin {
  const directory: LoginDirectory = {
    find: (name) =>
      name !== TARGET
        ? { kind: 'unknown' }
        : (setup.target ?? {
            kind: 'here',
            access: { ...OPEN_ACCESS, chap: setup.chap ?? [] },
            portalGroupTag: 3,
            alias: 'a volume',
          }),
    discoveryChap: [],
    hasSession: () => setup.known ?? false,
    admit: () => (setup.full === true ? { kind: 'full' } : { kind: 'admitted', tsih: 17 }),
  }
  return new TargetLogin({ directory, wishes: TARGET_WISHES, random, queueDepth: 64 })
}

const request = (fields: Partial<LoginRequest> = {}): LoginRequest => ({
  opcode: Opcode.loginRequest,
  transit: true,
  continue: false,
  csg: OPERATIONAL,
  nsg: FULL,
  versionMax: 0,
  versionMin: 0,
  dataSegmentLength: 0,
  isid: 0x4000_0137_0001,
  tsih: 0,
  initiatorTaskTag: 7,
  cid: 0,
  cmdSn: 100,
  expStatSn: 0,
  ...fields,
})

const text = (pairs: Readonly<Record<string, string>>): Uint8Array =>
  encodeText(Object.entries(pairs).map(([key, value]) => ({ key, value })))

const NAMES = { InitiatorName: INITIATOR, TargetName: TARGET, SessionType: 'Normal' }

function answersOf(step: LoginStep): Readonly<Record<string, string>> {
  const verdict = parseText(step.text)
  if (!verdict.ok) throw new Error(verdict.problem)
  return Object.fromEntries(verdict.pairs.map(({ key, value }) => [key, value]))
}

const refusal = (step: LoginStep): number | undefined =>
  step.verdict.kind === 'refused' ? step.verdict.status : undefined

describe('a login in the operational stage alone', () => {
  it('is established in one exchange', () => {
    const step = start().step(
      request(),
      text({ ...NAMES, HeaderDigest: 'CRC32C,None', MaxBurstLength: '65536' }),
    )
    expect(step.response).toMatchObject({
      transit: true,
      csg: OPERATIONAL,
      nsg: FULL,
      tsih: 17,
      status: 0,
      initiatorTaskTag: 7,
      expCmdSn: 100,
      maxCmdSn: 163,
    })
    expect(answersOf(step)).toEqual({
      TargetPortalGroupTag: '3',
      TargetAlias: 'a volume',
      HeaderDigest: 'CRC32C',
      MaxBurstLength: '65536',
      MaxRecvDataSegmentLength: '262144',
    })
    expect(step.verdict).toMatchObject({
      kind: 'established',
      login: {
        sessionType: 'normal',
        initiatorName: INITIATOR,
        targetName: TARGET,
        tsih: 17,
        cmdSn: 100,
        user: undefined,
        parameters: { headerDigest: true, dataDigest: false, maxBurstLengthBytes: 65536 },
      },
    })
    if (step.verdict.kind === 'established') expect(step.verdict.login.statSn).toBe(step.response.statSn + 1)
  })

  it('may take several requests, the text of one cut by the C bit', () => {
    const login = start()
    const whole = text(NAMES)
    const first = login.step(request({ transit: false, continue: true }), whole.subarray(0, 20))
    expect(first.response).toMatchObject({ transit: false, continue: false, status: 0 })
    expect(first.text.byteLength).toBe(0)
    const second = login.step(request({ transit: false }), whole.subarray(20))
    expect(answersOf(second)).toMatchObject({ TargetPortalGroupTag: '3' })
    const third = login.step(request(), text({ InitialR2T: 'No' }))
    expect(third.verdict.kind).toBe('established')
    expect(third.response.statSn).toBe(first.response.statSn + 2)
  })

  it('takes names without regard to case, as iSCSI compares them', () => {
    const step = start().step(request(), text({ ...NAMES, InitiatorName: 'IQN.2026-11.org.Example:HOST' }))
    expect(step.verdict).toMatchObject({ login: { initiatorName: INITIATOR } })
  })

  it('of discovery needs no target', () => {
    const step = start().step(request(), text({ InitiatorName: INITIATOR, SessionType: 'Discovery' }))
    expect(step.verdict).toMatchObject({
      kind: 'established',
      login: { sessionType: 'discovery', targetName: undefined },
    })
    expect(answersOf(step).TargetPortalGroupTag).toBeUndefined()
  })
})

describe('a login with a security stage', () => {
  it('may skip the operational one; the defaults hold', () => {
    const step = start().step(request({ csg: SECURITY }), text({ ...NAMES, AuthMethod: 'CHAP,None' }))
    expect(answersOf(step)).toMatchObject({ AuthMethod: 'None' })
    expect(step.verdict).toMatchObject({
      kind: 'established',
      login: { parameters: { maxRecvDataSegmentLengthBytes: 8192, initialR2t: true } },
    })
  })

  it('proves the initiator by CHAP, and goes on only then', () => {
    const login = start({ chap: [alice] })
    const security = { csg: SECURITY, nsg: OPERATIONAL }
    const chap = new ChapInitiator({ credential: alice, random, algorithms: ['sha256'] })
    const pairs = (record: Readonly<Record<string, string>>) =>
      new Map(Object.entries(record).filter(([key]) => key.startsWith('CHAP_')))
    const send = (from: readonly TextPair[]) => login.step(request(security), encodeText(from))
    const offer = chap.step(new Map())

    const first = login.step(request(security), text({ ...NAMES, AuthMethod: 'CHAP,None' }))
    expect([first.response.transit, answersOf(first).AuthMethod]).toEqual([false, 'CHAP'])
    const second = send(offer.kind === 'continue' ? offer.answers : [])
    expect(second.response.transit).toBe(false)
    const answer = chap.step(pairs(answersOf(second)))
    const third = send(answer.kind === 'done' ? answer.answers : [])
    expect(third.response).toMatchObject({ transit: true, nsg: OPERATIONAL })
    const last = login.step(request(), text({}))
    expect(last.verdict).toMatchObject({ kind: 'established', login: { user: 'alice' } })
  })

  it('is refused without the method, without the stage, with a wrong secret', () => {
    const without = { csg: SECURITY, nsg: OPERATIONAL } as const
    const cases: [Partial<LoginRequest>, Readonly<Record<string, string>>][] = [
      [without, { AuthMethod: 'None' }],
      [without, { AuthMethod: 'SRP' }],
      [without, {}],
      [{ csg: SECURITY, nsg: FULL }, {}],
      [{ csg: OPERATIONAL, nsg: FULL }, {}],
    ]
    for (const [fields, pairs] of cases) {
      const step = start({ chap: [alice] }).step(request(fields), text({ ...NAMES, ...pairs }))
      expect(refusal(step)).toBe(LoginStatus.authenticationFailure)
      expect(step.text.byteLength).toBe(0)
    }
    const login = start({ chap: [alice] })
    login.step(request({ ...without, transit: false }), text({ ...NAMES, AuthMethod: 'CHAP' }))
    login.step(request(without), text({ CHAP_A: '5' }))
    const step = login.step(request(without), text({ CHAP_N: 'alice', CHAP_R: `0x${'00'.repeat(16)}` }))
    expect(refusal(step)).toBe(LoginStatus.authenticationFailure)
  })

  it('is refused when the initiator insists on proof that nobody can check', () => {
    const step = start().step(request({ csg: SECURITY }), text({ ...NAMES, AuthMethod: 'CHAP' }))
    expect(refusal(step)).toBe(LoginStatus.authenticationFailure)
  })
})

describe('a first request is refused', () => {
  const status = (
    fields: Partial<LoginRequest>,
    pairs: Readonly<Record<string, string>>,
    setup: Setup = {},
  ): number | undefined => refusal(start(setup).step(request(fields), text(pairs)))
  const { InitiatorName, TargetName } = NAMES

  it.each<[string, number, Partial<LoginRequest>, Readonly<Record<string, string>>, Setup?]>([
    ['without InitiatorName', LoginStatus.missingParameter, {}, { TargetName }],
    ['without TargetName', LoginStatus.missingParameter, {}, { InitiatorName }],
    [
      'with a name that is none',
      LoginStatus.initiatorError,
      {},
      { ...NAMES, InitiatorName: 'iqn.2026-11.org.exämple' },
    ],
    [
      'with a name of 224 bytes',
      LoginStatus.initiatorError,
      {},
      { ...NAMES, InitiatorName: `iqn.${'a'.repeat(220)}` },
    ],
    ['for an unknown target', LoginStatus.notFound, {}, { ...NAMES, TargetName: `${TARGET}2` }],
    ['for a target that is no name', LoginStatus.notFound, {}, { ...NAMES, TargetName: '../etc' }],
    ['for a removed target', LoginStatus.targetRemoved, {}, NAMES, { target: { kind: 'removed' } }],
    [
      'for one that nobody serves now',
      LoginStatus.serviceUnavailable,
      {},
      NAMES,
      { target: { kind: 'unavailable' } },
    ],
    [
      'by a stranger',
      LoginStatus.authorizationFailure,
      {},
      NAMES,
      { target: { kind: 'here', access: { ...OPEN_ACCESS, initiators: ['iqn.other'] }, portalGroupTag: 1 } },
    ],
    ['with a strange SessionType', LoginStatus.sessionTypeNotSupported, {}, { ...NAMES, SessionType: 'Odd' }],
    ['with a later version', LoginStatus.unsupportedVersion, { versionMin: 1 }, NAMES],
    ['for a session that is not there', LoginStatus.sessionDoesNotExist, { tsih: 5 }, NAMES],
    ['for a second connection', LoginStatus.tooManyConnections, { tsih: 5 }, NAMES, { known: true }],
    ['in stage 2', LoginStatus.initiatorError, { csg: 2 }, NAMES],
    ['in full feature', LoginStatus.initiatorError, { csg: FULL }, NAMES],
    ['going back', LoginStatus.initiatorError, { csg: OPERATIONAL, nsg: SECURITY }, NAMES],
    ['going to stage 2', LoginStatus.initiatorError, { nsg: 2 }, NAMES],
    ['with T and C', LoginStatus.initiatorError, { continue: true }, NAMES],
    ['with a bad value', LoginStatus.initiatorError, {}, { ...NAMES, MaxRecvDataSegmentLength: '1' }],
    ['when the house is full', LoginStatus.outOfResources, {}, NAMES, { full: true }],
  ])('%s', (_name, expected, fields, pairs, setup) => {
    expect(status(fields, pairs, setup)).toBe(expected)
  })

  it('with the way to the target when that is elsewhere', () => {
    const moved = { kind: 'moved', address: '10.0.0.2:3260,1' } as const
    const step = start({ target: moved }).step(request(), text(NAMES))
    expect(refusal(step)).toBe(LoginStatus.targetMovedTemporarily)
    expect(answersOf(step)).toEqual({ TargetAddress: '10.0.0.2:3260,1' })
    expect(step.response).toMatchObject({ transit: false, status: 0x0101 })
    expect(status({}, NAMES, { target: { ...moved, permanently: true } })).toBe(
      LoginStatus.targetMovedPermanently,
    )
  })

  it('with text that is malformed, twice the same key, or too long', () => {
    const login = () => start()
    expect(refusal(login().step(request(), Buffer.from('InitiatorName')))).toBe(LoginStatus.initiatorError)
    const twice = encodeText([...['a', 'a'].map(() => ({ key: 'HeaderDigest', value: 'None' }))])
    const names = text(NAMES)
    expect(refusal(login().step(request(), Buffer.concat([names, twice])))).toBe(LoginStatus.initiatorError)
    expect(refusal(login().step(request(), new Uint8Array(8193)))).toBe(LoginStatus.initiatorError)
    const many = encodeText(Array.from({ length: 200 }, (_, i) => ({ key: `X-k${i}`, value: '' })))
    expect(refusal(login().step(request(), Buffer.concat([names, many])))).toBe(LoginStatus.initiatorError)
  })
})

describe('a login that goes astray', () => {
  it.each<[string, Partial<LoginRequest>]>([
    ['another stage', { csg: SECURITY, nsg: OPERATIONAL }],
    ['another ISID', { isid: 1 }],
    ['another CID', { cid: 9 }],
    ['another TSIH', { tsih: 3 }],
  ])('ends with %s in the middle', (_name, fields) => {
    const login = start()
    login.step(request({ transit: false }), text(NAMES))
    expect(refusal(login.step(request(fields), text({})))).toBe(LoginStatus.initiatorError)
  })

  it('ends after too many requests', () => {
    const login = start()
    let step = login.step(request({ transit: false }), text(NAMES))
    let count = 1
    for (; step.verdict.kind === 'continue' && count < 1000; count++) {
      step = login.step(request({ transit: false }), text({}))
    }
    expect([refusal(step), count]).toEqual([LoginStatus.initiatorError, 65])
  })
})
