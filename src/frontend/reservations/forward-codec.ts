/**
 * Questions about reservations from a path that does not serve, and answers, as bytes. Little-endian; a question that is
 * not exactly what would be written for it is none.
 *
 * | question | bytes | field                                                                                     |
 * |----------|-------|-------------------------------------------------------------------------------------------|
 * | 0        | 1     | version: 1                                                                                |
 * | 1        | 1     | 0 read; 1 register, 2 reserve, 3 release, 4 clear, 5 preempt, 6 persist                   |
 * | 2        | 1     | flags: 0 abort, 1 ignore the current key, 2 `persistent` is told, 3 its value, 4 newcomer |
 * | 3        | 1     | type: 0 none, else 1 + index in `RESERVATION_TYPES`                                       |
 * | 4        | 4     | of read: offset in the encoded state; else 0                                              |
 * | 8        | 8     | key; of register the current one                                                          |
 * | 16       | 8     | of register the new key, of preempt that of the victims                                   |
 * | 24       | …     | id of the registrant that asks, UTF-8; none for read                                      |
 *
 * | answer   | bytes | field                                                                                     |
 * |----------|-------|-------------------------------------------------------------------------------------------|
 * | 0        | 1     | version: 1                                                                                |
 * | 1        | 1     | index in `OUTCOMES`                                                                       |
 * | 2        | 2     | zero                                                                                      |
 * | 4        | 4     | length of the encoded state (records-codec.ts) after the command; 0 where there is none   |
 * | 8        | 4     | offset in it of what follows                                                              |
 * | 12       | …     | of the state, as much as one answer takes                                                 |
 */
import { viewOf } from '../../base/binary.ts'
import { KIB } from '../../base/units.ts'
import { REGISTRANT_ID_BYTES_MAX, RESERVATION_TYPES, type ReservationType } from './state.ts'
import type { ReservationCommand } from './transition.ts'

export type ForwardedQuestion =
  | { readonly kind: 'read'; readonly offsetBytes: number }
  | { readonly kind: 'request'; readonly command: ReservationCommand; readonly abort: boolean }

/** 'busy': ask again; 'invalid': what was asked is no question. */
const OUTCOMES = [
  'ok',
  'conflict',
  'wrong-type',
  'invalid-key',
  'invalid-type',
  'too-many-registrants',
  'unit-held',
  'busy',
  'invalid',
] as const
export type ForwardedOutcome = (typeof OUTCOMES)[number]

export interface ForwardedAnswer {
  readonly outcome: ForwardedOutcome
  /** Of the whole encoded state; 0: none is told. */
  readonly stateBytes: number
  readonly offsetBytes: number
  /** The piece of it from `offsetBytes`. */
  readonly piece: Uint8Array
}

const VERSION = 1
const COMMANDS = ['register', 'reserve', 'release', 'clear', 'preempt', 'persist'] as const
const FLAG = { abort: 1, ignoreKey: 2, persistentTold: 4, persistent: 8, newcomer: 16 } as const
const QUESTION_BYTES = 24
const ANSWER_BYTES = 12
/** Longest piece: answers have at most 64 KiB. */
export const PIECE_BYTES_MAX = 64 * KIB - ANSWER_BYTES

export function encodeQuestion(question: ForwardedQuestion): Uint8Array {
  if (question.kind === 'read') {
    const bytes = new Uint8Array(QUESTION_BYTES)
    bytes[0] = VERSION
    viewOf(bytes).setUint32(4, question.offsetBytes, true)
    return bytes
  }
  const { command, abort } = question
  const from = new TextEncoder().encode(command.from)
  const bytes = new Uint8Array(QUESTION_BYTES + from.byteLength)
  const view = viewOf(bytes)
  bytes[0] = VERSION
  bytes[1] = 1 + COMMANDS.indexOf(command.kind)
  bytes[2] = (abort ? FLAG.abort : 0) | flagsOf(command)
  const type = 'type' in command ? command.type : undefined
  bytes[3] = type === undefined ? 0 : 1 + RESERVATION_TYPES.indexOf(type)
  view.setBigUint64(8, firstKeyOf(command), true)
  view.setBigUint64(16, secondKeyOf(command), true)
  bytes.set(from, QUESTION_BYTES)
  return bytes
}

function flagsOf(command: ReservationCommand): number {
  if (command.kind !== 'register' && command.kind !== 'persist') return 0
  const { persistent } = command
  const told = persistent === undefined ? 0 : FLAG.persistentTold | (persistent ? FLAG.persistent : 0)
  if (command.kind === 'persist') return told
  const key = { ignore: FLAG.ignoreKey, newcomer: FLAG.newcomer }
  return told | (typeof command.currentKey === 'bigint' ? 0 : key[command.currentKey])
}

function firstKeyOf(command: ReservationCommand): bigint {
  if (command.kind === 'persist') return 0n
  if (command.kind !== 'register') return command.key
  return typeof command.currentKey === 'bigint' ? command.currentKey : 0n
}

function secondKeyOf(command: ReservationCommand): bigint {
  if (command.kind === 'register') return command.newKey
  return command.kind === 'preempt' ? command.victimKey : 0n
}

/** Undefined when the bytes are no question. */
export function decodeQuestion(bytes: Uint8Array): ForwardedQuestion | undefined {
  if (bytes.byteLength < QUESTION_BYTES) return undefined
  const question = questionIn(bytes)
  if (question === undefined) return undefined
  // whatever else could be said in a field that means nothing here makes it another question
  return Buffer.compare(encodeQuestion(question), bytes) === 0 ? question : undefined
}

function questionIn(bytes: Uint8Array): ForwardedQuestion | undefined {
  const view = viewOf(bytes)
  const code = view.getUint8(1)
  if (code === 0) return { kind: 'read', offsetBytes: view.getUint32(4, true) }
  const kind = COMMANDS[code - 1]
  const name = bytes.subarray(QUESTION_BYTES)
  if (kind === undefined || name.byteLength === 0 || name.byteLength > REGISTRANT_ID_BYTES_MAX)
    return undefined
  const flags = view.getUint8(2)
  const command = commandOf(kind, {
    from: new TextDecoder().decode(name),
    key: view.getBigUint64(8, true),
    second: view.getBigUint64(16, true),
    type: RESERVATION_TYPES[view.getUint8(3) - 1],
    flags,
  })
  return command && { kind: 'request', command, abort: kind === 'preempt' && (flags & FLAG.abort) !== 0 }
}

interface Fields {
  readonly from: string
  readonly key: bigint
  readonly second: bigint
  readonly type: ReservationType | undefined
  readonly flags: number
}

function commandOf(kind: (typeof COMMANDS)[number], fields: Fields): ReservationCommand | undefined {
  const { from, key, second, type, flags } = fields
  switch (kind) {
    case 'register':
      return {
        kind,
        from,
        currentKey: currentKeyOf(key, flags),
        newKey: second,
        persistent: (flags & FLAG.persistentTold) === 0 ? undefined : (flags & FLAG.persistent) !== 0,
      }
    case 'persist':
      return { kind, from, persistent: (flags & FLAG.persistent) !== 0 }
    case 'reserve':
    case 'release':
      return type && { kind, from, key, type }
    case 'clear':
      return { kind, from, key }
    case 'preempt':
      return { kind, from, key, victimKey: second, type }
  }
}

function currentKeyOf(key: bigint, flags: number): bigint | 'ignore' | 'newcomer' {
  if ((flags & FLAG.newcomer) !== 0) return 'newcomer'
  return (flags & FLAG.ignoreKey) === 0 ? key : 'ignore'
}

export function encodeAnswer({ outcome, stateBytes, offsetBytes, piece }: ForwardedAnswer): Uint8Array {
  const bytes = new Uint8Array(ANSWER_BYTES + piece.byteLength)
  const view = viewOf(bytes)
  bytes[0] = VERSION
  bytes[1] = OUTCOMES.indexOf(outcome)
  view.setUint32(4, stateBytes, true)
  view.setUint32(8, offsetBytes, true)
  bytes.set(piece, ANSWER_BYTES)
  return bytes
}

/** Undefined when the bytes are no answer. */
export function decodeAnswer(bytes: Uint8Array): ForwardedAnswer | undefined {
  if (bytes.byteLength < ANSWER_BYTES || bytes[0] !== VERSION) return undefined
  const view = viewOf(bytes)
  const outcome = OUTCOMES[view.getUint8(1)]
  if (outcome === undefined || view.getUint16(2, true) !== 0) return undefined
  const stateBytes = view.getUint32(4, true)
  const offsetBytes = view.getUint32(8, true)
  const piece = bytes.subarray(ANSWER_BYTES)
  if (offsetBytes + piece.byteLength > stateBytes) return undefined
  return { outcome, stateBytes, offsetBytes, piece }
}
