/** Planned moves that somebody waits for. What it waits for is in memory only: after a restart it is asked for again. */
import type { LeadNote } from '../failover/lead-state.ts'
import type { LeadRecord } from '../records.ts'
import type { MoveOutcome } from './cluster.ts'

interface Waiter {
  readonly to: string
  readonly untilMs: number
  readonly resolve: (outcome: MoveOutcome) => void
}

const MOVE_WAIT_MS = 60_000

export class LeadMoves {
  readonly #waiters = new Map<string, Waiter>()

  has(volume: string): boolean {
    return this.#waiters.has(volume)
  }

  wait(volume: string, to: string, nowMs: number): Promise<MoveOutcome> {
    return new Promise((resolve) => {
      this.#waiters.set(volume, { to, untilMs: nowMs + MOVE_WAIT_MS, resolve })
    })
  }

  decided(volume: string, notes: readonly LeadNote[], lead: LeadRecord): void {
    const waiter = this.#waiters.get(volume)
    if (waiter === undefined) return
    for (const note of notes) {
      if (note.kind === 'moveFailed')
        this.#settle(volume, { kind: 'failed', reason: note.why, leads: lead.primary })
      if (note.kind !== 'serving') continue
      const outcome: MoveOutcome =
        note.server === waiter.to
          ? { kind: 'moved' }
          : { kind: 'failed', reason: 'target_lost', leads: note.server }
      this.#settle(volume, outcome)
    }
  }

  fail(volume: string, reason: string, leads: string): void {
    this.#settle(volume, { kind: 'failed', reason, leads })
  }

  /** Those that took too long. */
  sweep(nowMs: number, leadsOf: (volume: string) => string): void {
    for (const [volume, { untilMs }] of this.#waiters) {
      if (nowMs >= untilMs) this.fail(volume, 'superseded', leadsOf(volume))
    }
  }

  close(): void {
    for (const volume of [...this.#waiters.keys()]) this.fail(volume, 'closed', '')
  }

  #settle(volume: string, outcome: MoveOutcome): void {
    const waiter = this.#waiters.get(volume)
    this.#waiters.delete(volume)
    waiter?.resolve(outcome)
  }
}
