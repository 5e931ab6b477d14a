/**
 * A primary compares what its block map says with each replica that is in sync, page by page, as of an LSN that both
 * have flushed: first hashes, and of pages that differ the entries. Who is behind gets the newest version, the primary
 * too; where one LSN has two contents each is held against its own checksum (verdicts.ts). One question is under way with
 * each replica.
 */

import { isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import { BLOCK_BYTES } from '../base/units.ts'
import type { ScrubFinding } from '../blockvol/api.ts'
import { type BlockEntry, hashOf } from '../blockvol/compare/page-entries.ts'
import { PAGE_BYTES } from '../blockvol/format/map-page.ts'
import { PAGE_BLOCKS } from '../blockvol/geometry.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { Fetching } from './fetching.ts'
import type { PeerLink } from './peer-links.ts'
import type { Questions } from './questions.ts'
import { judge, type Variant } from './verdicts.ts'
import {
  COMPARE_PAGES_MAX,
  encodeCompare,
  encodeMend,
  MEND_BLOCKS_MAX,
  type MendBlock,
} from './wire/compare.ts'
import { FRAME } from './wire/frame.ts'

const COMPARE_MS = 10_000
/** A replica fetches what it mends, one block after the other. */
const MEND_MS = 30_000
const FLUSH_MS = 10_000
/** After so many questions the LSN is looked up anew: what was written meanwhile is compared too. */
const BATCHES_PER_LSN = 64
/** A replica that was busy so often in a row is left out of the rest. */
const BUSY_MAX = 3

export type ComparisonFinding = ScrubFinding & { readonly server: string }

export interface ComparisonOptions {
  readonly clock: Clock
  readonly storage: Pick<ReplicaVolume, 'comparer' | 'readExact'>
  readonly server: string
  readonly questions: Questions
  readonly fetching: Pick<Fetching, 'fetch' | 'has'>
  /** Replicas that are in sync now. */
  readonly peers: () => readonly PeerLink[]
  readonly commitLsn: () => number
  /** One LSN has two contents, each good by its own checksum: this replica is not to go on. */
  readonly diverged: (peer: PeerLink, lsn: number) => void
  readonly repair: boolean
  readonly bytesPerSecond: number
  /** Whether to go on; asked often. */
  readonly goesOn: () => boolean
  readonly found: (finding: ComparisonFinding) => void
  /** Why a replica, or a block, was left out. */
  readonly missed: (message: string) => void
  readonly onProgress: (done: number, total: number) => void
}

/** What one replica said of the pages of a batch; pages that are not listed are the same as the primary's. */
interface Said {
  readonly peer: PeerLink
  readonly pages: ReadonlyMap<number, readonly BlockEntry[]>
}

/** What is to be mended in a batch, by the place of the side. */
type Mends = Map<number, MendBlock[]>

export class Comparison {
  readonly #o: ComparisonOptions
  readonly #busy = new Map<PeerLink, number>()
  readonly #left = new Set<PeerLink>()

  constructor(options: ComparisonOptions) {
    this.#o = options
  }

  /** One pass over all pages that were ever written. MEDIUM while a page's maximum cannot be read. */
  async run(): Promise<void> {
    const { storage, clock, bytesPerSecond, commitLsn, goesOn, onProgress } = this.#o
    const first = this.#o.peers()
    if (first.length === 0) return
    await this.#within(FLUSH_MS, storage.comparer.flushed(commitLsn()))
    let asOfLsn = 0
    for (let page = 0, batch = 0; goesOn(); batch++) {
      if (batch % BATCHES_PER_LSN === 0) asOfLsn = storage.comparer.checkpointLsn
      const pages = await storage.comparer.pagesFrom(page, COMPARE_PAGES_MAX)
      const last = pages.at(-1)
      if (last === undefined) break
      await this.#batch(pages, asOfLsn)
      page = last + 1
      onProgress(page * PAGE_BLOCKS * BLOCK_BYTES, storage.comparer.sizeBlocks * BLOCK_BYTES)
      await clock.sleep(((pages.length * PAGE_BYTES) / bytesPerSecond) * 1000)
    }
    const now = this.#o.peers()
    for (const peer of first) {
      if (!now.includes(peer) && !this.#left.has(peer)) this.#leave(peer, 'it is not in sync any more')
    }
  }

  #leave(peer: PeerLink, why: string): void {
    this.#left.add(peer)
    this.#o.missed(`${peer.server} is not compared further: ${why}`)
  }

  /** Undefined when it takes longer, or fails for a reason of its own. */
  async #within<T>(forMs: number, work: Promise<T>): Promise<T | undefined> {
    const known = work.catch((error: unknown) => {
      if (!isBlockError(error)) throw error
      return undefined
    })
    const late = Promise.withResolvers<undefined>()
    const timer = this.#o.clock.after(forMs, () => late.resolve(undefined))
    return Promise.race([known, late.promise]).finally(() => timer.cancel())
  }

  async #batch(pages: readonly number[], asOfLsn: number): Promise<void> {
    const peers = this.#o.peers().filter((peer) => !this.#left.has(peer))
    const own = new Map<number, readonly BlockEntry[]>()
    for (const page of pages) own.set(page, await this.#o.storage.comparer.entries(page, asOfLsn))
    const hashes = pages.map((page) => ({ page, hash: hashOf(own.get(page)!) }))
    const answers = await Promise.all(peers.map((peer) => this.#ask(peer, asOfLsn, hashes)))
    const said = answers.filter((one) => one !== undefined)
    const differing = pages.filter((page) => said.some((one) => one.pages.has(page)))
    const sides = said.map(({ peer }) => peer)
    const mends: Mends = new Map()
    for (const page of differing) {
      for (let slot = 0; slot < PAGE_BLOCKS; slot++) {
        const primary = own.get(page)![slot]!
        const entries = [primary, ...said.map((one) => one.pages.get(page)?.[slot] ?? primary)]
        await this.#block(page * PAGE_BLOCKS + slot, entries, sides, mends)
      }
    }
    await this.#mend(mends, sides)
  }

  async #ask(
    peer: PeerLink,
    asOfLsn: number,
    pages: readonly { readonly page: number; readonly hash: bigint }[],
  ): Promise<Said | undefined> {
    const question = { kind: FRAME.compare, answer: 'compared', forMs: COMPARE_MS } as const
    const answer = await this.#o.questions.ask(peer, question, (numbered) =>
      encodeCompare({ ...numbered, asOfLsn, pages }),
    )
    if (answer?.differing !== undefined) {
      this.#busy.delete(peer)
      const asked = new Set(pages.map(({ page }) => page))
      const told = answer.differing.filter(({ page }) => asked.has(page))
      return { peer, pages: new Map(told.map(({ page, entries }) => [page, entries])) }
    }
    const times = (this.#busy.get(peer) ?? 0) + 1
    this.#busy.set(peer, times)
    const why = answer === undefined ? 'it does not answer' : 'it is busy'
    if (!this.#o.peers().includes(peer)) this.#leave(peer, 'it is not in sync any more')
    else if (times >= BUSY_MAX) this.#leave(peer, why)
    else
      this.#o.missed(
        `${pages.length} pages from ${pages[0]!.page} on are not compared with ${peer.server}: ${why}`,
      )
    return undefined
  }

  async #block(
    block: number,
    entries: readonly BlockEntry[],
    peers: readonly PeerLink[],
    mends: Mends,
  ): Promise<void> {
    const verdict = judge(entries)
    if (verdict.kind === 'same') return
    if (verdict.kind === 'conflict') {
      await this.#conflict(block, verdict.variants, peers, mends)
      return
    }
    for (const side of verdict.sides)
      this.#note(mends, side, { block, told: entries[side]!, wanted: verdict.best })
  }

  #note(mends: Mends, side: number, one: MendBlock): void {
    const list = mends.get(side) ?? []
    mends.set(side, list)
    list.push(one)
  }

  /** One LSN with several contents: those count that pass their own checksum. */
  async #conflict(
    block: number,
    variants: readonly Variant[],
    peers: readonly PeerLink[],
    mends: Mends,
  ): Promise<void> {
    const good: Variant[] = []
    for (const variant of variants) {
      const isGood = await this.#isGood(block, variant, peers)
      if (isGood) good.push(variant)
      if (isGood === undefined) {
        this.#o.missed(`block ${block} differs between replicas, and one of them cannot be asked now`)
        return
      }
    }
    const [best] = good
    const bad = variants.filter((variant) => !good.includes(variant))
    if (best === undefined || good.length > 1) {
      for (const { sides } of bad)
        for (const side of sides) this.#found(block, 'checksum', false, side, peers)
      if (best === undefined) return
      // the primary's counts, if it is among them
      const kept = good.find(({ sides }) => sides.includes(0)) ?? best
      for (const { sides, entry } of good.filter((variant) => variant !== kept)) {
        for (const side of sides) {
          this.#found(block, 'diverged', false, side, peers)
          const peer = peers[side - 1]
          if (peer !== undefined) this.#o.diverged(peer, entry.lsn)
        }
      }
      return
    }
    for (const { sides, entry } of bad) {
      for (const side of sides) this.#note(mends, side, { block, told: entry, wanted: best.entry })
    }
  }

  /** Undefined: it cannot be told now. */
  async #isGood(
    block: number,
    { entry, sides }: Variant,
    peers: readonly PeerLink[],
  ): Promise<boolean | undefined> {
    if (entry.kind === 'zeros') return true
    const wanted = { block, lsn: entry.lsn, crc32c: entry.checksum }
    let isSure = true
    for (const side of sides) {
      const peer = peers[side - 1]
      const has =
        peer === undefined
          ? await this.#o.storage.readExact(wanted, new Uint8Array(BLOCK_BYTES))
          : await this.#o.fetching.has(peer, wanted)
      if (has === true) return true
      if (has === undefined) isSure = false
    }
    return isSure ? false : undefined
  }

  /** The primary first: what it lacks a replica has. */
  async #mend(mends: Mends, peers: readonly PeerLink[]): Promise<void> {
    for (const [side, blocks] of [...mends].sort(([a], [b]) => a - b)) {
      for (let from = 0; from < blocks.length; from += MEND_BLOCKS_MAX) {
        const some = blocks.slice(from, from + MEND_BLOCKS_MAX)
        const peer = peers[side - 1]
        const areMended = this.#o.repair
          ? peer === undefined
            ? await this.#mendOwn(some)
            : await this.#mendPeer(peer, some)
          : undefined
        for (const [i, one] of some.entries()) {
          this.#found(one.block, whatOf(one), areMended?.[i] === true, side, peers)
        }
      }
    }
  }

  async #mendOwn(blocks: readonly MendBlock[]): Promise<readonly boolean[]> {
    const areMended: boolean[] = []
    for (const one of blocks) areMended.push(await mendBlock(this.#o, one))
    return areMended
  }

  async #mendPeer(peer: PeerLink, blocks: readonly MendBlock[]): Promise<readonly boolean[] | undefined> {
    const question = { kind: FRAME.mend, answer: 'mended', forMs: MEND_MS } as const
    const answer = await this.#o.questions.ask(peer, question, (numbered) =>
      encodeMend({ ...numbered, blocks }),
    )
    return answer?.areMended
  }

  #found(
    block: number,
    what: ScrubFinding['what'],
    repaired: boolean,
    side: number,
    peers: readonly PeerLink[],
  ): void {
    this.#o.found({ block, what, repaired, server: peers[side - 1]?.server ?? this.#o.server })
  }
}

function whatOf({ told, wanted }: MendBlock): ScrubFinding['what'] {
  if (told.kind === 'unknown') return 'unknown'
  return told.lsn === wanted.lsn ? 'checksum' : 'lost_write'
}

/** Gets the content of a block, and puts it in its place; false when it cannot be had, or the block is another one by now. */
export async function mendBlock(
  {
    storage,
    fetching,
  }: { readonly storage: Pick<ReplicaVolume, 'comparer'>; readonly fetching: Pick<Fetching, 'fetch'> },
  { block, told, wanted }: MendBlock,
): Promise<boolean> {
  const { lsn, checksum, kind } = wanted
  try {
    const content = kind === 'data' ? await fetching.fetch({ block, lsn, crc32c: checksum }) : undefined
    if (kind === 'data' && content === undefined) return false
    return await storage.comparer.mend({ block, told, wanted, content })
  } catch (error) {
    // what stood there stands there still, or fails its checksum
    if (!isBlockError(error)) throw error
    return false
  }
}
