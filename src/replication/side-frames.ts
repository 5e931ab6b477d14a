/**
 * Frames that pass beside the engine's messages: hints, comparisons, what hosts ask, and the base of a resync. Each may come from one side
 * only, and one of a session that is over is dropped.
 */
import { isBlockError } from '../base/errors.ts'
import type { Lsn } from '../base/units.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import type { SessionRef } from '../v2engine/identity.ts'
import type { Fetching } from './fetching.ts'
import type { Forwarding } from './forwarding.ts'
import type { PeerLink } from './peer-links.ts'
import type { Questions } from './questions.ts'
import { type BaseReceiving, isFromPrimary } from './receiving.ts'
import type { ScrubAnswers } from './scrub-answers.ts'
import type { PrimarySessions } from './sessions.ts'
import { decodeCompare, decodeCompared, decodeMend, decodeMended } from './wire/compare.ts'
import { decodeFetch, decodeFetched } from './wire/fetch.ts'
import { decodeForward, decodeForwarded } from './wire/forward.ts'
import { FRAME, type FrameKind } from './wire/frame.ts'
import { decodeResync } from './wire/resync.ts'
import { decodeScrub, decodeScrubbed } from './wire/scrub.ts'
import { decodeSync } from './wire/sync.ts'
import { decodeDiverged, decodeTwin, encodeDiverged, type Twin } from './wire/twin.ts'

export interface SideFramesOptions {
  readonly storage: Pick<ReplicaVolume, 'digestAt'>
  /** Whether this is the session in which this replica follows. */
  readonly isReceiving: (session: SessionRef) => boolean
  readonly wantSync: (lsn: Lsn) => void
  readonly base: BaseReceiving
  readonly sessions: PrimarySessions
  readonly forwarding: Forwarding
  readonly fetching: Fetching
  readonly questions: Questions
  readonly scrubAnswers: ScrubAnswers
}

export class SideFrames {
  readonly #o: SideFramesOptions

  constructor(options: SideFramesOptions) {
    this.#o = options
  }

  /** `release` is called once. False when the frame makes no sense, or may not come on this side. */
  take(peer: PeerLink, kind: FrameKind, payload: Uint8Array, release: () => void): boolean {
    if (kind === FRAME.fetch || kind === FRAME.fetched) {
      const isGood = this.#fetch(peer, kind, payload)
      release()
      return isGood
    }
    if (peer.side === 'acceptor') return this.#fromPrimary(peer, kind, payload, release)
    const isGood = this.#fromReplica(peer, kind, payload)
    release()
    return isGood
  }

  /** From either side. */
  #fetch(peer: PeerLink, kind: FrameKind, payload: Uint8Array): boolean {
    const fetch = kind === FRAME.fetch ? decodeFetch(payload) : undefined
    const fetched = kind === FRAME.fetched ? decodeFetched(payload) : undefined
    if (fetch !== undefined) void this.#o.fetching.answer(peer, fetch)
    if (fetched !== undefined) this.#o.fetching.take(peer, fetched)
    return fetch !== undefined || fetched !== undefined
  }

  #fromPrimary(peer: PeerLink, kind: FrameKind, payload: Uint8Array, release: () => void): boolean {
    const frame = decodeResync(kind, payload)
    if (frame !== undefined && isFromPrimary(frame)) {
      this.#o.base.take(frame, release)
      return true
    }
    const sync = kind === FRAME.sync ? decodeSync(payload) : undefined
    const twin = kind === FRAME.twin ? decodeTwin(payload) : undefined
    const forwarded = kind === FRAME.forwarded ? decodeForwarded(payload) : undefined
    const isScrub = this.#scrub(peer, kind, payload)
    release()
    if (sync !== undefined && this.#o.isReceiving(sync.session)) this.#o.wantSync(sync.lsn)
    if (twin !== undefined && this.#o.isReceiving(twin.session)) void this.#compare(peer, twin)
    if (forwarded !== undefined) this.#o.forwarding.take(peer, forwarded)
    return isScrub || sync !== undefined || twin !== undefined || forwarded !== undefined
  }

  /** Questions of a scrub: whether this is one. */
  #scrub(peer: PeerLink, kind: FrameKind, payload: Uint8Array): boolean {
    const { scrubAnswers } = this.#o
    const compare = kind === FRAME.compare ? decodeCompare(payload) : undefined
    const mend = kind === FRAME.mend ? decodeMend(payload) : undefined
    const scrub = kind === FRAME.scrub ? decodeScrub(payload) : undefined
    if (compare !== undefined) void scrubAnswers.compare(peer, compare)
    if (mend !== undefined) void scrubAnswers.mend(peer, mend)
    if (scrub !== undefined) scrubAnswers.scrub(peer, scrub)
    return compare !== undefined || mend !== undefined || scrub !== undefined
  }

  /** Answers of a replica to those: whether this is one. */
  #scrubbed(peer: PeerLink, kind: FrameKind, payload: Uint8Array): boolean {
    const { questions } = this.#o
    const compared = kind === FRAME.compared ? decodeCompared(payload) : undefined
    const mended = kind === FRAME.mended ? decodeMended(payload) : undefined
    const scrubbed = kind === FRAME.scrubbed ? decodeScrubbed(payload) : undefined
    if (compared !== undefined) questions.take(peer, { kind: 'compared', ...compared })
    if (mended !== undefined) questions.take(peer, { kind: 'mended', ...mended })
    if (scrubbed !== undefined) questions.take(peer, { kind: 'scrubbed', ...scrubbed })
    return compared !== undefined || mended !== undefined || scrubbed !== undefined
  }

  #fromReplica(peer: PeerLink, kind: FrameKind, payload: Uint8Array): boolean {
    if (kind === FRAME.compared || kind === FRAME.mended || kind === FRAME.scrubbed) {
      return this.#scrubbed(peer, kind, payload)
    }
    if (kind === FRAME.forward) {
      const forward = decodeForward(payload)
      if (forward !== undefined) void this.#o.forwarding.answer(peer, forward)
      return forward !== undefined
    }
    if (kind === FRAME.diverged) {
      const diverged = decodeDiverged(payload)
      if (diverged !== undefined) this.#o.sessions.diverged(diverged)
      return diverged !== undefined
    }
    const frame = decodeResync(kind, payload)
    return frame !== undefined && this.#o.sessions.take(frame)
  }

  /** Tells the primary when the entry that both should have is another one here. */
  async #compare({ link }: PeerLink, { session, lsn, digest }: Twin): Promise<void> {
    const own = await this.#o.storage.digestAt(lsn).catch((error: unknown) => {
      // damage is not divergence, and is found out when it is read for somebody
      if (!isBlockError(error)) throw error
      return undefined
    })
    if (own === undefined || own === digest) return
    link.send(FRAME.diverged, [encodeDiverged({ session, lsn })])
  }
}
