/** A decision while it is being made: of one step, seen by nobody else. */
import { assert } from '../../base/assert.ts'
import { epochNumber } from '../../base/units.ts'
import { serverId } from '../../v2engine/identity.ts'
import type { SetRecord } from '../../v2engine/marks.ts'
import type { AuthorityMessage } from '../../v2engine/messages.ts'
import type { LeadRecord } from '../records.ts'
import type { Decision, LeadFacts, LeadNote, LeadState } from './lead-state.ts'

export class Draft {
  readonly facts: LeadFacts
  readonly notes: LeadNote[] = []
  readonly #before: LeadRecord
  #record: LeadRecord
  #state: LeadState
  readonly #send: { to: string; message: AuthorityMessage }[] = []

  constructor(record: LeadRecord, state: LeadState, facts: LeadFacts) {
    this.#before = record
    this.#record = record
    this.#state = state
    this.facts = facts
  }

  get record(): LeadRecord {
    return this.#record
  }
  get state(): LeadState {
    return this.#state
  }

  set(change: Partial<LeadState>): void {
    this.#state = { ...this.#state, ...change }
  }

  change(change: Partial<LeadRecord>): void {
    const next = { ...this.#record, ...change }
    assert(next.epoch.number >= this.#record.epoch.number, 'epochs only rise')
    assert(next.set.version >= this.#record.set.version, 'versions of a set only rise')
    this.#record = next
  }

  send(to: string, message: AuthorityMessage): void {
    this.#send.push({ to, message })
  }

  /** The set as servers and the shared rules name it. */
  setRecord(): SetRecord {
    const { epoch, version, members } = this.#record.set
    return { epoch: epochNumber(epoch), version, members: members.map(serverId) }
  }

  decision(wakeAtMs: number): Decision {
    return {
      record: this.#record === this.#before ? null : this.#record,
      state: this.#state,
      send: this.#send,
      notes: this.notes,
      wakeAtMs,
    }
  }
}
