import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Role, SessionType } from './keys.ts'
import { Negotiation } from './negotiation.ts'
import type { TextPair } from './pairs.ts'
import {
  INITIATOR_WISHES,
  type OperationalParameters,
  type ParameterWishes,
  TARGET_WISHES,
} from './parameters.ts'

const start = (role: Role, wishes: Partial<ParameterWishes> = {}, sessionType: SessionType = 'normal') =>
  new Negotiation({
    role,
    sessionType,
    wishes: { ...(role === 'target' ? TARGET_WISHES : INITIATOR_WISHES), ...wishes },
  })

/** What a target answers to one pair in the operational stage: the value, or what went wrong. */
function answer(key: string, value: string, wishes: Partial<ParameterWishes> = {}, type?: SessionType) {
  const verdict = start('target', wishes, type).receive([{ key, value }], 'operational')
  return verdict.ok ? (verdict.answers[0]?.value ?? '(none)') : `problem: ${verdict.problem}`
}

/** A whole operational stage between two sides. */
function negotiate(
  initiator: Negotiation,
  target: Negotiation,
): [OperationalParameters, OperationalParameters] {
  let toTarget: readonly TextPair[] = initiator.initiatorOffers()
  for (let turn = 0; turn < 4; turn++) {
    const answers = target.receive(toTarget, 'operational')
    if (!answers.ok) throw new Error(answers.problem)
    const toInitiator = [...answers.answers, ...target.targetOffers(true)]
    const replies = initiator.receive(toInitiator, 'operational')
    if (!replies.ok) throw new Error(replies.problem)
    toTarget = replies.answers
    if (target.settled && toTarget.length === 0) break
  }
  expect([initiator.settled, target.settled]).toEqual([true, true])
  return [initiator.result(), target.result()]
}

describe('a target answers', () => {
  it.each<[string, string, string]>([
    // Lists: the first of the initiator's that the target takes.
    ['HeaderDigest', 'CRC32C,None', 'CRC32C'],
    ['HeaderDigest', 'None,CRC32C', 'None'],
    ['DataDigest', 'X-com.example.sum,CRC32C', 'CRC32C'],
    ['DataDigest', 'X-com.example.sum', 'Reject'],
    ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720'],
    ['TaskReporting', 'FastAbort', 'Reject'],
    // Numbers: both edges of the range, and the result function.
    ['MaxConnections', '1', '1'],
    ['MaxConnections', '65535', '1'],
    ['MaxConnections', '0', 'Reject'],
    ['MaxConnections', '65536', 'Reject'],
    ['MaxBurstLength', '512', '512'],
    ['MaxBurstLength', '511', 'Reject'],
    ['MaxBurstLength', '16777215', '1048576'],
    ['MaxBurstLength', '16777216', 'Reject'],
    ['FirstBurstLength', '512', '512'],
    ['FirstBurstLength', '511', 'Reject'],
    ['FirstBurstLength', '16777215', '262144'],
    ['FirstBurstLength', '16777216', 'Reject'],
    ['DefaultTime2Wait', '0', '2'],
    ['DefaultTime2Wait', '3600', '3600'],
    ['DefaultTime2Wait', '3601', 'Reject'],
    ['DefaultTime2Retain', '0', '0'],
    ['DefaultTime2Retain', '3600', '0'],
    ['DefaultTime2Retain', '3601', 'Reject'],
    ['MaxOutstandingR2T', '1', '1'],
    ['MaxOutstandingR2T', '65535', '4'],
    ['MaxOutstandingR2T', '0', 'Reject'],
    ['MaxOutstandingR2T', '65536', 'Reject'],
    ['ErrorRecoveryLevel', '0', '0'],
    ['ErrorRecoveryLevel', '2', '0'],
    ['ErrorRecoveryLevel', '3', 'Reject'],
    ['iSCSIProtocolLevel', '0', '0'],
    ['iSCSIProtocolLevel', '31', '1'],
    ['iSCSIProtocolLevel', '32', 'Reject'],
    ['MaxBurstLength', '0x1000', '4096'],
    ['MaxBurstLength', 'large', 'Reject'],
    // Booleans.
    ['InitialR2T', 'No', 'No'],
    ['InitialR2T', 'Yes', 'Yes'],
    ['InitialR2T', 'yes', 'Reject'],
    ['ImmediateData', 'Yes', 'Yes'],
    ['ImmediateData', 'No', 'No'],
    ['DataPDUInOrder', 'No', 'Yes'],
    ['DataPDUInOrder', 'Yes', 'Yes'],
    ['DataSequenceInOrder', 'No', 'Yes'],
    ['DataSequenceInOrder', 'Yes', 'Yes'],
    // Declared: nothing to answer.
    ['MaxRecvDataSegmentLength', '512', '(none)'],
    ['MaxRecvDataSegmentLength', '16777215', '(none)'],
    ['InitiatorAlias', 'a host', '(none)'],
    ['X#NodeArchitecture', 'x', '(none)'],
    // Obsoleted by RFC 7143 §13.25, never NotUnderstood.
    ['IFMarker', 'Yes', 'No'],
    ['OFMarker', 'No', 'No'],
    ['IFMarkInt', '1~65535', 'Reject'],
    ['OFMarkInt', '1', 'Reject'],
    // Strangers, and what only a target may say.
    ['X-com.example.key', 'v', 'NotUnderstood'],
    ['Unheard', 'v', 'NotUnderstood'],
    ['TargetAlias', 'x', 'Reject'],
    ['TargetPortalGroupTag', '1', 'Reject'],
  ])('%s=%s with %s', (key, value, expected) => expect(answer(key, value)).toBe(expected))

  it.each(['511', '16777216', '0', 'many'])('a segment length of %s with the end of the login', (value) => {
    expect(answer('MaxRecvDataSegmentLength', value)).toMatch(/^problem/)
  })

  it.each([
    'MaxConnections',
    'InitialR2T',
    'ImmediateData',
    'MaxBurstLength',
    'FirstBurstLength',
    'MaxOutstandingR2T',
    'DataPDUInOrder',
    'DataSequenceInOrder',
    'TaskReporting',
    'iSCSIProtocolLevel',
  ])('Irrelevant to %s in a discovery session', (key) =>
    expect(answer(key, '1', {}, 'discovery')).toBe('Irrelevant'),
  )

  it('in the spirit of its own wishes', () => {
    expect(answer('InitialR2T', 'No', { initialR2t: true })).toBe('Yes')
    expect(answer('ImmediateData', 'Yes', { immediateData: false })).toBe('No')
    expect(answer('HeaderDigest', 'None', { headerDigest: ['CRC32C'] })).toBe('Reject')
  })

  it('a first burst never above the burst, wherever that stands', () => {
    const target = start('target')
    const verdict = target.receive(
      [
        { key: 'FirstBurstLength', value: '65536' },
        { key: 'MaxBurstLength', value: '16384' },
      ],
      'operational',
    )
    expect(verdict).toEqual({
      ok: true,
      answers: [
        { key: 'MaxBurstLength', value: '16384' },
        { key: 'FirstBurstLength', value: '16384' },
      ],
    })
    expect(target.result().firstBurstLengthBytes).toBe(16384)
  })
})

describe('a key', () => {
  it('sent twice ends the login', () => {
    const target = start('target')
    expect(target.receive([{ key: 'InitialR2T', value: 'Yes' }], 'operational').ok).toBe(true)
    expect(target.receive([{ key: 'InitialR2T', value: 'Yes' }], 'operational').ok).toBe(false)
  })

  it('of the operational stage ends the login in the security stage, and is rejected after the login', () => {
    expect(start('target').receive([{ key: 'MaxBurstLength', value: '4096' }], 'security').ok).toBe(false)
    expect(start('target').receive([{ key: 'MaxBurstLength', value: '4096' }], 'full-feature')).toEqual({
      ok: true,
      answers: [{ key: 'MaxBurstLength', value: 'Reject' }],
    })
  })

  it('answered with a reserved word that nobody asked for ends the login', () => {
    expect(answer('InitialR2T', 'Irrelevant')).toMatch(/^problem/)
    expect(answer('Unheard', 'NotUnderstood')).toMatch(/^problem/)
  })

  it('that the initiator offered is answered within its result function', () => {
    const cases: [string, string, boolean][] = [
      ['MaxBurstLength', '1048576', true],
      ['MaxBurstLength', '1048577', false],
      ['DefaultTime2Wait', '3600', true],
      ['HeaderDigest', 'CRC32C', true],
      ['HeaderDigest', 'MD5', false],
      ['ImmediateData', 'No', true],
      ['DataPDUInOrder', 'No', false],
      ['MaxBurstLength', 'Reject', true],
      ['MaxBurstLength', 'Irrelevant', true],
    ]
    for (const [key, value, allowed] of cases) {
      const initiator = start('initiator')
      initiator.initiatorOffers()
      expect([key, initiator.receive([{ key, value }], 'operational').ok]).toEqual([key, allowed])
    }
  })
})

describe('both sides', () => {
  it('agree on the same parameters, whatever each wishes', () => {
    const length = fc.integer({ min: 512, max: 2 ** 24 - 1 })
    const digests = fc.constantFrom<ParameterWishes['headerDigest']>(
      ['CRC32C', 'None'],
      ['None', 'CRC32C'],
      ['None'],
    )
    const wishes = fc.record({
      headerDigest: digests,
      dataDigest: digests,
      initialR2t: fc.boolean(),
      immediateData: fc.boolean(),
      maxRecvDataSegmentLengthBytes: length,
      maxBurstLengthBytes: length,
      firstBurstLengthBytes: length,
      maxOutstandingR2t: fc.integer({ min: 1, max: 65535 }),
      defaultTime2WaitSeconds: fc.integer({ min: 0, max: 3600 }),
      defaultTime2RetainSeconds: fc.integer({ min: 0, max: 3600 }),
    })
    fc.assert(
      fc.property(wishes, wishes, fc.constantFrom<SessionType>('normal', 'discovery'), (a, b, type) => {
        const [i, t] = negotiate(start('initiator', a, type), start('target', b, type))
        expect(i).toEqual({
          ...t,
          maxRecvDataSegmentLengthBytes: t.maxSendDataSegmentLengthBytes,
          maxSendDataSegmentLengthBytes: t.maxRecvDataSegmentLengthBytes,
        })
        expect(t.maxRecvDataSegmentLengthBytes).toBe(b.maxRecvDataSegmentLengthBytes)
        expect(t.firstBurstLengthBytes).toBeLessThanOrEqual(t.maxBurstLengthBytes)
      }),
    )
  })

  it('have the defaults of the standard when nobody says a word', () => {
    expect(start('target').result()).toEqual({
      headerDigest: false,
      dataDigest: false,
      initialR2t: true,
      immediateData: true,
      maxRecvDataSegmentLengthBytes: 8192,
      maxSendDataSegmentLengthBytes: 8192,
      maxBurstLengthBytes: 262144,
      firstBurstLengthBytes: 65536,
      maxOutstandingR2t: 1,
      defaultTime2WaitSeconds: 2,
      defaultTime2RetainSeconds: 20,
    })
  })

  it('a target insists where the default does not suit, and waits for the answer', () => {
    const target = start('target', {
      maxBurstLengthBytes: 65536,
      firstBurstLengthBytes: 65536,
      headerDigest: ['CRC32C'],
    })
    expect(target.targetOffers(false).map((pair) => pair.key)).toEqual(['MaxRecvDataSegmentLength'])
    expect(target.unmet()).toMatch(/HeaderDigest/)
    expect(target.targetOffers(true)).toEqual([
      { key: 'HeaderDigest', value: 'CRC32C' },
      { key: 'MaxBurstLength', value: '65536' },
    ])
    expect(target.settled).toBe(false)
    const verdict = target.receive(
      [
        { key: 'MaxBurstLength', value: '32768' },
        { key: 'HeaderDigest', value: 'CRC32C' },
      ],
      'operational',
    )
    expect(verdict).toEqual({ ok: true, answers: [] })
    expect([target.settled, target.unmet()]).toEqual([true, undefined])
    expect(target.result()).toMatchObject({ maxBurstLengthBytes: 32768, headerDigest: true })
  })
})
