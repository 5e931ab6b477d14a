import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochNumber } from '../../base/units.ts'
import { blockChecksum } from '../../blockvol/checksum.ts'
import { type BaseBlock, OFFERS_MAX, type Offer } from '../../blockvol/resync/offer.ts'
import { PageSet, RANGES_MAX } from '../../blockvol/resync/page-set.ts'
import { opening, type SessionRef, sessionId } from '../../v2engine/identity.ts'
import { BLOCKS_MAX } from './blocks.ts'
import { FRAME, type FrameKind, isContent, payloadBytesMax } from './frame.ts'
import { decodeResync, encodeResync, isResync, type ResyncFrame } from './resync.ts'

const session: SessionRef = {
  id: sessionId(4),
  epoch: { number: epochNumber(7), id: 0x1234_5678_9abc_def0n },
  primaryOpening: opening(11),
  replicaOpening: opening(12),
}
const blocksOf = fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 34 }), { minLength: 1, maxLength: 8 })
const lsns = fc.integer({ min: 1, max: 2 ** 52 })

const offers = fc
  .tuple(
    blocksOf,
    fc.array(fc.constantFrom('data', 'hole', 'empty', 'bad', 'lost'), { minLength: 8, maxLength: 8 }),
    lsns,
  )
  .map(([blocks, kinds, lsn]): Offer[] =>
    blocks
      .sort((a, b) => a - b)
      .flatMap((block, i) => {
        const kind = kinds[i]!
        const checksum = kind === 'data' ? i * 7 : 0
        const newest = { block, lsn: kind === 'empty' ? 0 : lsn + i, kind, checksum, isVersion: false }
        if (kind === 'empty' || kind === 'bad') return [newest]
        return [{ ...newest, lsn: lsn + i - 1 || 1, isVersion: true }, newest]
      }),
  )
const contents = fc
  .tuple(blocksOf, lsns, fc.array(fc.option(fc.nat(255)), { minLength: 8, maxLength: 8 }))
  .map(([blocks, lsn, fills]): BaseBlock[] =>
    blocks.map((block, i) => {
      const fill = fills[i]!
      const isVersion = i % 3 === 0
      if (fill === null) return { block, lsn, isVersion, content: undefined }
      const data = Buffer.alloc(4096, fill)
      return { block, lsn, isVersion, content: { checksum: blockChecksum(data, block, lsn), data } }
    }),
  )
const pages = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 2 ** 30 }), fc.integer({ min: 1, max: 50 })))
  .map((ranges) => PageSet.of(ranges.map(([start, count]) => ({ start, end: start + count }))))

const frames: fc.Arbitrary<ResyncFrame> = fc.oneof(
  pages.map((set): ResyncFrame => ({ kind: 'unknown', session, pages: set })),
  fc
    .uint8Array({ maxLength: 99 })
    .map((state): ResyncFrame => ({ kind: 'state', session, state: Buffer.from(state) })),
  fc
    .tuple(offers, fc.nat())
    .map(([list, number]): ResyncFrame => ({ kind: 'offer', session, number, offers: list })),
  fc
    .tuple(fc.array(fc.nat(OFFERS_MAX - 1), { maxLength: 8 }), fc.nat())
    .map(([wanted, number]): ResyncFrame => ({ kind: 'want', session, number, wanted })),
  contents.map((blocks): ResyncFrame => ({ kind: 'blocks', session, blocks })),
  fc.constant<ResyncFrame>({ kind: 'copied', session }),
)
const whole = (frame: ResyncFrame): { kind: FrameKind; payload: Buffer } => {
  const { kind, payload } = encodeResync(frame)
  return { kind, payload: Buffer.concat(payload) }
}

describe('frames of a resync', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const { kind, payload } = whole(frame)
        expect(isResync(kind)).toBe(true)
        expect(decodeResync(kind, payload)).toEqual(frame)
      }),
      { numRuns: 300 },
    )
  })

  it('are refused when they are cut or longer', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (frame, place) => {
        if (frame.kind === 'state') return
        const { kind, payload } = whole(frame)
        expect(decodeResync(kind, payload.subarray(0, place % payload.byteLength))).toBeUndefined()
        expect(decodeResync(kind, Buffer.concat([payload, Buffer.alloc(1)]))).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  it('are refused when content is not what its checksum says', () => {
    fc.assert(
      fc.property(contents, (blocks) => {
        const { kind, payload } = whole({ kind: 'blocks', session, blocks })
        if (blocks.every(({ content }) => content === undefined)) return
        payload[payload.byteLength - 1]! ^= 4
        expect(decodeResync(kind, payload)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('are refused when offers fall, or their LSNs do not fit their kinds', () => {
    const good: Offer = { block: 5, lsn: 9, kind: 'data', checksum: 1, isVersion: false }
    const version: Offer = { ...good, lsn: 7, isVersion: true }
    const wrong: readonly (readonly Offer[])[] = [
      [],
      [good, good],
      [good, { ...good, block: 4 }],
      [{ ...good, lsn: 0 }],
      [{ ...good, kind: 'empty' }],
      // the newest comes last, and of those before it there is one of each LSN
      [good, version],
      [version, version, good],
      [{ ...version, lsn: 8 }, version, good],
      [{ ...version, kind: 'bad' }, good],
    ]
    for (const list of wrong) {
      const { kind, payload } = whole({ kind: 'offer', session, number: 0, offers: list })
      expect(decodeResync(kind, payload)).toBeUndefined()
    }
  })

  it('are refused, and never throw, when they are made of anything', () => {
    const kinds = Object.values(FRAME).filter(isResync)
    expect(kinds).toHaveLength(6)
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 100 }), (kind, payload) => {
        decodeResync(kind, payload)
      }),
      { numRuns: 1000 },
    )
  })

  it('fit a payload, as many things as are allowed', () => {
    const content = Buffer.alloc(4096)
    const block = (i: number): BaseBlock => ({
      block: i,
      lsn: 9,
      isVersion: false,
      content: { checksum: blockChecksum(content, i, 9), data: content },
    })
    const count = { length: OFFERS_MAX }
    const largest: readonly ResyncFrame[] = [
      { kind: 'blocks', session, blocks: Array.from({ length: BLOCKS_MAX }, (_, i) => block(i)) },
      { kind: 'want', session, number: 1, wanted: Array.from(count, (_, i) => i) },
      {
        kind: 'offer',
        session,
        number: 1,
        offers: Array.from(count, (_, i) => ({
          block: i,
          lsn: 9,
          kind: 'data',
          checksum: 0,
          isVersion: false,
        })),
      },
      {
        kind: 'unknown',
        session,
        pages: PageSet.of(Array.from({ length: RANGES_MAX }, (_, i) => ({ start: 2 * i, end: 2 * i + 1 }))),
      },
    ]
    for (const frame of largest) {
      const { kind, payload } = whole(frame)
      expect(payload.byteLength).toBeLessThanOrEqual(payloadBytesMax(kind, true))
      expect(decodeResync(kind, payload)).toEqual(frame)
    }
    expect(isContent(FRAME.want)).toBe(false)
  })
})
