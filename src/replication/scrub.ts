/**
 * A scrub of a volume that this server leads: it and every replica that is in sync verify all that they have, bad copies are
 * replaced by good ones of others; then what the block maps say is compared between them (comparison.ts).
 */
import { BlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { ScrubFinding, ScrubStatus } from '../blockvol/api.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'
import { Comparison, type ComparisonFinding, type ComparisonOptions } from './comparison.ts'
import type { PeerLink } from './peer-links.ts'
import type { Questions } from './questions.ts'
import { FRAME } from './wire/frame.ts'
import { encodeScrub, FOUND_MAX } from './wire/scrub.ts'

/** Between questions how far a replica is: more and more, for a small volume is done soon. */
const POLL_MS = { first: 20, most: 1_000 }
const POLL_ANSWER_MS = 10_000

export interface ReplicaScrub {
  readonly repair: boolean
  /** Ends it: CLOSED. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: { done: number; total: number; unit: 'bytes' }) => void
  /** What could not be looked at, in a sentence: a replica that went away, or stayed busy. */
  readonly onMissed?: (message: string) => void
}

export interface ReplicaScrubResult extends Pick<ScrubStatus, 'verifiedBytes' | 'errors' | 'repaired'> {
  /** At most 1000. */
  readonly found: readonly (ScrubFinding & { readonly server: string })[]
  /** What could not be looked at. */
  readonly missed: readonly string[]
}

export interface ScrubMeans
  extends Pick<
    ComparisonOptions,
    'clock' | 'server' | 'fetching' | 'peers' | 'commitLsn' | 'diverged' | 'bytesPerSecond'
  > {
  readonly clock: Clock
  readonly storage: Pick<ReplicaVolume, 'device' | 'comparer' | 'readExact'>
  readonly questions: Questions
  /** Whether this server leads as it did when the scrub began. */
  readonly leads: () => boolean
}

type Part = Pick<ScrubStatus, 'verifiedBytes' | 'errors' | 'repaired' | 'found'>

const MISSED_MAX = 100

/** Errors as of `Volume.scrub`; CLOSED, too, when the lead is lost. */
export async function scrubReplica(means: ScrubMeans, request: ReplicaScrub): Promise<ReplicaScrubResult> {
  const { storage, server, peers, leads } = means
  const { repair, signal, onProgress, onMissed } = request
  const missed: string[] = []
  const say = (message: string): void => {
    if (missed.length < MISSED_MAX) missed.push(message)
    onMissed?.(message)
  }
  const goesOn = (): boolean => !signal.aborted && leads()
  const asked = peers()
  const [own, ...others] = await Promise.all([
    storage.device.scrub({
      repair,
      signal,
      onProgress: ({ doneBytes, totalBytes }) =>
        // the comparison comes after it
        onProgress({ done: doneBytes * 0.9, total: totalBytes, unit: 'bytes' }),
    }),
    ...asked.map((peer) => scrubPeer(means, peer, { repair, goesOn, say })),
  ])
  const result = new Result()
  result.add(own, server)
  for (const [i, part] of others.entries()) if (part !== undefined) result.add(part, asked[i]!.server)
  const total = Math.max(1, own.totalBytes)
  const comparison = new Comparison({
    ...{ ...means, repair, goesOn },
    found: (finding) => result.compared(finding),
    missed: say,
    onProgress: (done, of) =>
      onProgress({ done: Math.floor(total * (0.9 + (0.1 * done) / of)), total, unit: 'bytes' }),
  })
  await comparison.run()
  if (!goesOn()) throw new BlockError('CLOSED', 'the scrub was cancelled, or the lead is lost')
  onProgress({ done: total, total, unit: 'bytes' })
  return { ...result.counts, found: result.found, missed }
}

let lastPass = 0

/** Undefined when the replica did not get to the end; then that is said. */
async function scrubPeer(
  { questions, clock }: ScrubMeans,
  peer: PeerLink,
  options: {
    readonly repair: boolean
    readonly goesOn: () => boolean
    readonly say: (message: string) => void
  },
): Promise<Part | undefined> {
  const { repair, goesOn, say } = options
  lastPass = lastPass === 0xffff_ffff ? 1 : lastPass + 1
  const pass = lastPass
  const question = { kind: FRAME.scrub, answer: 'scrubbed', forMs: POLL_ANSWER_MS } as const
  for (let pauseMs = POLL_MS.first; ; pauseMs = Math.min(2 * pauseMs, POLL_MS.most)) {
    const isCancelled = !goesOn()
    const answer = await questions.ask(peer, question, (numbered) =>
      encodeScrub({ ...numbered, pass, repair, isCancelled }),
    )
    if (isCancelled) return undefined
    if (answer?.state === 'ended') return answer
    if (answer?.state !== 'running') {
      say(
        `${peer.server} did not verify all that it has: ${answer === undefined ? 'it does not answer' : 'it cannot now'}`,
      )
      return undefined
    }
    await clock.sleep(pauseMs)
  }
}

/** What all replicas found, and what the comparison made good after that. */
class Result {
  counts = { verifiedBytes: 0, errors: 0, repaired: 0 }
  found: ComparisonFinding[] = []

  add({ verifiedBytes, errors, repaired, found }: Part, server: string): void {
    const { counts } = this
    this.counts = {
      verifiedBytes: counts.verifiedBytes + verifiedBytes,
      errors: counts.errors + errors,
      repaired: counts.repaired + repaired,
    }
    for (const one of found) this.#list({ ...one, server })
  }

  compared(finding: ComparisonFinding): void {
    const isSame = ({ block, server, what }: ComparisonFinding): boolean =>
      block === finding.block && server === finding.server && (what === 'unknown' || what === 'checksum')
    const before = this.found.find((one) => isSame(one) && !one.repaired)
    const { counts } = this
    if (before !== undefined) {
      this.found.splice(this.found.indexOf(before), 1)
      this.counts = { ...counts, errors: counts.errors - 1 }
    }
    if (finding.repaired) this.counts = { ...this.counts, repaired: this.counts.repaired + 1 }
    else this.counts = { ...this.counts, errors: this.counts.errors + 1 }
    this.#list(finding)
  }

  #list(finding: ComparisonFinding): void {
    if (this.found.length < FOUND_MAX) this.found.push(finding)
  }
}
