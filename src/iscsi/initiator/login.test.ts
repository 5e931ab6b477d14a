import { describe, expect, it } from 'vitest'
import { type ChapCredential, OPEN_ACCESS } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import { TargetLogin } from '../login/target-login.ts'
import type { LoginRequest, LoginResponse } from '../pdu/login.ts'
import { LoginStage, LoginStatus, Opcode } from '../pdu/opcodes.ts'
import { encodeText } from '../text/pairs.ts'
import { INITIATOR_WISHES, type ParameterWishes, TARGET_WISHES } from '../text/parameters.ts'
import { InitiatorLogin, type LoginOptions, type LoginStep, parseTargetAddress } from './login.ts'
import { LOGIN_ANSWER, pairsOf } from './scripted-target.ts'

let next = 0
const random = {
  bytes: (lengthBytes: number) => Uint8Array.from({ length: lengthBytes }, () => next++),
  u64: () => BigInt(++next),
  integer: (limit: number) => next++ % limit,
}
const OURS = Secret.fromText('a secret of twelve or more')
const THEIRS = Secret.fromText('another secret altogether')
const alice: ChapCredential = { user: 'alice', secret: OURS }
const mutual: ChapCredential = { ...alice, mutual: { user: 'target', secret: THEIRS } }

const initiator = (options: Partial<LoginOptions> = {}): InitiatorLogin =>
  new InitiatorLogin({
    initiatorName: 'iqn.2026-11.io.basalt:test',
    targetName: 'iqn.2026-11.io.basalt:volume',
    wishes: INITIATOR_WISHES,
    isid: 0x800000000001,
    cmdSn: 5,
    random,
    ...options,
  })

/** Runs a login against a target's state machine; returns the last step and the number of requests. */
function run(
  options: Partial<LoginOptions>,
  target: { chap?: readonly ChapCredential[]; wishes?: ParameterWishes } = {},
): { last: LoginStep; requests: number } {
  const login = initiator(options)
  const { chap = [], wishes = TARGET_WISHES } = target
  const peer = new TargetLogin({
    wishes,
    random,
    queueDepth: 32,
    directory: {
      find: () => ({ kind: 'here', access: { ...OPEN_ACCESS, chap }, portalGroupTag: 3 }),
      discoveryChap: chap,
      hasSession: () => false,
      admit: () => ({ kind: 'admitted', tsih: 17 }),
    },
  })
  let step = login.first()
  let requests = 0
  while (step.kind === 'send') {
    requests++
    const { response, text } = peer.step({ opcode: Opcode.loginRequest, ...step.request }, step.data)
    step = login.receive({ opcode: Opcode.loginResponse, ...response }, text)
  }
  return { last: step, requests }
}

const codeOf = (step: LoginStep): string => (step.kind === 'failed' ? step.error.code : step.kind)

describe('against a target’s state machine', () => {
  it('takes one exchange when there is nothing to prove', () => {
    const { last, requests } = run({})
    expect(requests).toBe(1)
    expect(last).toMatchObject({
      kind: 'done',
      result: {
        tsih: 17,
        expCmdSn: 5,
        targetPortalGroupTag: '3',
        parameters: { initialR2t: false, immediateData: true, headerDigest: false },
      },
    })
  })

  it('passes the security stage without a secret when it is told to', () => {
    expect(run({ securityStage: true })).toMatchObject({ requests: 2, last: { kind: 'done' } })
  })

  it('proves itself, and goes on without when the target does not care', () => {
    expect(codeOf(run({ chap: alice }, { chap: [alice] }).last)).toBe('done')
    expect(codeOf(run({ chap: alice }).last)).toBe('done')
  })

  it('has the target prove itself', () => {
    expect(codeOf(run({ chap: mutual }, { chap: [mutual] }).last)).toBe('done')
  })

  it('does not go on with a target that has no proof, or a wrong one', () => {
    const impostor = { ...alice, mutual: { user: 'target', secret: Secret.fromText('not that secret') } }
    expect(codeOf(run({ chap: mutual }, { chap: [impostor] }).last)).toBe('ACCESS_DENIED')
    expect(codeOf(run({ chap: mutual }).last)).toBe('ACCESS_DENIED')
  })

  it('is refused with a wrong secret or none', () => {
    const wrong = { user: 'alice', secret: Secret.fromText('a wrong secret here') }
    expect(codeOf(run({ chap: wrong }, { chap: [alice] }).last)).toBe('ACCESS_DENIED')
    expect(codeOf(run({}, { chap: [alice] }).last)).toBe('ACCESS_DENIED')
  })

  it('agrees on digests, and fails where one side insists and the other refuses', () => {
    const digests = { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] } as const
    const { last } = run({ wishes: { ...INITIATOR_WISHES, ...digests } })
    expect(last).toMatchObject({ result: { parameters: { headerDigest: true, dataDigest: true } } })
    const none = { ...TARGET_WISHES, headerDigest: ['None'], dataDigest: ['None'] } as const
    expect(codeOf(run({ wishes: { ...INITIATOR_WISHES, ...digests } }, { wishes: none }).last)).toBe(
      'PROTOCOL',
    )
  })

  it('opens a discovery session', () => {
    const login = new InitiatorLogin({
      initiatorName: 'iqn.2026-11.io.basalt:test',
      wishes: INITIATOR_WISHES,
      isid: 1,
      cmdSn: 1,
      random,
    })
    const first = login.first()
    expect(first.kind === 'send' && pairsOf(first.data)).toMatchObject({ SessionType: 'Discovery' })
  })
})

describe('against a scripted target', () => {
  const request = (step: LoginStep): LoginRequest => {
    if (step.kind !== 'send') throw new Error(`${step.kind} instead of send`)
    return { opcode: Opcode.loginRequest, ...step.request }
  }
  const response = (fields: Partial<LoginResponse> = {}): LoginResponse => ({
    opcode: Opcode.loginResponse,
    transit: true,
    continue: false,
    csg: LoginStage.operationalNegotiation,
    nsg: LoginStage.fullFeaturePhase,
    versionMax: 0,
    versionActive: 0,
    dataSegmentLength: 0,
    isid: 0x800000000001,
    tsih: 1,
    initiatorTaskTag: 1,
    statSn: 1,
    expCmdSn: 5,
    maxCmdSn: 5,
    status: LoginStatus.success,
    ...fields,
  })
  const text = (pairs: Readonly<Record<string, string>>): Uint8Array =>
    encodeText(Object.entries(pairs).map(([key, value]) => ({ key, value })))
  const ANSWER = text(LOGIN_ANSWER)
  const SECURITY = { csg: LoginStage.securityNegotiation, nsg: LoginStage.operationalNegotiation } as const

  it('joins an answer that comes in several PDUs, and acknowledges each', () => {
    const login = initiator()
    login.first()
    const half = ANSWER.subarray(0, 50)
    const step = login.receive(response({ transit: false, continue: true, statSn: 9 }), half)
    expect(request(step)).toMatchObject({ transit: false, dataSegmentLength: 0, expStatSn: 10 })
    expect(login.receive(response({ statSn: 10 }), ANSWER.subarray(50)).kind).toBe('done')
  })

  it('asks again while the target does not let it on', () => {
    const login = initiator()
    login.first()
    const step = login.receive(response({ transit: false }), ANSWER)
    expect(request(step)).toMatchObject({ transit: true, dataSegmentLength: 0 })
    expect(login.receive(response(), new Uint8Array(0)).kind).toBe('done')
  })

  it('does not go in circles for ever', () => {
    const login = initiator()
    let step = login.first()
    for (let i = 0; i < 100 && step.kind === 'send'; i++) {
      step = login.receive(response({ transit: false }), new Uint8Array(0))
    }
    expect(codeOf(step)).toBe('PROTOCOL')
  })

  it('does not let a target skip its own proof', () => {
    const login = initiator({ chap: mutual })
    login.first()
    login.receive(response({ ...SECURITY, transit: false }), text({ AuthMethod: 'CHAP' }))
    const challenge = text({ CHAP_A: '7', CHAP_I: '1', CHAP_C: `0x${'ab'.repeat(32)}` })
    const proof = login.receive(response({ ...SECURITY, transit: false }), challenge)
    expect(request(proof).transit).toBe(true)
    expect(['PROTOCOL', 'ACCESS_DENIED']).toContain(
      codeOf(login.receive(response(SECURITY), new Uint8Array(0))),
    )
  })

  it.each<[string, Partial<LoginOptions>, Partial<LoginResponse>, Record<string, string>]>([
    ['keys are left unanswered', {}, {}, { HeaderDigest: 'None' }],
    ['an answer is out of range', {}, {}, { ...LOGIN_ANSWER, MaxBurstLength: '99999999' }],
    ['the stage is another', {}, { csg: LoginStage.securityNegotiation }, LOGIN_ANSWER],
    ['the next stage is another', {}, { nsg: LoginStage.operationalNegotiation }, LOGIN_ANSWER],
    ['the task tag is another', {}, { initiatorTaskTag: 2 }, LOGIN_ANSWER],
    ['a response is both last and to be continued', {}, { continue: true }, LOGIN_ANSWER],
    ['the stage ends before the proof', { chap: alice }, SECURITY, { AuthMethod: 'CHAP' }],
    ['the challenge comes twice', { chap: alice }, SECURITY, { AuthMethod: 'CHAP', CHAP_A: '7' }],
  ])('fails when %s', (_, options, fields, pairs) => {
    const login = initiator(options)
    login.first()
    expect(codeOf(login.receive(response(fields), text(pairs)))).toBe('PROTOCOL')
  })

  it('fails when there is no common method', () => {
    const login = initiator({ chap: alice })
    login.first()
    expect(codeOf(login.receive(response(SECURITY), text({ AuthMethod: 'KRB5' })))).toBe('ACCESS_DENIED')
  })
})

describe('parseTargetAddress', () => {
  it.each([
    ['10.0.0.1', { host: '10.0.0.1', port: 3260 }],
    ['10.0.0.1:860,7', { host: '10.0.0.1', port: 860 }],
    ['storage.example.org,1', { host: 'storage.example.org', port: 3260 }],
    ['[fd00::1]:3261,1', { host: 'fd00::1', port: 3261 }],
    ['[fd00::1]', { host: 'fd00::1', port: 3260 }],
    ['', undefined],
    ['a b:1', undefined],
    ['host:99999', undefined],
  ])('reads %j', (address, expected) => {
    expect(parseTargetAddress(address)).toEqual(expected)
  })
})
