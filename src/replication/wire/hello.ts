/** The first frames of a connection: who is there (HELLO), the proof of it (PROOF), or why it will not be (ERROR). */
import { type Epoch, epochNumber } from '../../base/units.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/** Versions of this protocol that this program speaks; docs/formats/replication.md says what each changed. */
export const VERSIONS = { min: 2, max: 2 } as const
export const NONCE_BYTES = 32
export const PROOF_BYTES = 32
const ID_BYTES = 16

export interface Hello {
  readonly minVersion: number
  readonly maxVersion: number
  /** Format level of the volume's files (docs/formats/state.md). */
  readonly formatLevel: number
  /** The highest that the sender's program knows. */
  readonly levelMax: number
  /** 16 bytes. */
  readonly clusterId: Uint8Array
  /** 16 bytes. */
  readonly volumeUuid: Uint8Array
  readonly epoch: Epoch
  /** Id of the server that speaks. */
  readonly server: string
  /** Id of the server that it wants to speak to. */
  readonly wanted: string
  /** 32 random bytes, new for each connection. */
  readonly nonce: Uint8Array
}

/** Why a connection is not taken. Numbers are never used again for something else. */
const REFUSAL = {
  protocol: 1,
  version: 2,
  wrongCluster: 3,
  unknownVolume: 4,
  otherServer: 5,
  notAuthentic: 6,
  staleEpoch: 7,
  formatLevel: 8,
  busy: 9,
} as const
export type Refusal = keyof typeof REFUSAL
const REFUSAL_BY_NUMBER = new Map<number, Refusal>(
  Object.entries(REFUSAL).map(([name, number]) => [number, name as Refusal]),
)

export function encodeHello(hello: Hello): Uint8Array {
  return new ByteWriter()
    .u16(hello.minVersion)
    .u16(hello.maxVersion)
    .u32(hello.formatLevel)
    .bytes(hello.clusterId)
    .bytes(hello.volumeUuid)
    .u64(hello.epoch.number)
    .bits64(hello.epoch.id)
    .string(hello.server)
    .string(hello.wanted)
    .bytes(hello.nonce)
    .u32(hello.levelMax)
    .done()
}

/** What programs know that do not say it. */
const LEVEL_MAX_UNSAID = 1

/** Undefined when the payload is not a HELLO. Later versions append fields: what follows is left alone. */
export function decodeHello(payload: Uint8Array): Hello | undefined {
  const reader = new ByteReader(payload)
  const hello: Hello = {
    minVersion: reader.u16(),
    maxVersion: reader.u16(),
    formatLevel: reader.u32(),
    clusterId: reader.bytes(ID_BYTES),
    volumeUuid: reader.bytes(ID_BYTES),
    epoch: { number: epochNumber(reader.u64()), id: reader.bits64() },
    server: reader.string(),
    wanted: reader.string(),
    nonce: reader.bytes(NONCE_BYTES),
    levelMax: reader.leftBytes === 0 ? LEVEL_MAX_UNSAID : reader.u32(),
  }
  if (!reader.isValid || hello.minVersion > hello.maxVersion || hello.server.length === 0) return undefined
  return hello
}

export const encodeError = (refusal: Refusal, text: string): Uint8Array =>
  new ByteWriter().u16(REFUSAL[refusal]).string(text).done()

/** What the peer says against the connection; an unknown number is a `protocol` error. */
export function decodeError(payload: Uint8Array): { readonly refusal: Refusal; readonly text: string } {
  const reader = new ByteReader(payload)
  const refusal = REFUSAL_BY_NUMBER.get(reader.u16()) ?? 'protocol'
  const text = reader.string()
  return reader.isDone ? { refusal, text } : { refusal: 'protocol', text: 'an ERROR that cannot be read' }
}

/** The highest version that both speak; undefined when there is none. */
export function commonVersion(
  a: { readonly minVersion: number; readonly maxVersion: number },
  b: { readonly minVersion: number; readonly maxVersion: number },
): number | undefined {
  const version = Math.min(a.maxVersion, b.maxVersion)
  return version >= Math.max(a.minVersion, b.minVersion) ? version : undefined
}
