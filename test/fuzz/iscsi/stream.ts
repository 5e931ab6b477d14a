/** One hostile connection, drawn from a seed: what it sends, in which pieces, and how it leaves. */
import { SeededRandom } from '../../sim/random.ts'
import { chunks, mutateBytes, mutateFields, wire } from './mutate.ts'
import { anyDraft, Counters, haggleDrafts, loginDraft, strangerDrafts } from './pdus.ts'

export interface HostileStream {
  readonly seed: number
  /** What it sends before it waits for the answer to its login, and after. */
  readonly chunks: readonly [login: readonly Uint8Array[], rest: readonly Uint8Array[]]
  /**
   * - `closes`: the peer resets the connection when it has sent all;
   * - `silent`: it says nothing more and waits for the target to end it.
   */
  readonly ending: 'closes' | 'silent'
  /** The volume stands still while the peer sends, and until it has gone if it closes. */
  readonly holds: boolean
  /** How often an R2T is answered with the data that it asks for, where answers can be read. */
  readonly solicitedShare: number
  /** The login is right and asks for these digests: what the target sends can be read. */
  readonly readable: { readonly header: boolean; readonly data: boolean } | undefined
}

const PDUS_MAX = 24
const ISIDS = 8

/** `targets`: one that is open to all, and one that asks for a secret. */
export function hostileStream(
  seed: number,
  targets: { readonly open: string; readonly closed: string },
): HostileStream {
  const random = new SeededRandom(seed)
  const digests = { header: random.chance(0.3), data: random.chance(0.3) }
  const shape = random.weighted({ right: 16, wrongLogin: 4, noLogin: 2, stranger: 1, haggle: 2 })
  const logins: Uint8Array[] = []
  const none = { header: false, data: false }
  const initiatorName = 'iqn.2026-11.org.example:fuzz'
  if (shape === 'stranger' || shape === 'haggle') {
    const drafts =
      shape === 'stranger'
        ? strangerDrafts(random, { initiatorName, targetName: targets.closed })
        : haggleDrafts(random, { initiatorName, targetName: targets.open })
    for (const draft of drafts) {
      logins.push(wire(random.chance(0.9) ? draft : mutateFields(random, draft), none))
    }
  } else if (shape !== 'noLogin') {
    const login = loginDraft({
      initiatorName,
      targetName: random.chance(0.9) ? targets.open : undefined,
      isid: random.integer(ISIDS),
      headerDigest: digests.header,
      dataDigest: digests.data,
    })
    if (shape === 'right') logins.push(wire(login, none))
    else if (random.chance(0.5)) logins.push(wire(mutateFields(random, login), none))
    else logins.push(mutateBytes(random, wire(login, none)))
  }
  const parts = random.chance(0.05) ? logins.splice(0) : []
  const counters = new Counters()
  // Few streams are all right, and few all wrong: what is wrong has to find some state.
  const wrongShare = random.pick([0, 0.05, 0.2, 0.2, 0.5])
  for (let left = random.integer(PDUS_MAX); left > 0; left--) {
    const draft = anyDraft(random, counters)
    if (!random.chance(wrongShare)) parts.push(wire(draft, digests))
    else if (random.chance(0.6)) parts.push(wire(mutateFields(random, draft), digests))
    else parts.push(mutateBytes(random, wire(draft, digests)))
  }
  return {
    seed,
    chunks: [chunks(random, Buffer.concat(logins)), chunks(random, Buffer.concat(parts))],
    holds: random.chance(0.2),
    solicitedShare: random.pick([0, 0.5, 1]),
    ending: random.chance(0.1) ? 'silent' : 'closes',
    readable: shape === 'right' ? digests : undefined,
  }
}
