/** The cluster's log of who leads: notes of the reducer as events (docs/events.md lists the kinds). */
import type { LeadNote, SealReason } from '../failover/lead-state.ts'
import type { VolumeRecord } from '../records.ts'
import type { NewEvent } from './records-view.ts'

export type NameOf = (server: string) => string

/** Notes that are for this process alone give none. */
export function leadEvents(
  volume: VolumeRecord,
  notes: readonly LeadNote[],
  nameOf: NameOf,
  by: Pick<NewEvent, 'actor' | 'requestId'>,
): readonly NewEvent[] {
  return notes.flatMap((note) => {
    const event = leadEvent(volume, note, nameOf)
    return event === null ? [] : [{ ...by, volume: volume.uuid, ...event }]
  })
}

type Told = Omit<NewEvent, 'actor' | 'volume' | 'requestId'>

function leadEvent({ name }: VolumeRecord, note: LeadNote, nameOf: NameOf): Told | null {
  switch (note.kind) {
    case 'sealing': {
      const { epoch, why } = note
      const message = `${name}: a primary for epoch ${epoch} is sought: ${SEAL_REASONS[why]}`
      return {
        severity: why === 'lease_over' ? 'warning' : 'info',
        kind: 'volume.sealing',
        message,
        reason: why,
        epoch,
      }
    }
    case 'promoted':
      return promoted(name, note, nameOf)
    case 'operatorNeeded':
      return {
        severity: 'error',
        kind: 'volume.operator_needed',
        message: `${name}: every member answered and none of them may lead; \`basalt volume preflight ${name}\` says what a forced promotion would lose`,
        epoch: note.epoch,
      }
    case 'moveFailed':
      return {
        severity: 'warning',
        kind: 'volume.move_failed',
        server: note.to,
        message: `${name}: the lead did not go to ${nameOf(note.to)}: ${note.why === 'not_drained' ? 'the primary could not drain in time and serves on' : 'the primary did not answer'}`,
        reason: note.why,
      }
    case 'setChanged': {
      const joined = note.joined.map((server) => `${nameOf(server)} joined`)
      const left = note.left.map((server) => `${nameOf(server)} left`)
      return {
        severity: left.length > 0 ? 'warning' : 'info',
        kind: left.length > 0 ? 'volume.member_left' : 'volume.member_joined',
        server: [...note.left, ...note.joined][0] ?? null,
        message: `${name}: ${[...joined, ...left].join(', ')} the in-sync set`,
      }
    }
    case 'serving':
    case 'epochAbove':
    case 'setAbove':
      return null
  }
}

function promoted(name: string, note: Extract<LeadNote, { kind: 'promoted' }>, nameOf: NameOf): Told {
  const { epoch, server, before, how, lsn, loss, unreached } = note
  const who = nameOf(server)
  const from = {
    first: `${who} leads`,
    again: `${who} leads again`,
    moved: `the lead went from ${nameOf(before)} to ${who}`,
    failover: `${who} took over from ${nameOf(before)}`,
    forced: `${who} was made to lead by force`,
  }[how]
  const lost =
    loss === null
      ? ''
      : loss.lastLsn >= loss.firstLsn
        ? `; LSNs ${loss.firstLsn} to ${loss.lastLsn} may be lost`
        : `; what was written after LSN ${lsn} may be lost`
  const silent =
    unreached.length === 0
      ? ''
      : `; not reached, and perhaps still serving: ${unreached.map(nameOf).join(', ')}`
  return {
    severity: loss === null ? 'info' : 'error',
    kind: loss === null ? 'volume.promoted' : 'volume.promoted_with_loss',
    server,
    message: `${name}: ${from} in epoch ${epoch}${lost}${silent}`,
    reason: how,
    epoch,
    lsn,
  }
}

const SEAL_REASONS: Readonly<Record<SealReason, string>> = {
  lease_over: 'the lease of the primary ran out',
  reopened: 'the primary was started again',
  ended: 'the primary leads no more',
  stopped: 'the primary stopped when it was asked to',
  refused: 'the winner refused',
  not_taken: 'the winner did not begin to lead',
  used_up: 'the epoch was led before',
  asked: 'it was asked for',
  forced: 'it was asked for by force',
  deleted: 'the volume is being deleted',
}
