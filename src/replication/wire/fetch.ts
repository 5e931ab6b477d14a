/**
 * FETCH: a replica's copy of one version of a block is bad, and it asks another replica for it; and FETCHED, the answer.
 * Both go both ways. Each names the epoch in which both follow one history, and the number by which the asker knows it.
 * The version is exact: its LSN, and the checksum that its content has.
 */
import type { Epoch } from '../../base/units.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { ExactVersion } from '../../blockvol/api.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readEpoch, writeEpoch } from './parts.ts'

export interface Fetch {
  readonly epoch: Epoch
  /** Below 2^32. */
  readonly id: number
  readonly wanted: ExactVersion
}

/** `missing`: not that version, or bad there too. `busy`: it may be asked again. */
type FetchOutcome =
  | { readonly kind: 'missing' | 'busy' }
  | { readonly kind: 'found'; readonly data: Uint8Array }

export interface Fetched {
  readonly epoch: Epoch
  readonly id: number
  readonly outcome: FetchOutcome
}

const OUTCOMES = ['found', 'missing', 'busy'] as const

export const encodeFetch = ({ epoch, id, wanted }: Fetch): Uint8Array =>
  writeEpoch(new ByteWriter(), epoch)
    .u32(id)
    .u64(wanted.block)
    .u64(wanted.lsn)
    .u32(wanted.crc32c)
    .u64(wanted.seedBlock ?? wanted.block)
    .done()

/** Undefined when the payload is not that. */
export function decodeFetch(payload: Uint8Array): Fetch | undefined {
  const reader = new ByteReader(payload)
  const [epoch, id] = [readEpoch(reader), reader.u32()]
  const wanted = { block: reader.u64(), lsn: reader.u64(), crc32c: reader.u32(), seedBlock: reader.u64() }
  return reader.isDone && wanted.lsn > 0 ? { epoch, id, wanted } : undefined
}

/** As pieces of a payload; content is lent, not copied. */
export function encodeFetched({ epoch, id, outcome }: Fetched): Uint8Array[] {
  const head = writeEpoch(new ByteWriter(), epoch).u32(id).u8(OUTCOMES.indexOf(outcome.kind)).done()
  return outcome.kind === 'found' ? [head, outcome.data] : [head]
}

/** Undefined when the payload is not that. Content is a view of it, and not yet held against what was asked. */
export function decodeFetched(payload: Uint8Array): Fetched | undefined {
  const reader = new ByteReader(payload)
  const [epoch, id] = [readEpoch(reader), reader.u32()]
  const kind = reader.choice(OUTCOMES)
  const data = reader.bytes(reader.leftBytes)
  if (!reader.isDone || data.byteLength !== (kind === 'found' ? BLOCK_BYTES : 0)) return undefined
  return { epoch, id, outcome: kind === 'found' ? { kind, data } : { kind } }
}
