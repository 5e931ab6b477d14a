/**
 * The reducer of who leads a volume: record, state and event in; a record to be made durable first, a state, and messages
 * out. Pure: no clock, no randomness, no I/O.
 *
 * Always true of what comes out: epochs only rise; an epoch names one primary and one opening, once; nobody is promoted
 * while a grant of an earlier epoch may be believed by who holds it; no message names an epoch, a primary or a set that is
 * not in the record of this decision or of one before it.
 */
import { sameEpoch, serverId } from '../../v2engine/identity.ts'
import { compareSets } from '../../v2engine/marks.ts'
import type { ToAuthority } from '../../v2engine/messages.ts'
import { decideSetChange } from '../../v2engine/rules/set-change.ts'
import type { LeadRecord } from '../records.ts'
import { assign } from './assign.ts'
import { Draft } from './draft.ts'
import {
  type Decision,
  freshState,
  isAbout,
  type LeadBeat,
  type LeadEvent,
  type LeadFacts,
  type LeadState,
} from './lead-state.ts'
import { grant, MOVE_BEAT_MS, MOVE_MS, onLeadTick, stopAgain } from './leading.ts'
import { askMember, nextAskMs, onAnswer, onSealingTick, seal } from './sealing.ts'

/** `state` null: this process knows nothing of the volume yet. */
export function step(
  record: LeadRecord,
  state: LeadState | null,
  event: LeadEvent,
  facts: LeadFacts,
): Decision {
  const draft = new Draft(
    record,
    state === null || !isAbout(state, record) ? freshState(record, facts) : state,
    facts,
  )
  switch (event.kind) {
    case 'beat':
      onBeat(draft, event.server, event.beat)
      break
    case 'message':
      onMessage(draft, event.server, event.message)
      break
    case 'tick':
      onTick(draft)
      break
    case 'replicas':
      if (draft.record.state === 'serving' && facts.may === 'lead') assign(draft)
      onTick(draft)
      break
    case 'prefer': {
      const { server, waitMs } = event
      draft.set({
        preferred: server === null ? null : { server, sinceMs: facts.nowMs, waitMs, isMove: false },
      })
      break
    }
    case 'move':
      onMove(draft, event.to)
      break
    case 'promote':
      onPromote(draft, event.server, event.isForced)
      break
  }
  return draft.decision(wakeAtMs(draft))
}

function wakeAtMs({ facts, state, record }: Draft): number {
  if (facts.may === 'hold') return Number.POSITIVE_INFINITY
  if (record.state === 'sealing') return nextAskMs(state, facts.nowMs)
  const lapsesAtMs = state.grantOverMs + 1
  return state.phase.kind === 'moving' ? Math.min(lapsesAtMs, facts.nowMs + MOVE_BEAT_MS) : lapsesAtMs
}

function onTick(draft: Draft): void {
  if (draft.facts.may === 'hold') return
  if (draft.record.state === 'sealing') onSealingTick(draft)
  else if (draft.facts.may === 'end') seal(draft, 'deleted', false)
  else onLeadTick(draft)
}

function onBeat(draft: Draft, server: string, beat: LeadBeat): void {
  const { record, state, facts } = draft
  if (beat.sealed !== null && isAbove(draft, beat.sealed)) {
    draft.notes.push({ kind: 'epochAbove', server, epoch: beat.sealed.number })
    return
  }
  if (beat.set !== null && compareSets(beat.set, record.set) > 0) {
    draft.notes.push({ kind: 'setAbove', server, version: beat.set.version })
    return
  }
  if (facts.may === 'hold') return
  if (record.state === 'sealing') {
    askMember(draft, server, beat.opening)
    return
  }
  if (facts.may === 'end') {
    seal(draft, 'deleted', false)
    return
  }
  const { opening } = record
  if (record.primary !== server || opening === null || beat.opening < opening) return
  if (beat.opening > opening) {
    // that opening is over, and with it the epoch
    seal(draft, 'reopened', true)
    return
  }
  const { phase } = state
  if (beat.leads !== null && sameEpoch(beat.leads, state.epoch)) {
    grant(draft, server, beat)
  } else if (phase.kind === 'leading' || phase.kind === 'moving') {
    // an epoch is led once: whoever led it and does not any more is done with it; unless this beat is an older one
    if (beat.leads === null && beat.askedAtMs > phase.heardMs) seal(draft, 'ended', true)
  } else if (phase.kind === 'assigned') {
    if (facts.nowMs - phase.sinceMs > TAKE_MS) seal(draft, 'not_taken', false)
    else assign(draft)
  }
}

/** What a winner may take to lead, from when it was promoted. */
export const TAKE_MS = 8000

function onMessage(draft: Draft, server: string, message: ToAuthority): void {
  const { record, state, facts } = draft
  const isOfEpoch = sameEpoch(message.epoch, state.epoch)
  const isOfPrimary = isOfEpoch && record.state === 'serving' && record.primary === server
  switch (message.kind) {
    case 'sealed':
      if (isOfEpoch && message.server === server) onAnswer(draft, message)
      return
    case 'sealLater':
      if (isOfEpoch && state.phase.kind === 'sealing') {
        const later = new Map(state.phase.later).set(server, facts.nowMs + message.waitMs)
        draft.set({ phase: { ...state.phase, later } })
      }
      return
    case 'sealRefused':
      if (isAbove(draft, message.sealed)) {
        draft.notes.push({ kind: 'epochAbove', server, epoch: message.sealed.number })
      }
      return
    case 'assignRefused':
      if (!isOfPrimary || facts.may === 'hold' || message.why === 'another server') return
      seal(draft, 'refused', IS_FINAL[message.why])
      return
    case 'changeSet':
      onChangeSet(draft, server, message)
      return
    case 'readSet':
      tellSet(draft, server)
      return
    case 'stopped':
      if (isOfPrimary && message.opening === record.opening && facts.may !== 'hold') {
        seal(draft, 'stopped', true)
        draft.set({ isDrained: message.isDrained })
      }
      return
    case 'stopFailed':
      if (isOfPrimary && state.phase.kind === 'moving') stopAgain(draft, 'not_drained')
      return
    case 'serving':
      if (!isOfPrimary || state.phase.kind !== 'assigned') return
      draft.set({ phase: { kind: 'leading', heardMs: Number.POSITIVE_INFINITY, isServing: true }, burnt: 0 })
      draft.notes.push({ kind: 'serving', epoch: record.epoch.number, server })
      return
  }
}

/**
 * Whether who refused can never lead the epoch after that. Of the others its own answer to the next seal, or the end of its
 * grant, says that it serves no more: an assignment may have come twice and have been taken once.
 */
const IS_FINAL = {
  'epoch not sealed here': false,
  'epoch already served': true,
  'another opening': true,
  resyncing: false,
  'not a replica': false,
  stopped: true,
} as const

/** An epoch that this registry did not give. */
const isAbove = ({ state }: Draft, sealed: LeadState['epoch']): boolean =>
  sealed.number > state.epoch.number || (sealed.number === state.epoch.number && sealed.id !== state.epoch.id)

function onChangeSet(
  draft: Draft,
  server: string,
  request: Extract<ToAuthority, { kind: 'changeSet' }>,
): void {
  const { record, state, facts } = draft
  const set = draft.setRecord()
  const verdict = decideSetChange(
    {
      policy: facts.policy,
      epoch: state.epoch,
      isSealing: record.state === 'sealing',
      primary: serverId(record.primary),
      set,
    },
    request,
  )
  const joined = request.members.filter((member) => !set.members.includes(member))
  const isKnown = joined.every((member) => facts.replicas.some((replica) => replica.server === member))
  if (verdict.kind === 'accepted' && isKnown && record.primary === server && facts.may === 'lead') {
    draft.change({ set: verdict.set })
    const left = set.members.filter((member) => !request.members.includes(member))
    if (joined.length + left.length > 0) draft.notes.push({ kind: 'setChanged', joined, left })
  }
  tellSet(draft, server)
}

function tellSet(draft: Draft, to: string): void {
  const { record, state, facts } = draft
  if (record.state !== 'serving' || facts.may === 'hold') return
  draft.send(to, { kind: 'setIs', epoch: state.epoch, set: draft.setRecord() })
}

function onMove(draft: Draft, to: string): void {
  const { record, state, facts } = draft
  if (facts.may !== 'lead' || state.phase.kind !== 'leading' || record.primary === to) return
  const { heardMs } = state.phase
  draft.set({
    phase: { kind: 'moving', heardMs, to, sinceMs: facts.nowMs, toldMs: facts.nowMs },
    preferred: { server: to, sinceMs: facts.nowMs, waitMs: MOVE_MS, isMove: true },
  })
  draft.send(record.primary, { kind: 'stop', epoch: state.epoch })
}

function onPromote(draft: Draft, server: string | null, isForced: boolean): void {
  const { facts } = draft
  if (facts.may !== 'lead') return
  if (server !== null)
    draft.set({ preferred: { server, sinceMs: facts.nowMs, waitMs: MOVE_MS, isMove: false } })
  // an epoch that is being sealed will do: nobody leads it
  const isSealing = draft.record.state === 'sealing'
  if (!isSealing) seal(draft, isForced ? 'forced' : 'asked', false)
  const { phase } = draft.state
  if (isForced && phase.kind === 'sealing') draft.set({ phase: { ...phase, force: { server } } })
  if (isSealing) onSealingTick(draft, true)
}
