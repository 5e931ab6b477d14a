/**
 * The language of the transcripts. A line is an event; `at MS` moves the clock; a line that begins with `. ` is carried out
 * without showing what follows. Epoch N has the id 11 × N unless it is written N/ID. Openings are 1 unless `o=` says another.
 *
 *   volume mode=sync_all members=a,b,c [replicas=a,b,c]     a new record, of which nobody was told yet
 *   may lead | hold | end · replicas a,b · forget           (forget: another process of the master)
 *   tick · told                                             (told: replicas changed)
 *   a beats [leads=1] [obeys=1] [o=2] [asked=MS] [has=LSN] [serves]
 *   a sealed 1 last=EPOCH:LSN [o=2] [doubtful] [damaged] [resyncing] [served]
 *   a later 1 wait=MS · a sealRefused 1 by=4 · a refuses 1 another opening · a serving 1
 *   a stopped 1 [o=2] · a stopFailed 1 · a changeSet 1 v1 a,b · a readSet 1
 *   move to=b · prefer b wait=MS · promote [b] [force]
 */
import { assert } from '../../../src/base/assert.ts'
import { type Epoch, epochNumber, lsn } from '../../../src/base/units.ts'
import {
  type Decision,
  firstLead,
  type LeadEvent,
  type LeadFacts,
  type LeadState,
} from '../../../src/master/failover/lead-state.ts'
import { step } from '../../../src/master/failover/step.ts'
import type { LeadRecord } from '../../../src/master/records.ts'
import { opening, type ServerId, serverId } from '../../../src/v2engine/identity.ts'
import type { AssignRefusal, ToAuthority } from '../../../src/v2engine/messages.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../../src/v2engine/policy.ts'

const REFUSALS: readonly AssignRefusal[] = [
  'another server',
  'epoch not sealed here',
  'epoch already served',
  'another opening',
  'resyncing',
  'not a replica',
  'stopped',
]

export class Script {
  #record: LeadRecord | null = null
  #state: LeadState | null = null
  #policy: Policy = policyOf('sync_all', 3)
  #replicas: readonly string[] = []
  #may: LeadFacts['may'] = 'lead'
  #nowMs = 0

  /** What follows from the line, as lines. */
  run(line: string): readonly string[] {
    const words = line.trim().split(/\s+/)
    const [first = '', second = ''] = words
    const named = new Map(words.flatMap((word) => (word.includes('=') ? [pair(word)] : [])))
    switch (first) {
      case 'at':
        this.#nowMs = Number(second)
        return []
      case 'volume': {
        const members = list(named.get('members') ?? 'a,b,c')
        this.#policy = policyOf(named.get('mode') ?? 'sync_all', members.length)
        this.#replicas = list(named.get('replicas') ?? members.join())
        this.#record = firstLead(members, 11n)
        this.#state = null
        return []
      }
      case 'may':
        this.#may = second === 'hold' || second === 'end' ? second : 'lead'
        return []
      case 'replicas':
        this.#replicas = list(second)
        return []
      case 'forget':
        this.#state = null
        return []
      default:
        return this.#step(eventOf(words, named, this.#nowMs))
    }
  }

  #step(event: LeadEvent): readonly string[] {
    const record = this.#record
    assert(record !== null, 'a transcript begins with `volume`')
    const decision = step(record, this.#state, event, {
      nowMs: this.#nowMs,
      policy: this.#policy,
      bounds: DEFAULT_BOUNDS,
      replicas: this.#replicas.map((server) => ({ server: serverId(server), endpoint: `${server}:7460` })),
      leadershipMs: Number.POSITIVE_INFINITY,
      may: this.#may,
      spareEpochId: BigInt(record.epoch.number + 1) * 11n,
    })
    this.#record = decision.record ?? record
    this.#state = decision.state
    return show(decision, this.#nowMs)
  }
}

function eventOf(words: readonly string[], named: ReadonlyMap<string, string>, nowMs: number): LeadEvent {
  const [first = '', verb = '', third = ''] = words
  if (first === 'tick') return { kind: 'tick' }
  if (first === 'told') return { kind: 'replicas' }
  if (first === 'move') return { kind: 'move', to: named.get('to') ?? '' }
  if (first === 'prefer') return { kind: 'prefer', server: verb, waitMs: Number(named.get('wait') ?? 0) }
  if (first === 'promote') {
    const server = words.slice(1).find((word) => word !== 'force') ?? null
    return { kind: 'promote', server, isForced: words.includes('force') }
  }
  const of = opening(Number(named.get('o') ?? 1))
  if (verb === 'beats') {
    const leads = named.get('leads')
    const sealed = named.get('obeys')
    return {
      kind: 'beat',
      server: first,
      beat: {
        opening: of,
        askedAtMs: Number(named.get('asked') ?? nowMs),
        leads: leads === undefined ? null : epochOf(leads),
        isServing: words.includes('serves'),
        sealed: sealed === undefined ? null : epochOf(sealed),
        set: null,
        appended: Number(named.get('has') ?? 0),
      },
    }
  }
  return {
    kind: 'message',
    server: first,
    message: messageOf(serverId(first), verb, epochOf(third), words, named),
  }
}

function messageOf(
  server: ServerId,
  verb: string,
  epoch: Epoch,
  words: readonly string[],
  named: ReadonlyMap<string, string>,
): ToAuthority {
  const of = opening(Number(named.get('o') ?? 1))
  switch (verb) {
    case 'sealed': {
      const [lastEpoch = '0', lastLsn = '0'] = (named.get('last') ?? '0:0').split(':')
      const [isDoubtful, isDamaged, isResyncing] = ['doubtful', 'damaged', 'resyncing'].map((word) =>
        words.includes(word),
      )
      return {
        kind: 'sealed',
        epoch,
        server,
        opening: of,
        last: { epoch: epochNumber(Number(lastEpoch)), lsn: Number(lastLsn) },
        standing: {
          isDoubtful: isDoubtful === true,
          isDamaged: isDamaged === true,
          isResyncing: isResyncing === true,
        },
        hasServed: words.includes('served'),
      }
    }
    case 'later':
      return { kind: 'sealLater', epoch, waitMs: Number(named.get('wait')) }
    case 'sealRefused':
      return { kind: 'sealRefused', epoch, sealed: epochOf(named.get('by') ?? '') }
    case 'refuses': {
      const why = REFUSALS.find((one) => one === words.slice(3).join(' '))
      assert(why !== undefined, `a reason is not known: ${words.join(' ')}`)
      return { kind: 'assignRefused', epoch, why }
    }
    case 'serving':
      return { kind: 'serving', epoch, startLsn: lsn(1) }
    case 'stopped':
      return { kind: 'stopped', epoch, opening: of, isDrained: true }
    case 'stopFailed':
      return { kind: 'stopFailed', epoch }
    case 'changeSet':
      return {
        kind: 'changeSet',
        epoch,
        version: Number(words[3]?.slice(1)),
        members: list(words[4] ?? '').map(serverId),
      }
    case 'readSet':
      return { kind: 'readSet', epoch }
    default:
      throw new Error(`nobody knows: ${words.join(' ')}`)
  }
}

function show({ record, send, notes, wakeAtMs }: Decision, nowMs: number): readonly string[] {
  const lines: string[] = []
  if (record !== null) {
    const { epoch, state, primary, set, mayHaveLost } = record
    const who = record.opening === null ? 'nobody' : `${primary} (opening ${record.opening})`
    const loss = mayHaveLost ? ', may have lost' : ''
    lines.push(`record: ${state} ${epoch.number}, ${who}, set v${set.version} ${set.members.join()}${loss}`)
  }
  for (const { to, message } of send) {
    const { kind, epoch } = message
    const more =
      kind === 'assign'
        ? ` opening ${message.opening}, set v${message.set.version} ${message.set.members.join()}, replicas ${message.replicas.map(({ server }) => server).join()}`
        : kind === 'grant'
          ? ` asked ${message.askedAtMs} for ${message.leaseMs}`
          : kind === 'setIs'
            ? ` v${message.set.version} ${message.set.members.join()}`
            : ''
    lines.push(`to ${to}: ${kind} ${epoch.number}${more}`)
  }
  for (const { kind, ...facts } of notes) {
    const more = Object.entries(facts).map(
      ([name, value]) => ` ${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
    )
    lines.push(`note: ${kind}${more.join('')}`)
  }
  if (wakeAtMs < Number.POSITIVE_INFINITY) lines.push(`tick in ${wakeAtMs - nowMs} ms`)
  return lines
}

function pair(word: string): [string, string] {
  const at = word.indexOf('=')
  return [word.slice(0, at), word.slice(at + 1)]
}

const list = (text: string): readonly string[] => text.split(',').filter((word) => word !== '')

function epochOf(text: string): Epoch {
  const [number = '0', id] = text.split('/')
  return { number: epochNumber(Number(number)), id: BigInt(id ?? Number(number) * 11) }
}

function policyOf(mode: string, replicaFactor: number): Policy {
  if (mode === 'sync_quorum') return { mode: { kind: mode }, replicaFactor }
  if (mode === 'best_effort') return { mode: { kind: mode, maxLagEntries: 9, maxLagMs: 999 }, replicaFactor }
  return { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor }
}
