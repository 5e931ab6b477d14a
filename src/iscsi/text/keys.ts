/**
 * Every key of RFC 7143 §13 (and the keys of RFC 3720 that it obsoletes) as data: who may send it, when, in
 * which kind of session, how two values become one, and what holds when nobody mentions it. The negotiation
 * interprets this table; nothing else knows a key's rules. A session has one connection, its leading one, so the
 * keys that the standard keeps for the leading connection (LO) need no mark of their own.
 */
export type TextStage = 'security' | 'operational' | 'full-feature'
export type SessionType = 'normal' | 'discovery'
export type Role = 'initiator' | 'target'

interface KeyRules {
  /** Where the key may appear. RFC 7143 §13: IO and LO keys only in the login, ALL keys also later, Any-Stage keys also in the security stage. */
  readonly stages: readonly TextStage[]
  readonly senders: readonly Role[]
  /** Answered `Irrelevant` in a discovery session. */
  readonly normalOnly: boolean
}

export interface ListKey extends KeyRules {
  readonly kind: 'list'
  readonly values: readonly string[]
  readonly initial: string
}
export interface NumberKey extends KeyRules {
  readonly kind: 'number'
  readonly min: number
  readonly max: number
  readonly initial: number
  /** Of the two values; or each side states its own. */
  readonly result: 'minimum' | 'maximum' | 'declared'
}
export interface BooleanKey extends KeyRules {
  readonly kind: 'boolean'
  readonly initial: boolean
  readonly result: 'and' | 'or'
}
/** Declared, in a form that its user checks. */
interface TextKey extends KeyRules {
  readonly kind: 'text'
  readonly bytesMax: number
}
/** Not negotiable any more (RFC 7143 §13.25): answered with a fixed value. */
interface ObsoleteKey extends KeyRules {
  readonly kind: 'obsolete'
  readonly answer: string
}
export type KeySpec = ListKey | NumberKey | BooleanKey | TextKey | ObsoleteKey

const BOTH = ['initiator', 'target'] as const
const LENGTH_MAX = 2 ** 24 - 1

const IO = { stages: ['operational'], senders: BOTH, normalOnly: false } as const
const IO_NORMAL = { ...IO, normalOnly: true } as const
const any = (senders: readonly Role[], stages: readonly TextStage[]): KeyRules => ({
  stages,
  senders,
  normalOnly: false,
})
const LOGIN = ['security', 'operational'] as const
const ALL = ['security', 'operational', 'full-feature'] as const
const NAME_BYTES_MAX = 223

export const KEYS = {
  HeaderDigest: { ...IO, kind: 'list', values: ['CRC32C', 'None'], initial: 'None' },
  DataDigest: { ...IO, kind: 'list', values: ['CRC32C', 'None'], initial: 'None' },
  MaxConnections: { ...IO_NORMAL, kind: 'number', min: 1, max: 65535, initial: 1, result: 'minimum' },
  SendTargets: { ...any(['initiator'], ['full-feature']), kind: 'text', bytesMax: NAME_BYTES_MAX },
  TargetName: { ...any(BOTH, ALL), kind: 'text', bytesMax: NAME_BYTES_MAX },
  InitiatorName: { ...any(['initiator'], LOGIN), kind: 'text', bytesMax: NAME_BYTES_MAX },
  TargetAlias: { ...any(['target'], ALL), kind: 'text', bytesMax: 255 },
  InitiatorAlias: { ...any(['initiator'], ALL), kind: 'text', bytesMax: 255 },
  TargetAddress: { ...any(['target'], ALL), kind: 'text', bytesMax: 255 },
  TargetPortalGroupTag: { ...any(['target'], LOGIN), kind: 'text', bytesMax: 6 },
  InitialR2T: { ...IO_NORMAL, kind: 'boolean', initial: true, result: 'or' },
  ImmediateData: { ...IO_NORMAL, kind: 'boolean', initial: true, result: 'and' },
  MaxRecvDataSegmentLength: {
    ...any(BOTH, ['operational', 'full-feature']),
    kind: 'number',
    min: 512,
    max: LENGTH_MAX,
    initial: 8192,
    result: 'declared',
  },
  MaxBurstLength: {
    ...IO_NORMAL,
    kind: 'number',
    min: 512,
    max: LENGTH_MAX,
    initial: 262144,
    result: 'minimum',
  },
  FirstBurstLength: {
    ...IO_NORMAL,
    kind: 'number',
    min: 512,
    max: LENGTH_MAX,
    initial: 65536,
    result: 'minimum',
  },
  DefaultTime2Wait: { ...IO, kind: 'number', min: 0, max: 3600, initial: 2, result: 'maximum' },
  DefaultTime2Retain: { ...IO, kind: 'number', min: 0, max: 3600, initial: 20, result: 'minimum' },
  MaxOutstandingR2T: { ...IO_NORMAL, kind: 'number', min: 1, max: 65535, initial: 1, result: 'minimum' },
  DataPDUInOrder: { ...IO_NORMAL, kind: 'boolean', initial: true, result: 'or' },
  DataSequenceInOrder: { ...IO_NORMAL, kind: 'boolean', initial: true, result: 'or' },
  ErrorRecoveryLevel: { ...IO, kind: 'number', min: 0, max: 2, initial: 0, result: 'minimum' },
  SessionType: { ...any(['initiator'], LOGIN), kind: 'text', bytesMax: 9 },
  'X#NodeArchitecture': { ...any(BOTH, LOGIN), kind: 'text', bytesMax: 255 },
  TaskReporting: {
    ...IO_NORMAL,
    kind: 'list',
    values: ['RFC3720', 'ResponseFence', 'FastAbort'],
    initial: 'RFC3720',
  },
  iSCSIProtocolLevel: { ...IO_NORMAL, kind: 'number', min: 0, max: 31, initial: 1, result: 'minimum' },
  IFMarker: { ...IO, kind: 'obsolete', answer: 'No' },
  OFMarker: { ...IO, kind: 'obsolete', answer: 'No' },
  IFMarkInt: { ...IO, kind: 'obsolete', answer: 'Reject' },
  OFMarkInt: { ...IO, kind: 'obsolete', answer: 'Reject' },
} as const satisfies Record<string, KeySpec>

export type KeyName = keyof typeof KEYS

const SPECS: ReadonlyMap<string, KeySpec> = new Map(Object.entries(KEYS))

/** The rules of `name`, or undefined for keys that are not operational keys of the standard. */
export const keySpec = (name: string): KeySpec | undefined => SPECS.get(name)
