/**
 * FORWARD, from a replica: what a host asked of it that only the primary can answer; and FORWARDED, the answer. Each
 * names the epoch in which it counts, and the number by which the replica knows it. What the bytes mean is for the front
 * ends; they are carried as they are.
 */
import type { Epoch } from '../../base/units.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { FORWARD_BYTES_MAX } from './frame.ts'
import { readEpoch, writeEpoch } from './parts.ts'

export interface Forward {
  readonly epoch: Epoch
  /** `askedAtMs` of the newest PULSE on this connection: the primary's own clock, from which it knows how old this is. */
  readonly heardMs: number
  /** Below 2^32; counts up on each connection. */
  readonly id: number
  /** At most `FORWARD_BYTES_MAX`. */
  readonly bytes: Uint8Array
}

export interface Forwarded {
  readonly epoch: Epoch
  readonly id: number
  /** Undefined: BUSY, it may be asked again. */
  readonly bytes: Uint8Array | undefined
}

const OUTCOMES = ['answered', 'busy'] as const

export const encodeForward = ({ epoch, heardMs, id, bytes }: Forward): Uint8Array =>
  writeEpoch(new ByteWriter(), epoch).u64(heardMs).u32(id).bytes(bytes).done()

/** Undefined when the payload is not that. */
export function decodeForward(payload: Uint8Array): Forward | undefined {
  const reader = new ByteReader(payload)
  const [epoch, heardMs, id] = [readEpoch(reader), reader.u64(), reader.u32()]
  const forward = { epoch, heardMs, id, bytes: reader.bytes(reader.leftBytes) }
  return reader.isDone && forward.bytes.byteLength <= FORWARD_BYTES_MAX ? forward : undefined
}

export function encodeForwarded({ epoch, id, bytes }: Forwarded): Uint8Array {
  const outcome = OUTCOMES.indexOf(bytes === undefined ? 'busy' : 'answered')
  return writeEpoch(new ByteWriter(), epoch)
    .u32(id)
    .u8(outcome)
    .bytes(bytes ?? new Uint8Array(0))
    .done()
}

/** Undefined when the payload is not that. */
export function decodeForwarded(payload: Uint8Array): Forwarded | undefined {
  const reader = new ByteReader(payload)
  const epoch = readEpoch(reader)
  const id = reader.u32()
  const outcome = reader.choice(OUTCOMES)
  const bytes = reader.bytes(reader.leftBytes)
  const isLong = bytes.byteLength > (outcome === 'busy' ? 0 : FORWARD_BYTES_MAX)
  return reader.isDone && !isLong ? { epoch, id, bytes: outcome === 'busy' ? undefined : bytes } : undefined
}
