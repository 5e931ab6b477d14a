/**
 * Runs the reducer of one volume, one event after the other. What changes nothing durable (a grant, a repeated seal) is
 * carried out at once; anything else is decided again inside the registry's change, against the record as it is then, and
 * carried out when it is durable. Events that come meanwhile wait: nothing is granted beside a decision that ends it.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import { serverId } from '../../v2engine/identity.ts'
import type { Replica } from '../../v2engine/messages.ts'
import type { Bounds } from '../../v2engine/policy.ts'
import type { Decision, LeadEvent, LeadFacts, LeadNote, LeadState } from '../failover/lead-state.ts'
import { step } from '../failover/step.ts'
import type { ServerLinks } from '../links.ts'
import type { Caller } from '../master-api.ts'
import type { VolumeRecord } from '../records.ts'
import { leadEvents } from './lead-events.ts'
import type { RecordStore, RecordsView, RecordWrite } from './records-view.ts'
import type { TimerWheel, Waiting } from './timer-wheel.ts'

export interface LeadPorts {
  readonly store: RecordStore
  readonly links: ServerLinks
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly bounds: Bounds
  readonly wheel: TimerWheel
  /** How long this master leads for certain. */
  readonly leadershipMs: () => number
  /** What was decided is durable and was told; without notes, whether hosts are served is seen otherwise. */
  readonly decided: (volume: string, notes: readonly LeadNote[]) => void
}

/** Who asked for it, for events. */
type Asker = Pick<Caller, 'actor' | 'requestId'>
export const BY_ITSELF: Asker = { actor: 'master', requestId: null }

interface Queued {
  readonly event: LeadEvent
  readonly asker: Asker
  readonly done: ((error: unknown) => void) | null
}

/** What waits while a decision is on its way to the registry; beyond that beats and messages are lost, as they may be. */
const WAITING_MAX = 256
/** After a registry that failed. */
const RETRY_MS = 1000

export class VolumeLead implements Waiting {
  readonly volume: string
  readonly #ports: LeadPorts
  #state: LeadState | null = null
  #isBusy = false
  readonly #queue: Queued[] = []
  #isEnded = false
  wakeAtMs = Number.POSITIVE_INFINITY
  slot = Number.POSITIVE_INFINITY

  constructor(volume: string, ports: LeadPorts) {
    this.volume = volume
    this.#ports = ports
  }

  get state(): LeadState | null {
    return this.#state
  }

  /** Nothing of it is carried out any more. */
  end(): void {
    this.#isEnded = true
    this.wakeAtMs = Number.POSITIVE_INFINITY
    for (const { done } of this.#queue.splice(0)) done?.(null)
  }

  wake(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY
    this.post({ kind: 'tick' })
  }

  post(event: LeadEvent): void {
    this.#submit({ event, asker: BY_ITSELF, done: null })
  }

  /** Resolves when what follows from it is durable and told; rejects with what the registry threw. */
  ask(event: LeadEvent, asker: Asker): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown): void => (error === null ? resolve() : reject(error))
      this.#submit({ event, asker, done })
    })
  }

  #submit(queued: Queued): void {
    if (this.#isEnded) {
      queued.done?.(null)
      return
    }
    if (!this.#isBusy) {
      this.#run(queued)
      return
    }
    if (this.#queue.length < WAITING_MAX || queued.done !== null) this.#queue.push(queued)
  }

  #run(queued: Queued): void {
    const { store, clock } = this.#ports
    const { view } = store
    const volume = view.volume(this.volume)
    if (volume === undefined) {
      queued.done?.(null)
      return
    }
    const nowMs = clock.bootMs()
    const decision = this.#decide(view, volume, queued.event, nowMs, NO_EPOCH)
    if (decision.record === null && leadEvents(volume, decision.notes, String, queued.asker).length === 0) {
      this.#carryOut(decision)
      queued.done?.(null)
      return
    }
    this.#isBusy = true
    void this.#record(queued, nowMs)
  }

  async #record(queued: Queued, nowMs: number): Promise<void> {
    const { store, random, clock, logger } = this.#ports
    const epochId = random.u64()
    let failure: unknown = null
    try {
      const decision = await store.change((records) => {
        const volume = records.volume(this.volume)
        if (volume === undefined) return { writes: [], result: null }
        const made = this.#decide(records, volume, queued.event, nowMs, epochId)
        const nameOf = (server: string): string => records.server(server)?.name ?? server
        const events = leadEvents(volume, made.notes, nameOf, queued.asker)
        return { writes: writesOf(volume, made), events, result: made }
      })
      if (decision !== null && !this.#isEnded) this.#carryOut(decision)
    } catch (error) {
      if (!isBlockError(error)) throw error
      failure = error
      logger.warn('lead.not_recorded', { volume: this.volume, code: error.code }, error)
      this.#wakeAt(clock.bootMs() + RETRY_MS)
    }
    this.#isBusy = false
    queued.done?.(failure)
    while (!this.#isBusy) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#run(next)
    }
  }

  /** Nothing leaves before the record is durable. */
  #carryOut(decision: Decision): void {
    const { links, decided } = this.#ports
    const wasServing = isServing(this.#state)
    this.#state = decision.state
    const { volume } = this
    for (const { to, message } of decision.send) links.send(to, { kind: 'replica', volume, message })
    this.#wakeAt(decision.wakeAtMs)
    if (decision.notes.length > 0 || isServing(this.#state) !== wasServing) decided(volume, decision.notes)
  }

  #wakeAt(atMs: number): void {
    this.wakeAtMs = atMs
    this.#ports.wheel.add(this)
  }

  #decide(
    records: RecordsView,
    volume: VolumeRecord,
    event: LeadEvent,
    nowMs: number,
    spareEpochId: bigint,
  ): Decision {
    const { bounds, leadershipMs } = this.#ports
    const facts: LeadFacts = {
      nowMs,
      policy: volume.policy,
      bounds,
      // most events ask for nothing of it
      get replicas() {
        return namedReplicas(records, volume)
      },
      leadershipMs: leadershipMs(),
      may: mayLead(records, volume),
      spareEpochId,
    }
    return step(volume.lead, this.#state, event, facts)
  }
}

const isServing = (state: LeadState | null): boolean =>
  state?.phase.kind === 'leading' && state.phase.isServing

/** Stands for the next epoch's id in a decision that is only looked at. */
const NO_EPOCH = 0n

function writesOf(volume: VolumeRecord, { record }: Decision): readonly RecordWrite[] {
  if (record === null) return []
  const state = volume.state === 'creating' && record.hasServed ? 'active' : volume.state
  return [{ kind: 'volume', record: { ...volume, lead: record, state } }]
}

export function mayLead(records: RecordsView, volume: VolumeRecord): LeadFacts['may'] {
  if (records.cluster.lock !== null) return 'hold'
  if (volume.state === 'deleting') return 'end'
  const isBeingMade = !volume.lead.hasServed && volume.replicas.some(({ state }) => state === 'allocating')
  return isBeingMade ? 'hold' : 'lead'
}

/** Those that are made and are to stay, and the primary itself, which no assignment leaves out. */
function namedReplicas(records: RecordsView, volume: VolumeRecord): readonly Replica[] {
  const named: Replica[] = []
  for (const { server, state } of volume.replicas) {
    const endpoint = records.server(server)?.addresses.replication
    const isNamed = state === 'ready' || server === volume.lead.primary
    if (isNamed && endpoint !== undefined) named.push({ server: serverId(server), endpoint })
  }
  return named
}
