/**
 * The frames of a resync's base: what the replica does not know, the state, offers and what is wanted of them, content,
 * the end. They pass beside the messages of v2engine, in the order of the connection, and each names its session.
 */

import { type BaseBlock, OFFERS_MAX, type Offer } from '../../blockvol/resync/offer.ts'
import { PageSet, RANGES_MAX } from '../../blockvol/resync/page-set.ts'
import type { SessionRef } from '../../v2engine/identity.ts'
import { encodeBlocks, readBlocks } from './blocks.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { FRAME, type FrameKind } from './frame.ts'
import { readSession, writeSession } from './parts.ts'

/** From the replica, before `taken`: where it has blocks that it does not know. */
interface UnknownFrame {
  readonly kind: 'unknown'
  readonly session: SessionRef
  readonly pages: PageSet
}
/** From the primary, first: the volume's state (docs/formats/state.md), as of the target or later. */
export interface StateFrame {
  readonly kind: 'state'
  readonly session: SessionRef
  readonly state: Uint8Array
}
/** From the primary: versions that the replica may lack. */
export interface OfferFrame {
  readonly kind: 'offer'
  readonly session: SessionRef
  /** From 0, rising by one. */
  readonly number: number
  readonly offers: readonly Offer[]
}
/** From the replica, one for each OFFER, in their order: it is applied but for these, named by their places in it. */
export interface WantFrame {
  readonly kind: 'want'
  readonly session: SessionRef
  readonly number: number
  readonly wanted: readonly number[]
}
/** From the primary: what was wanted. */
export interface BlocksFrame {
  readonly kind: 'blocks'
  readonly session: SessionRef
  readonly blocks: readonly BaseBlock[]
}
/** From the primary: all of the base has been sent. */
export interface CopiedFrame {
  readonly kind: 'copied'
  readonly session: SessionRef
}
export type ResyncFrame = UnknownFrame | StateFrame | OfferFrame | WantFrame | BlocksFrame | CopiedFrame

const KINDS = ['data', 'hole', 'empty', 'bad', 'lost'] as const
/** Set in the kind of an offer that is a version. */
const VERSION = 0x80

/** The frame as pieces of a payload; content and state are lent, not copied. */
export function encodeResync(frame: ResyncFrame): {
  readonly kind: FrameKind
  readonly payload: readonly Uint8Array[]
} {
  const w = writeSession(new ByteWriter(), frame.session)
  switch (frame.kind) {
    case 'unknown':
      w.u16(frame.pages.ranges.length)
      for (const { start, end } of frame.pages.ranges) w.u64(start).u64(end)
      return { kind: FRAME.unknown, payload: [w.done()] }
    case 'state':
      return { kind: FRAME.state, payload: [w.done(), frame.state] }
    case 'offer':
      w.u32(frame.number).u16(frame.offers.length)
      for (const { block, lsn, kind, checksum, isVersion } of frame.offers) {
        const flag = isVersion ? VERSION : 0
        w.u64(block)
          .u64(lsn)
          .u8(KINDS.indexOf(kind) | flag)
          .u32(checksum)
      }
      return { kind: FRAME.offer, payload: [w.done()] }
    case 'want':
      w.u32(frame.number).u16(frame.wanted.length)
      for (const place of frame.wanted) w.u16(place)
      return { kind: FRAME.want, payload: [w.done()] }
    case 'blocks':
      return { kind: FRAME.blocks, payload: encodeBlocks(w, frame.blocks) }
    case 'copied':
      return { kind: FRAME.copied, payload: [w.done()] }
  }
}

/** Whether `decodeResync` reads such frames. */
export const isResync = (kind: FrameKind): boolean => READERS.has(kind)

/**
 * The frame in a payload; state and content are views of it, the rest is copied. Undefined when the payload is not one,
 * contradicts itself, or content is not what its checksum says.
 */
export function decodeResync(kind: FrameKind, payload: Uint8Array): ResyncFrame | undefined {
  const reader = new ByteReader(payload)
  const session = readSession(reader)
  const frame = READERS.get(kind)?.(reader, session)
  return frame !== undefined && reader.isDone ? frame : undefined
}

type Reader = (r: ByteReader, session: SessionRef) => ResyncFrame
const READERS: ReadonlyMap<FrameKind, Reader> = new Map<FrameKind, Reader>([
  [
    FRAME.unknown,
    (r, session): UnknownFrame => {
      const ranges = r.list(RANGES_MAX, () => ({ start: r.u64(), end: r.u64() }))
      if (ranges.some(({ start, end }, i) => start >= end || start <= (ranges[i - 1]?.end ?? -1))) r.fail()
      return { kind: 'unknown', session, pages: r.isValid ? PageSet.of(ranges) : PageSet.NONE }
    },
  ],
  [FRAME.state, (r, session): StateFrame => ({ kind: 'state', session, state: r.bytes(r.leftBytes) })],
  [
    FRAME.offer,
    (r, session): OfferFrame => {
      const number = r.u32()
      const offers = r.list(OFFERS_MAX, () => readOffer(r))
      const isWrong = offers.some(
        (offer, i) => (offer.lsn === 0) !== (offer.kind === 'empty') || !isAfter(offers[i - 1], offer),
      )
      if (isWrong || offers.length === 0) r.fail()
      return { kind: 'offer', session, number, offers }
    },
  ],
  [
    FRAME.want,
    (r, session): WantFrame => ({
      kind: 'want',
      session,
      number: r.u32(),
      wanted: r.list(OFFERS_MAX, () => r.u16()),
    }),
  ],
  [FRAME.blocks, (r, session): BlocksFrame => ({ kind: 'blocks', session, blocks: readBlocks(r) })],
  [FRAME.copied, (_, session): CopiedFrame => ({ kind: 'copied', session })],
])

function readOffer(r: ByteReader): Offer {
  const [block, lsn, flags, checksum] = [r.u64(), r.u64(), r.u8(), r.u32()]
  const isVersion = flags >= VERSION
  const kind = KINDS[isVersion ? flags - VERSION : flags]
  if (kind === undefined || (isVersion && (kind === 'bad' || kind === 'empty'))) r.fail()
  return { block, lsn, kind: kind ?? 'bad', checksum, isVersion }
}

/** Blocks rise, and of a block the LSNs; the newest version comes last. */
function isAfter(previous: Offer | undefined, { block, lsn, isVersion }: Offer): boolean {
  if (previous === undefined || block > previous.block) return true
  if (block < previous.block || !previous.isVersion) return false
  return lsn > previous.lsn || (lsn === previous.lsn && !isVersion)
}
