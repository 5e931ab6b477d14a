/**
 * Known bugs of who may decide and who may answer: the election between masters, leases, seals and promotions. Each must be
 * caught by the cluster simulator or by one of its directed scenarios, as those of `replication.ts` are.
 */
import type { Mutant } from './catalogue.ts'

const STEP = 'src/master/failover/step.ts'
const SEALING = 'src/master/failover/sealing.ts'
const LEADERSHIP = 'src/master/election/leadership.ts'
const ELECTION = 'src/master/election/election.ts'
const DEVICE = 'src/replication/device.ts'

export const MASTER_MUTANTS: readonly Mutant[] = [
  {
    name: 'old-leader-grants',
    about: 'a master leads until it hears that another one does',
    patches: [
      {
        file: LEADERSHIP,
        find: 'leadershipMs: () => (this.#term === term ? leadershipLeftMs(this.#state, clock.bootMs()) : 0)',
        replace: 'leadershipMs: () => (this.#term === term ? Number.POSITIVE_INFINITY : 0)',
      },
    ],
  },
  {
    name: 'grant-beyond-leadership',
    about: 'a grant is as long as ever, however short the leadership of who gives it still is',
    patches: [
      {
        file: 'src/master/failover/leading.ts',
        find: 'Math.min(bounds.leaseMs, facts.leadershipMs)',
        replace: '(facts.leadershipMs > 0 ? bounds.leaseMs : 0)',
      },
    ],
  },
  {
    name: 'leadership-from-answer',
    about: 'a leadership is counted from when its renewal was answered, not from before it was sent',
    patches: [
      {
        file: ELECTION,
        find: 'Math.max(state.untilMs, certainMs(state.sentMs, bounds))',
        replace: 'Math.max(state.untilMs, certainMs(nowMs, bounds))',
      },
    ],
  },
  {
    name: 'leadership-by-stopping-clock',
    about: 'a leadership is compared with a clock that stops while the machine sleeps',
    patches: [
      {
        file: LEADERSHIP,
        find: 'leadershipLeftMs(this.#state, clock.bootMs()) : 0)',
        replace: 'leadershipLeftMs(this.#state, clock.monotonicMs()) : 0)',
      },
      {
        file: LEADERSHIP,
        find: '    const nowMs = clock.bootMs()\n    const facts',
        replace: '    const nowMs = clock.monotonicMs()\n    const facts',
      },
    ],
  },
  {
    name: 'taken-over-early',
    about: 'a master takes over when it has seen the same beat twice',
    patches: [
      {
        file: ELECTION,
        find: '  if (nowMs >= dueMs) return take',
        replace: '  if (nowMs >= state.sinceMs) return take',
      },
    ],
  },
  {
    name: 'commit-without-term',
    about: 'a master records what it decides, whoever leads by now',
    patches: [
      {
        file: 'src/master/core/record-store.ts',
        find: 'stage.transaction(plan, head, revisionOf, this.#guard)',
        replace: 'stage.transaction(plan, head, revisionOf, undefined)',
      },
      {
        file: 'src/master/core/record-store.ts',
        find: '  if (guard === undefined || revisions.get',
        replace: '  if (guard !== null || revisions.get',
      },
    ],
  },
  {
    name: 'lease-is-a-flag',
    about: 'a timer takes the lease away: whoever slept through it answers until the timer has run',
    patches: [
      {
        file: DEVICE,
        find: '  #untilMs = Number.NEGATIVE_INFINITY\n',
        replace: '  #untilMs = Number.NEGATIVE_INFINITY\n  #hasLease = false\n  #lapse = undefined\n',
      },
      {
        file: DEVICE,
        find: '    this.#untilMs = untilMs\n',
        replace:
          '    this.#untilMs = untilMs\n    this.#lapse?.cancel()\n    this.#hasLease = untilMs > this.#clock.bootMs()\n    if (this.#hasLease && this.#lost === undefined) this.#lapse = this.#clock.after(Math.min(untilMs - this.#clock.bootMs(), 1e9), () => { this.#hasLease = false })\n',
      },
      {
        file: DEVICE,
        find: '    this.#unsubscribe()\n    this.#letGo()\n',
        replace: '    this.#unsubscribe()\n    this.#lapse?.cancel()\n    this.#letGo()\n',
      },
      {
        file: DEVICE,
        find: 'if (this.#clock.bootMs() < this.#untilMs) return',
        replace: 'if (this.#hasLease) return',
      },
    ],
  },
  {
    name: 'beats-are-answers',
    about: 'what a member says in a beat counts as its answer to the seal: it is promoted without one',
    patches: [
      {
        file: STEP,
        find: '    askMember(draft, server, beat.opening)\n    return\n',
        replace:
          "    askMember(draft, server, beat.opening)\n    if (beat.sealed !== null && beat.leads === null && record.set.members.includes(server)) onAnswer(draft, { kind: 'sealed', epoch: state.epoch, server: serverId(server), opening: beat.opening, last: { epoch: beat.sealed.number, lsn: beat.appended }, standing: { isDoubtful: false, isDamaged: false, isResyncing: false }, hasServed: false })\n    return\n",
      },
    ],
  },
  {
    name: 'promoted-before-grant-is-over',
    about: 'a promotion does not wait for the last grant',
    patches: [
      {
        file: SEALING,
        find: 'const isGrantOver = state.hasStopped || facts.nowMs >= state.grantOverMs',
        replace: 'const isGrantOver = state.hasStopped || facts.nowMs >= state.grantOverMs - 3000',
      },
      {
        file: 'src/master/failover/leading.ts',
        find: '  if (facts.nowMs > state.grantOverMs) {\n',
        replace: '  if (facts.nowMs > state.grantOverMs - 2500) {\n',
      },
      {
        file: STEP,
        find: 'const lapsesAtMs = state.grantOverMs + 1\n',
        replace: 'const lapsesAtMs = state.grantOverMs - 2499\n',
      },
    ],
  },
  {
    name: 'force-skips-lease',
    about: 'a forced promotion does not wait for the last grant',
    patches: [
      {
        file: SEALING,
        find: '    if (isGrantOver) decideForced(draft, phase, phase.force)\n',
        replace: '    decideForced(draft, phase, phase.force)\n',
      },
      {
        file: SEALING,
        find: 'state.hasStopped ? 0 : state.grantOverMs)\n',
        replace: 'phase.sinceMs)\n',
      },
    ],
  },
  {
    name: 'set-change-while-sealing',
    about: 'a set change of the epoch that is being ended is taken, and told',
    patches: [
      {
        file: STEP,
        find: "      isSealing: record.state === 'sealing',\n",
        replace: '      isSealing: false,\n',
      },
      {
        file: STEP,
        find: '      epoch: state.epoch,\n      isSealing',
        replace: '      epoch: request.epoch,\n      isSealing',
      },
      {
        file: STEP,
        find: '  tellSet(draft, server)\n}\n\nfunction tellSet',
        replace:
          "  if (record.state === 'sealing') draft.send(server, { kind: 'setIs', epoch: request.epoch, set: draft.setRecord() })\n  else tellSet(draft, server)\n}\n\nfunction tellSet",
      },
    ],
  },
]
