/**
 * Known bugs of the replication rules: each is what the rule would be if one of its conditions seemed needless. Every
 * one must be caught by the random clusters (`node test/cluster/main.ts --mutants`), within so many seeds.
 */
import type { Mutant } from './catalogue.ts'

const ENGINE = 'src/v2engine'

export const REPLICATION_MUTANTS: readonly Mutant[] = [
  {
    name: 'epoch-continued-after-reopen',
    about: 'an assignment that comes late makes a reopened primary go on in its old epoch',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/authority.ts`,
        find: "  if (marks.served >= epoch.number) return 'epoch already served'\n  if (opening !== marks.opening) return 'another opening'\n",
        replace: '  void opening\n',
      },
    ],
  },
  {
    name: 'lost-history-kept',
    about: 'a replica that flushed entries of a lost history drops its log only, and catches up',
    clusterSeeds: 4000,
    patches: [
      { file: `${ENGINE}/plan.ts`, find: '    follow.image <= D &&\n', replace: '' },
      {
        file: `${ENGINE}/follow.ts`,
        find: "  if (local.image > plan.proof.D) return 'image beyond common'\n",
        replace: '',
      },
      {
        file: `${ENGINE}/follow.ts`,
        find: "  assert(state.local.image <= plan.proof.D, 'the image holds nothing of what is dropped')\n",
        replace: '',
      },
    ],
  },
  {
    name: 'add-without-barrier',
    about: 'a replica is put into the set without being counted in first, and without a barrier after that',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/counting.ts`,
        find: 'primary.change === null ? ',
        replace: "primary.change === null || primary.change.kind === 'add' ? ",
      },
      {
        file: `${ENGINE}/set-changes.ts`,
        find: 'counts(peer) && peer.confirmed >= change.barrier',
        replace: 'counts(peer)',
      },
    ],
  },
  {
    name: 'doubtful-promoted',
    about: 'a member that may have lost what it acknowledged counts for a promotion like any other',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/rules/promotion.ts`,
        find: 'answers.filter((answer) => isSound(answer.standing))',
        replace: 'answers.filter((answer) => isSound({ ...answer.standing, isDoubtful: false }))',
      },
    ],
  },
  {
    name: 'greatest-lsn-wins',
    about: 'the longest log wins a promotion, of whatever epoch its last entry is',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/identity.ts`,
        find: 'a.epoch - b.epoch || a.lsn - b.lsn',
        replace: 'a.lsn - b.lsn',
      },
    ],
  },
  {
    name: 'one-answer-is-enough',
    about: 'the first member that answers a seal is promoted',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/rules/promotion.ts`,
        find: 'facts.set.length - votesNeeded(facts.policy, facts.set.length) + 1',
        replace: 'Math.min(1, votesNeeded(facts.policy, facts.set.length))',
      },
    ],
  },
  {
    name: 'early-durable',
    about: 'a replica reports durable what it has only appended',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/follow.ts`,
        find: '  const { appended, durable } = state.local\n',
        replace: '  const { appended } = state.local\n  const durable = appended\n',
      },
    ],
  },
  {
    name: 'stale-epoch-accepted',
    about: 'a primary of a lower epoch is obeyed',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/follow.ts`,
        find: "  if (epoch.number < sealed.number) return 'stale'\n",
        replace: "  if (epoch.number < sealed.number) return 'obeyed'\n",
      },
    ],
  },
  {
    name: 'no-joint-rule',
    about: 'while a change of the set is open only the old set is asked',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/counting.ts`,
        find: '[primary.set.members, primary.change.next]',
        replace: '[primary.set.members]',
      },
    ],
  },
  {
    name: 'acknowledged-before-removal',
    about: 'a member that shall leave is not waited for any more, before the registry has answered',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/counting.ts`,
        find: '[primary.set.members, primary.change.next]',
        replace:
          "(primary.change.kind === 'remove' ? [primary.change.next] : [primary.set.members, primary.change.next])",
      },
    ],
  },
  {
    name: 'removal-before-commit-held',
    about: 'a member leaves a quorum although the others do not hold all that is committed',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/set-changes.ts`,
        find: "primary.policy.mode.kind !== 'sync_quorum' ||\n  committableBy(state, primary, members) >= inheritedLsn(state, primary)",
        replace: 'committableBy(state, primary, members) >= 0',
      },
    ],
  },
  {
    name: 'cas-without-version',
    about: 'the registry takes a change of the set whatever version it was made for',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/rules/set-change.ts`,
        find: "  if (request.version !== facts.set.version) return refused('another version')\n",
        replace: '',
      },
    ],
  },
  {
    name: 'doubt-forgotten',
    about: 'a second reopening forgets the doubt of the first',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/open.ts`,
        find: '(stored?.isDoubtful ?? false) || !isSameCache',
        replace: '!isSameCache',
      },
    ],
  },
  {
    name: 'promotion-of-any-opening',
    about: 'a promotion is taken by another opening than the one whose answer won',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/authority.ts`,
        find: "  if (opening !== marks.opening) return 'another opening'\n",
        replace: '  void opening\n',
      },
    ],
  },
  {
    name: 'target-at-head',
    about: 'a resync is frozen at the head, which may need this very replica to be committed',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/plan.ts`,
        find: '  const target = facts.commit\n',
        replace: '  const target = local.appended\n',
      },
    ],
  },
  {
    name: 'base-without-common',
    about: 'a resync begins at the durable LSN, although that is of a lost history',
    clusterSeeds: 4000,
    patches: [
      { file: `${ENGINE}/plan.ts`, find: 'lsn(Math.min(D, R, target))', replace: 'lsn(Math.min(R, target))' },
      {
        file: `${ENGINE}/follow.ts`,
        find: 'const isOrdered = plan.base <= plan.proof.D && plan.base <= plan.target',
        replace: 'const isOrdered = plan.base <= plan.target',
      },
      {
        file: `${ENGINE}/local-cuts.ts`,
        find: "  assert(base <= common, 'what the replica keeps is common')\n",
        replace: '',
      },
    ],
  },
  {
    name: 'resync-not-marked',
    about: 'a replica takes base blocks without the mark that it is no whole copy',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/local-cuts.ts`,
        find: "  persistMarks(state, { resync: { ...resync, phase: 'copying' } }, out)\n",
        replace: '  persistMarks(state, { resync: null }, out)\n',
      },
    ],
  },
  {
    name: 'seal-not-durable',
    about: 'a member answers a seal before the epoch is durable, and obeys the old primary after a crash',
    clusterSeeds: 0,
    patches: [
      {
        file: `${ENGINE}/authority.ts`,
        find: '  persistMarks(state, { sealed: epoch }, out)\n',
        replace: '  state.marks = { ...state.marks, sealed: epoch }\n',
      },
    ],
  },
  {
    name: 'start-not-committed',
    about: 'entries of earlier epochs are committed before the start entry of this one',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/advance.ts`,
        find: 'if (startLsn === null || agreed < startLsn) return',
        replace: 'if (startLsn === null) return',
      },
    ],
  },
  {
    name: 'promise-not-kept',
    about: 'a member that promised its primary a lease seals another epoch at once',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/authority.ts`,
        find: "role.kind === 'following' && nowMs < state.boundUntilMs",
        replace: "role.kind === 'following' && nowMs < Number.NEGATIVE_INFINITY",
      },
    ],
  },
  {
    name: 'promise-of-last-opening-forgotten',
    about: 'a member that reopened does not wait for what it may have promised before',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/open.ts`,
        find: 'facts.nowMs + facts.bounds.leaseMs + facts.bounds.marginMs',
        replace: 'facts.nowMs',
      },
    ],
  },
  {
    name: 'one-promise-is-enough',
    about: 'a primary without its master goes on with the promise of a single member',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/rules/lease.ts`,
        find: 'promises[votesNeeded(facts.policy, set.length) - 2]',
        replace: 'promises[Math.min(0, votesNeeded(facts.policy, set.length))]',
      },
    ],
  },
  {
    name: 'grant-from-receipt',
    about: 'a grant counts from when it came, not from when it was asked for',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/authority.ts`,
        find: 'message.askedAtMs + Math.min(message.leaseMs, state.bounds.leaseMs)',
        replace: 'nowMs + Math.min(message.leaseMs, state.bounds.leaseMs)',
      },
    ],
  },
  {
    name: 'any-session-acknowledges',
    about: 'what comes of a session that is over counts for the present one',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/identity.ts`,
        find: '  a.id === b.id &&\n  sameEpoch(a.epoch, b.epoch) &&\n  a.primaryOpening === b.primaryOpening &&\n  a.replicaOpening === b.replicaOpening\n',
        replace: '  a.epoch.number > 0 && b.epoch.number > 0\n',
      },
    ],
  },
  {
    name: 'stale-answers-count',
    about: 'what members said to an earlier seal counts for the next one',
    clusterSeeds: 20_000,
    patches: [
      {
        file: 'src/master/failover/sealing.ts',
        find: '    answers: NO_ANSWERS,\n',
        replace: '',
      },
      {
        file: 'src/master/failover/sealing.ts',
        find: '(answers.has(server) || isBound) && !isConfirming',
        replace: 'isBound && !isConfirming',
      },
    ],
  },
  {
    name: 'log-not-cut',
    about: 'entries stream behind an append of an earlier session that is still on its way',
    clusterSeeds: 0,
    patches: [
      {
        file: `${ENGINE}/follow.ts`,
        find: '  dropLog(state, plan.dropAbove, out)\n',
        replace: '  if (state.local.appended > plan.dropAbove) dropLog(state, plan.dropAbove, out)\n',
      },
    ],
  },
  {
    name: 'lost-disk-is-whole',
    about: 'a member that comes back with an empty disk counts like any other',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/open.ts`,
        find: '(stored === null ? facts.madeIn !== null : stored.isDamaged)',
        replace: '(stored === null ? false : stored.isDamaged)',
      },
    ],
  },
  {
    name: 'damaged-outvoted',
    about: 'what is left after damage is promoted, although all who had what was flushed may be damaged',
    clusterSeeds: 20_000,
    patches: [
      {
        file: `${ENGINE}/rules/promotion.ts`,
        find: 'able.length >= needed || hasAllFlushed(facts, answers, able)',
        replace: 'able.length >= needed || able.length > 0 || hasAllFlushed(facts, answers, able)',
      },
    ],
  },
  {
    name: 'lag-unbounded',
    about: 'best_effort acknowledges however far a member lags, and never lets it go',
    clusterSeeds: 4000,
    patches: [
      {
        file: `${ENGINE}/advance.ts`,
        find: 'return isLate ? at : at + mode.maxLagEntries',
        replace: 'return isLate ? Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY',
      },
      {
        file: `${ENGINE}/set-changes.ts`,
        find: '  return sinceMs !== undefined && nowMs - sinceMs > mode.maxLagMs\n',
        replace: '  return sinceMs === undefined && nowMs < 0\n',
      },
    ],
  },
]
