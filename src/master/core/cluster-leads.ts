/** Who leads, for jobs and the API: one `VolumeLead` for each volume of the registry, and what is asked of them. */
import { BlockError } from '../../base/errors.ts'
import { isSound } from '../../v2engine/marks.ts'
import { freshState, isAbout, type LeadNote } from '../failover/lead-state.ts'
import { type MemberFacts, preflight } from '../failover/preflight.ts'
import { waitsOf } from '../failover/waits.ts'
import type { LeadRecord, VolumeRecord } from '../records.ts'
import type { LeadPreflight, LeadStatus, Leads, MoveOutcome } from './cluster.ts'
import { LeadMoves } from './lead-moves.ts'
import { type LeadRefusal, LeadRefusals } from './lead-refusals.ts'
import type { LiveServers } from './live-servers.ts'
import type { RecordsView } from './records-view.ts'
import { BY_ITSELF, type LeadPorts, mayLead, VolumeLead } from './volume-lead.ts'

export class ClusterLeads implements Leads {
  readonly #ports: LeadPorts
  readonly #live: LiveServers
  readonly #leads = new Map<string, VolumeLead>()
  readonly #moves = new LeadMoves()
  readonly #refusals = new LeadRefusals()

  constructor(ports: Omit<LeadPorts, 'decided'>, live: LiveServers) {
    this.#ports = { ...ports, decided: (volume, notes) => this.#decided(volume, notes) }
    this.#live = live
  }

  /** Called with every decision that is worth a note, once it is durable. */
  onNotes: (volume: string, notes: readonly LeadNote[]) => void = () => undefined

  /** Called when something of a volume changed that servers may have to hear of. */
  onWake: (volume: string) => void = () => undefined

  /** The one of a volume that the registry has; undefined of any other, whose own is ended. */
  of(volume: string): VolumeLead | undefined {
    const known = this.#leads.get(volume)
    if (this.#ports.store.view.volume(volume) === undefined) {
      known?.end()
      this.#leads.delete(volume)
      this.#refusals.forget(volume)
      return undefined
    }
    if (known !== undefined) return known
    const made = new VolumeLead(volume, this.#ports)
    this.#leads.set(volume, made)
    return made
  }

  wake(volume: string): void {
    this.of(volume)?.post({ kind: 'replicas' })
    this.onWake(volume)
  }

  /** The server of the record, until it said that it serves no more: silence proves nothing, for members may have promised. */
  mayServe(uuid: string): string | null {
    const { lead } = this.#volume(uuid)
    if (!lead.hasServed) return null
    if (lead.state === 'serving') return lead.primary
    const state = this.of(uuid)?.state ?? null
    return state !== null && isAbout(state, lead) && state.hasStopped ? null : lead.primary
  }

  wakeAll(): void {
    for (const { uuid } of this.#ports.store.view.volumes()) this.wake(uuid)
  }

  /** To be called now and then. */
  sweep(nowMs: number): void {
    this.#moves.sweep(nowMs, (volume) => this.#ports.store.view.volume(volume)?.lead.primary ?? '')
    for (const volume of this.#leads.keys()) this.of(volume)
  }

  close(): void {
    this.#moves.close()
    for (const lead of this.#leads.values()) lead.end()
  }

  status(uuid: string): LeadStatus {
    const volume = this.#volume(uuid)
    const { store, clock, bounds } = this.#ports
    const state = this.of(uuid)?.state ?? null
    const phase = state?.phase
    const isOperatorNeeded = phase?.kind === 'sealing' && phase.isOperatorNeeded
    const rest = { isOperatorNeeded, refusal: this.#refusals.of(uuid) }
    const blocked = blockedBy(store.view, volume)
    if (blocked !== null) {
      const wait = { reason: blocked, message: BLOCKED[blocked], untilMs: null, servers: [] }
      return { phase: 'waiting', why: wait.message, waits: [wait], ...rest }
    }
    if (phase?.kind === 'leading' && this.isServed(uuid)) {
      return { phase: 'serving', why: null, waits: [], ...rest }
    }
    const nowMs = clock.bootMs()
    const about =
      state !== null && isAbout(state, volume.lead) ? state : freshState(volume.lead, { nowMs, bounds })
    const waits = waitsOf(volume.lead, about, {
      ...{ nowMs, policy: volume.policy },
      nameOf: (server) => this.#nameOf(server),
      isPrimaryConnected: this.#live.server(volume.lead.primary)?.isConnected === true,
    })
    const kind = about.phase.kind === 'leading' ? 'assigned' : about.phase.kind
    return { phase: kind, why: waits[0]?.message ?? null, waits, ...rest }
  }

  /** The primary of the record is connected, leads its epoch and serves hosts, as far as it said. */
  isServed(uuid: string): boolean {
    const volume = this.#ports.store.view.volume(uuid)
    if (volume === undefined || volume.lead.state !== 'serving') return false
    const { primary, epoch } = volume.lead
    if (this.#live.server(primary)?.isConnected !== true) return false
    const phase = this.#leads.get(uuid)?.state?.phase
    if (phase?.kind === 'leading' && phase.isServing) return true
    const open = this.#live.replica(uuid, primary)?.open
    return open?.isServing === true && open.leads?.id.toString() === epoch.id
  }

  preflight(uuid: string): LeadPreflight {
    const volume = this.#volume(uuid)
    const { store, clock } = this.#ports
    const state = this.of(uuid)?.state ?? null
    const blocked = blockedBy(store.view, volume)
    const servers = new Set([...volume.lead.set.members, ...volume.replicas.map(({ server }) => server)])
    return preflight({
      lead: volume.lead,
      policy: volume.policy,
      members: [...servers].map((server) => this.#member(volume, server)),
      blocked,
      isGrantRunning: state === null || (!state.hasStopped && clock.bootMs() < state.grantOverMs),
      heardLsn: state?.heardLsn ?? 0,
    })
  }

  #member(volume: VolumeRecord, server: string): MemberFacts {
    const live = this.#live.server(server)
    const open = live?.replicas.get(volume.uuid)?.open ?? null
    return {
      server,
      name: this.#nameOf(server),
      isConnected: live?.isConnected === true,
      isLeaving: volume.replicas.some((replica) => replica.server === server && replica.state === 'leaving'),
      open: open && { standing: open.standing, appended: open.appended, isServing: open.isServing },
    }
  }

  #nameOf(server: string): string {
    return this.#ports.store.view.server(server)?.name ?? server
  }

  async move(uuid: string, to: string): Promise<MoveOutcome> {
    const volume = this.#volume(uuid)
    const { store, clock } = this.#ports
    const refused = (reason: string, why: string): BlockError => {
      this.#refused(uuid, 'move', reason, `it was not moved to ${this.#nameOf(to)}: ${why}`)
      return new BlockError('CONFLICT', `${volume.name} cannot be moved: ${why}`, {
        facts: { reason, volume: uuid },
      })
    }
    if (store.view.cluster.lock !== null) throw refused('locked', 'the cluster is locked')
    if (volume.state === 'deleting') throw refused('being_deleted', 'it is being deleted')
    const lead = this.of(uuid)
    if (lead?.state?.phase.kind === 'moving' || this.#moves.has(uuid)) {
      throw refused('move_in_progress', 'it is being moved already')
    }
    if (volume.lead.state === 'serving' && volume.lead.primary === to) return { kind: 'moved' }
    if (lead?.state?.phase.kind !== 'leading' || volume.lead.state !== 'serving') {
      throw refused('not_serving', 'nobody serves it now')
    }
    const { name, isConnected, open } = this.#member(volume, to)
    if (!volume.lead.set.members.includes(to))
      throw refused('not_a_member', `${name} is not in its in-sync set`)
    if (!isConnected || open === null) throw refused('not_connected', `${name} is not connected`)
    if (!isSound(open.standing)) throw refused('not_sound', `its replica at ${name} is not sound`)
    const outcome = this.#moves.wait(uuid, to, clock.bootMs())
    await lead.ask({ kind: 'move', to }, BY_ITSELF)
    const isStillLed = this.#volume(uuid).lead.epoch.number === volume.lead.epoch.number
    if (isStillLed && this.status(uuid).phase !== 'moving') {
      this.#moves.fail(uuid, 'no_answer', volume.lead.primary)
    }
    return await outcome
  }

  async promote(uuid: string, request: Parameters<Leads['promote']>[1]): Promise<void> {
    const volume = this.#volume(uuid)
    const { server, force, actor, requestId = null } = request
    const found = this.preflight(uuid)
    const refused = (message: string, facts: { reason: string; unsafe?: boolean }): BlockError => {
      this.#refused(uuid, 'promote', facts.reason, `nobody was promoted: ${message}`)
      return new BlockError('CONFLICT', `${volume.name}: ${message}`, { facts: { volume: uuid, ...facts } })
    }
    const { reason } = found
    if (reason === 'locked' || reason === 'being_deleted' || reason === 'being_made') {
      throw refused(found.message, { reason })
    }
    if (!force && reason === 'alone' && server === null) throw refused(found.message, { reason })
    if (!force && !found.isPromotable && reason !== 'alone') {
      throw refused(found.message, { reason, unsafe: true })
    }
    const isMember = server === null || volume.lead.set.members.includes(server)
    const isReplica = server === null || volume.replicas.some((replica) => replica.server === server)
    if (!isReplica)
      throw refused(`${this.#nameOf(server ?? '')} has no replica of it`, { reason: 'not_a_replica' })
    if (!force && !isMember) {
      throw refused(`${this.#nameOf(server ?? '')} is not in its in-sync set`, {
        reason: 'not_in_set',
        unsafe: true,
      })
    }
    const to = server ?? found.candidate
    if (!force && found.isPrimaryAlive && to !== null) {
      const outcome = await this.move(uuid, to)
      if (outcome.kind === 'moved') return
      const why = MOVE_FAILED[outcome.reason] ?? 'another server leads it now'
      throw refused(`it was not handed over to ${this.#nameOf(to)}: ${why}`, { reason: outcome.reason })
    }
    await this.of(uuid)?.ask({ kind: 'promote', server, isForced: force }, { actor, requestId })
  }

  async retire(uuid: string): Promise<LeadRecord> {
    const volume = this.#volume(uuid)
    const { store } = this.#ports
    if (store.view.cluster.lock !== null) {
      throw new BlockError('CONFLICT', `${volume.name} cannot end: the cluster is locked`, {
        facts: { reason: 'locked', volume: uuid },
      })
    }
    await this.of(uuid)?.ask({ kind: 'tick' }, BY_ITSELF)
    const { lead } = this.#volume(uuid)
    if (lead.state !== 'sealing') {
      throw new BlockError('BUSY', `${volume.name} is not marked as being deleted`, {
        facts: { volume: uuid },
      })
    }
    return lead
  }

  #decided(volume: string, notes: readonly LeadNote[]): void {
    const record = this.#ports.store.view.volume(volume)
    if (record !== undefined) this.#moves.decided(volume, notes, record.lead)
    for (const note of notes) {
      if (note.kind === 'serving') this.#refusals.forget(volume)
      if (note.kind === 'moveFailed') {
        this.#refused(
          volume,
          'move',
          note.why,
          `it was not moved to ${this.#nameOf(note.to)}: ${MOVE_FAILED[note.why]}`,
        )
      }
    }
    this.onNotes(volume, notes)
    this.#live.tell({ volume })
  }

  #refused(volume: string, what: LeadRefusal['what'], reason: string, message: string): void {
    this.#refusals.note(volume, { what, reason, message, atMs: this.#ports.clock.bootMs() })
  }

  #volume(uuid: string): VolumeRecord {
    const volume = this.#ports.store.view.volume(uuid)
    if (volume === undefined) {
      throw new BlockError('NOT_FOUND', `the registry has no volume ${uuid}`, { facts: { volume: uuid } })
    }
    return volume
  }
}

const MOVE_FAILED: Readonly<Record<string, string>> = {
  not_drained: 'the primary could not drain in time and serves on',
  no_answer: 'the primary did not answer',
  closed: 'the master is being stopped',
}

const BLOCKED = {
  locked: 'the cluster is locked',
  being_deleted: 'it is being deleted',
  being_made: 'its first replicas are being made',
} as const

function blockedBy(records: RecordsView, volume: VolumeRecord): keyof typeof BLOCKED | null {
  if (records.cluster.lock !== null) return 'locked'
  const may = mayLead(records, volume)
  if (may === 'end') return 'being_deleted'
  return may === 'hold' ? 'being_made' : null
}
