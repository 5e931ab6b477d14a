/** One hostile connection, drawn from a seed: what it sends, in which pieces, and how it leaves. */
import { SeededRandom } from '../../sim/random.ts'
import { chunks, mutateBytes } from '../iscsi/mutate.ts'
import {
  anyDraft,
  connectDraft,
  type Digests,
  enableDraft,
  icReq,
  mutateFields,
  type Names,
  wire,
} from './pdus.ts'

export interface HostileStream {
  readonly seed: number
  readonly chunks: readonly Uint8Array[]
  /** `closes`: the peer resets the connection when it has sent all; `silent`: it waits for the target to end it. */
  readonly ending: 'closes' | 'silent'
  /** The volume stands still while the peer sends. */
  readonly holds: boolean
  /** How often an R2T is answered. */
  readonly solicitedShare: number
  /** What was asked for by an ICReq that is right; else what the target sends cannot be told apart. */
  readonly readable: (Digests & { readonly alignmentBytes: number }) | undefined
}

const PDUS_MAX = 24
const QUEUES = 6

/** `controller`: an enabled controller of the hostile host, for its I/O queues. */
export function hostileStream(
  seed: number,
  host: Omit<Names, 'qid' | 'controllerId'> & { readonly controllerId: number },
): HostileStream {
  const random = new SeededRandom(seed)
  const digests = { header: random.chance(0.3), data: random.chance(0.3) }
  const none = { header: false, data: false }
  const shape = random.weighted({ io: 8, admin: 8, wrongStart: 4, noStart: 1 })
  const parts: Uint8Array[] = []
  const qid = shape === 'io' ? 1 + random.integer(QUEUES) : 0
  const start = icReq(digests, random)
  if (shape !== 'noStart') {
    const first = wire(start, none)
    if (shape !== 'wrongStart') parts.push(first)
    else
      parts.push(
        random.chance(0.5) ? wire(mutateFields(random, start), none, true) : mutateBytes(random, first),
      )
    const connect = connectDraft({ ...host, qid, controllerId: qid === 0 ? 0xffff : host.controllerId })
    parts.push(wire(random.chance(0.95) ? connect : mutateFields(random, connect), digests))
    if (qid === 0 && random.chance(0.9)) parts.push(wire(enableDraft(), digests))
  }
  // Few streams are all right, and few all wrong: what is wrong has to find some state.
  const wrongShare = random.pick([0, 0.05, 0.2, 0.2, 0.5])
  let cid = 3
  for (let left = random.integer(PDUS_MAX); left > 0; left--) {
    const draft = anyDraft(random, qid, random.chance(0.95) ? cid++ : random.integer(cid))
    if (!random.chance(wrongShare)) parts.push(wire(draft, digests))
    else if (random.chance(0.6)) parts.push(wire(mutateFields(random, draft), digests, random.chance(0.3)))
    else parts.push(mutateBytes(random, wire(draft, digests)))
  }
  return {
    seed,
    chunks: chunks(random, Buffer.concat(parts)),
    holds: random.chance(0.2),
    solicitedShare: random.pick([0, 0.5, 1]),
    ending: random.chance(0.1) ? 'silent' : 'closes',
    readable:
      shape === 'io' || shape === 'admin'
        ? { ...digests, alignmentBytes: (start.header[10]! + 1) * 4 }
        : undefined,
  }
}
