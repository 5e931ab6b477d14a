/**
 * Negotiation of the operational keys (RFC 7143 §6.2), for either side. It takes the pairs that came, gives the
 * pairs to answer with, and knows what was agreed; the table in `keys.ts` has the rules. Pure: the login and the
 * session decide when something is sent.
 *
 * Always true: a key comes at most once from each side in one login; an agreed value satisfies the key's result
 * function over both sides' values; a key that was refused keeps its default.
 */
import { assert } from '../../base/assert.ts'
import { combine, parseValue, satisfies, type Value } from './combine.ts'
import {
  KEYS,
  type KeyName,
  type KeySpec,
  keySpec,
  type Role,
  type SessionType,
  type TextStage,
} from './keys.ts'
import type { TextPair } from './pairs.ts'
import { SIMPLE_VALUE_BYTES_MAX } from './pairs.ts'
import type { OperationalParameters, ParameterWishes } from './parameters.ts'
import { formatBoolean, IRRELEVANT, isReservedAnswer, NOT_UNDERSTOOD, REJECT } from './values.ts'

export type NegotiationVerdict =
  | { readonly ok: true; readonly answers: readonly TextPair[] }
  | { readonly ok: false; readonly problem: string }

/** The keys that an initiator offers. `DefaultTime2Retain` and the like matter to nobody when they are not offered. */
const OFFERED: readonly KeyName[] = [
  'HeaderDigest',
  'DataDigest',
  'MaxRecvDataSegmentLength',
  'DefaultTime2Wait',
  'DefaultTime2Retain',
  'ErrorRecoveryLevel',
  'MaxConnections',
  'InitialR2T',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
  'MaxOutstandingR2T',
  'DataPDUInOrder',
  'DataSequenceInOrder',
]
/** What a target insists on when the initiator leaves it at a default that does not suit. */
const INSISTED = [
  'HeaderDigest',
  'DataDigest',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
] as const

const ok = (answers: readonly TextPair[]): NegotiationVerdict => ({ ok: true, answers })
const fail = (problem: string): NegotiationVerdict => ({ ok: false, problem })

export class Negotiation {
  readonly #role: Role
  readonly #sessionType: SessionType
  readonly #ours: ReadonlyMap<string, Value>
  readonly #agreed = new Map<string, Value>()
  readonly #declared = new Map<string, string>()
  readonly #received = new Set<string>()
  /** Keys that this side sent, with the value; and those among them that the other side still owes. */
  readonly #offered = new Set<string>()
  readonly #unanswered = new Set<string>()

  constructor(options: { role: Role; sessionType: SessionType; wishes: ParameterWishes }) {
    this.#role = options.role
    this.#sessionType = options.sessionType
    this.#ours = valuesOf(options.wishes)
  }

  /** Whether the other side has answered all that this side offered. */
  get settled(): boolean {
    return this.#unanswered.size === 0
  }

  /** Everything that an initiator offers in its first operational request. */
  initiatorOffers(): readonly TextPair[] {
    assert(this.#role === 'initiator', 'an initiator offers first')
    return this.#offer(OFFERED.filter((key) => this.#relevant(KEYS[key])))
  }

  /**
   * What a target has to say of its own. `closing`: the initiator wants to leave the stage, so what it did not
   * offer by now it will not offer.
   */
  targetOffers(closing: boolean): readonly TextPair[] {
    assert(this.#role === 'target', 'a target offers last')
    const keys: KeyName[] = this.#offered.has('MaxRecvDataSegmentLength') ? [] : ['MaxRecvDataSegmentLength']
    if (closing) {
      for (const key of INSISTED) {
        const spec = KEYS[key]
        if (this.#offered.has(key) || this.#received.has(key) || !this.#relevant(spec)) continue
        if (combine(spec, this.#ours.get(key)!, format(spec.initial)) !== spec.initial) keys.push(key)
      }
    }
    return this.#offer(keys)
  }

  /** Takes pairs that came in one text. */
  receive(pairs: readonly TextPair[], stage: TextStage): NegotiationVerdict {
    const answers: TextPair[] = []
    // FirstBurstLength is bounded by the burst length, which may stand behind it.
    const ordered = pairs.some(({ key }) => key === 'FirstBurstLength')
      ? [...pairs].sort((a, b) => Number(a.key === 'FirstBurstLength') - Number(b.key === 'FirstBurstLength'))
      : pairs
    for (const { key, value } of ordered) {
      if (this.#received.has(key)) return fail(`${key} was sent twice`)
      this.#received.add(key)
      const answer = this.#unanswered.delete(key)
        ? this.#conclude(key, value)
        : this.#respond(key, value, stage)
      if (!answer.ok) return answer
      answers.push(...answer.answers)
    }
    return ok(answers)
  }

  /** A declared text such as an alias, as it came. */
  declared(key: KeyName): string | undefined {
    return this.#declared.get(key)
  }

  /** What this side requires and did not get; undefined when the result will do. */
  unmet(): string | undefined {
    for (const key of ['HeaderDigest', 'DataDigest'] as const) {
      const accepted = this.#ours.get(key) as readonly string[]
      if (!accepted.includes(this.#value(key) as string)) return `${key}=${this.#value(key)} does not do`
    }
    return undefined
  }

  /** What holds now; final when the login is. */
  result(): OperationalParameters {
    const number = (key: KeyName): number => this.#value(key) as number
    const maxBurstLengthBytes = number('MaxBurstLength')
    return {
      headerDigest: this.#value('HeaderDigest') === 'CRC32C',
      dataDigest: this.#value('DataDigest') === 'CRC32C',
      initialR2t: this.#value('InitialR2T') as boolean,
      immediateData: this.#value('ImmediateData') as boolean,
      maxRecvDataSegmentLengthBytes: this.#offered.has('MaxRecvDataSegmentLength')
        ? (this.#ours.get('MaxRecvDataSegmentLength') as number)
        : KEYS.MaxRecvDataSegmentLength.initial,
      maxSendDataSegmentLengthBytes: number('MaxRecvDataSegmentLength'),
      maxBurstLengthBytes,
      firstBurstLengthBytes: Math.min(number('FirstBurstLength'), maxBurstLengthBytes),
      maxOutstandingR2t: number('MaxOutstandingR2T'),
      defaultTime2WaitSeconds: number('DefaultTime2Wait'),
      defaultTime2RetainSeconds: number('DefaultTime2Retain'),
    }
  }

  #value(key: KeyName): Value {
    const spec: KeySpec = KEYS[key]
    assert('initial' in spec, `${key} has a value`)
    return this.#agreed.get(key) ?? spec.initial
  }

  #relevant(spec: KeySpec): boolean {
    return this.#sessionType === 'normal' || !spec.normalOnly
  }

  #offer(keys: readonly KeyName[]): readonly TextPair[] {
    return keys.map((key) => {
      const spec: KeySpec = KEYS[key]
      this.#offered.add(key)
      if (!(spec.kind === 'number' && spec.result === 'declared')) this.#unanswered.add(key)
      return { key, value: format(this.#ours.get(key)!) }
    })
  }

  /** The other side answers what this side offered. */
  #conclude(key: string, value: string): NegotiationVerdict {
    if (isReservedAnswer(value)) return ok([])
    const spec = keySpec(key)!
    const answer = parseValue(spec, value)
    if (answer === undefined || !satisfies(spec, this.#ours.get(key)!, answer)) {
      return fail(`${key}=${value} is no answer to ${format(this.#ours.get(key)!)}`)
    }
    this.#agreed.set(key, answer)
    return ok([])
  }

  /** The other side states or proposes something. */
  #respond(key: string, value: string, stage: TextStage): NegotiationVerdict {
    const say = (answer: string): NegotiationVerdict => ok([{ key, value: answer }])
    const spec = keySpec(key)
    if (isReservedAnswer(value)) return fail(`${key}=${value} answers nothing`)
    if (spec === undefined) return say(NOT_UNDERSTOOD)
    const peer: Role = this.#role === 'target' ? 'initiator' : 'target'
    if (!spec.senders.includes(peer)) return say(REJECT)
    if (!spec.stages.includes(stage))
      return stage === 'full-feature' ? say(REJECT) : fail(`${key} comes too early`)
    if (!this.#relevant(spec)) return say(IRRELEVANT)
    if (spec.kind === 'obsolete') return say(spec.answer)
    if (spec.kind === 'text') {
      if (Buffer.byteLength(value) > spec.bytesMax) return fail(`${key} is too long`)
      this.#declared.set(key, value)
      return ok([])
    }
    if (spec.kind !== 'list' && value.length > SIMPLE_VALUE_BYTES_MAX) return fail(`${key} is too long`)
    if (spec.kind === 'number' && spec.result === 'declared') {
      const declared = parseValue(spec, value)
      if (declared === undefined) return fail(`${key}=${value} is out of range`)
      this.#agreed.set(key, declared)
      return ok([])
    }
    const agreed = combine(spec, this.#bounded(key), value)
    if (agreed === undefined) return say(REJECT)
    this.#agreed.set(key, agreed)
    return say(format(agreed))
  }

  #bounded(key: string): Value {
    const ours = this.#ours.get(key)!
    return key === 'FirstBurstLength'
      ? Math.min(ours as number, this.#value('MaxBurstLength') as number)
      : ours
  }
}

function format(value: Value): string {
  if (typeof value === 'boolean') return formatBoolean(value)
  return typeof value === 'object' ? value.join(',') : String(value)
}

/** This side's value of each key that has one. */
function valuesOf(wishes: ParameterWishes): ReadonlyMap<string, Value> {
  const values: Partial<Record<KeyName, Value>> = {
    HeaderDigest: wishes.headerDigest,
    DataDigest: wishes.dataDigest,
    MaxConnections: 1,
    InitialR2T: wishes.initialR2t,
    ImmediateData: wishes.immediateData,
    MaxRecvDataSegmentLength: wishes.maxRecvDataSegmentLengthBytes,
    MaxBurstLength: wishes.maxBurstLengthBytes,
    FirstBurstLength: Math.min(wishes.firstBurstLengthBytes, wishes.maxBurstLengthBytes),
    DefaultTime2Wait: wishes.defaultTime2WaitSeconds,
    DefaultTime2Retain: wishes.defaultTime2RetainSeconds,
    MaxOutstandingR2T: wishes.maxOutstandingR2t,
    DataPDUInOrder: true,
    DataSequenceInOrder: true,
    ErrorRecoveryLevel: 0,
    TaskReporting: ['RFC3720'],
    iSCSIProtocolLevel: 1,
  }
  return new Map(Object.entries(values))
}
