/**
 * Known bugs of what carries the replication rules out: the shell, the storage of a replica, resyncs, and the master. Each
 * must be caught by the cluster simulator or by one of its directed scenarios, as those of `replication.ts` are.
 */
import type { Mutant } from './catalogue.ts'

export const CLUSTER_MUTANTS: readonly Mutant[] = [
  {
    name: 'flush-past-commit',
    about: 'the flusher goes as far as the log is durable, committed or not',
    patches: [
      {
        file: 'src/blockvol/assembly.ts',
        find: 'const flushable = commitment.flushable(cut.lsn)',
        replace: 'const flushable = commitment.flushable(cut.lsn - cut.lsn)',
      },
    ],
  },
  {
    name: 'flush-past-durable',
    about: 'extents and map get what the log may still lose',
    patches: [
      {
        file: 'src/blockvol/checkpointer.ts',
        find: '    await writer.sync(cut.lsn)\n',
        replace: '    void writer\n',
      },
    ],
  },
  {
    name: 'uncommitted-head-skipped',
    about: 'a resync leaves a block to the live lane although its newest version is not committed',
    patches: [
      {
        file: 'src/blockvol/resync/source.ts',
        find: '      if (link.lsn <= commitLsn()) return undefined\n',
        replace: '      return undefined\n',
      },
    ],
  },
  {
    name: 'ack-before-append',
    about: 'a replica acknowledges what it was handed, before the log has it',
    patches: [
      {
        file: 'src/v2engine/follow.ts',
        find: "  out.storage.push({ kind: 'append', session: session.ref, first, last })\n  state.handed = last\n",
        replace:
          "  out.storage.push({ kind: 'append', session: session.ref, first, last })\n  state.handed = last\n  out.toPeer(from.server, from.connection, { kind: 'ack', session: session.ref, appended: last, durable: state.local.durable })\n",
      },
    ],
  },
  {
    name: 'flush-counted-by-append',
    about: 'a flush is answered when enough members have appended, not synced',
    patches: [
      {
        file: 'src/v2engine/counting.ts',
        find: 'jointLsn(primary.policy, activeSets(primary), durableAt(state, primary))',
        replace: 'jointLsn(primary.policy, activeSets(primary), appendedBy(state, primary))',
      },
      {
        file: 'src/v2engine/advance.ts',
        find: '  assertHeld(primary, answered, durableAt(state, primary))\n',
        replace: '',
      },
    ],
  },
  {
    name: 'uncommitted-read',
    about: 'a read answers the newest version, committed or not',
    patches: [
      {
        file: 'src/blockvol/reader.ts',
        find: '    if (committed !== undefined) await committed\n',
        replace: '    committed?.catch(() => undefined)\n',
      },
    ],
  },
  {
    name: 'older-version-read',
    about: 'while the newest version of a block is not committed, a read answers the one before it',
    patches: [
      {
        file: 'src/blockvol/reader.ts',
        find: "      if (kind !== 'clean' && dirty.lsn > commitLsn) return false\n",
        replace: '',
      },
      {
        file: 'src/blockvol/reader.ts',
        find: "      if (kind === 'zeros') {\n",
        replace: "      if (kind === 'zeros' && dirty.lsn <= commitLsn) {\n",
      },
      {
        file: 'src/blockvol/reader.ts',
        find: "      } else if (kind !== 'clean') {\n        const rest",
        replace: "      } else if (kind !== 'clean' && dirty.lsn <= commitLsn) {\n        const rest",
      },
    ],
  },
  {
    name: 'no-margin',
    about: 'a promise binds for the lease alone: clocks that drift are not thought of',
    patches: [
      {
        file: 'src/v2engine/follow.ts',
        find: 'nowMs + leaseMs + marginMs)',
        replace: 'nowMs + leaseMs + 0 * marginMs)',
      },
    ],
  },
  {
    name: 'new-master-does-not-wait',
    about: 'a master that restarts takes no account of the grants of the one before it',
    patches: [
      {
        file: 'src/master/failover/lead-state.ts',
        find: 'record.hasServed ? nowMs + bounds.leaseMs + bounds.marginMs : nowMs',
        replace: 'record.hasServed ? nowMs - bounds.leaseMs - bounds.marginMs : nowMs',
      },
    ],
  },
  {
    name: 'lease-not-compared',
    about: 'a device believes a lease that ran out until somebody tells it',
    patches: [
      {
        file: 'src/replication/device.ts',
        find: 'if (this.#clock.bootMs() < this.#untilMs) return',
        replace: 'if (this.#clock.bootMs() < this.#untilMs + 60_000) return',
      },
    ],
  },
  {
    name: 'removal-in-the-dark',
    about: 'a new primary lets members go before it knows what its predecessors committed',
    patches: [
      {
        file: 'src/v2engine/set-changes.ts',
        find: '  Math.max(state.commit, primary.startLsn ?? Number.POSITIVE_INFINITY)\n',
        replace: '  Math.max(state.commit, primary.startLsn === null ? 0 : state.commit)\n',
      },
    ],
  },
  {
    name: 'halt-forgotten',
    about: 'a fenced primary goes on answering reads until its lease ends',
    patches: [
      {
        file: 'src/replication/replica.ts',
        find: '    this.#leading.lose(why)\n    return this.#o.halt(why)\n',
        replace: '    return this.#o.halt(why)\n',
      },
    ],
  },
  {
    name: 'marks-not-awaited',
    about: 'what follows from marks is done before they are durable',
    patches: [
      {
        file: 'src/replication/engine-loop.ts',
        find: '      await this.#carrier.persist(item)\n',
        replace:
          "      if (item.kind === 'marks') void this.#carrier.persist(item)\n      else await this.#carrier.persist(item)\n",
      },
    ],
  },
  {
    name: 'trim-without-tombstone',
    about:
      'a trim of what the map says nobody touched leaves nothing, also while base blocks are on their way',
    patches: [
      {
        file: 'src/blockvol/checkpointer.ts',
        find: '      leavesAll: isFilling || cut.state.origin !== undefined,\n',
        replace: '      leavesAll: cut.state.origin !== undefined,\n',
      },
    ],
  },
  {
    name: 'base-block-over-newer',
    about: 'a base block is taken whatever the map has',
    patches: [
      {
        file: 'src/blockvol/resync/sink.ts',
        find: '  if (own !== lsn || own === 0) return own < lsn\n',
        replace: '  if (own !== lsn || own === 0) return true\n',
      },
    ],
  },
  {
    name: 'base-beyond-target',
    about: 'the base lane sends versions that are newer than H0',
    patches: [
      {
        file: 'src/blockvol/resync/source.ts',
        find: '      if (link.lsn <= this.target) return link\n',
        replace: '      if (link.lsn <= Number.MAX_SAFE_INTEGER) return link\n',
      },
    ],
  },
  {
    name: 'told-before-recorded',
    about:
      'the master tells a decision before the registry has it: who starts after a crash decides otherwise',
    patches: [
      {
        file: 'src/master/core/volume-lead.ts',
        find: '        return { writes: writesOf(volume, made), events, result: made }\n',
        replace:
          '        this.#carryOut(made)\n        return { writes: writesOf(volume, made), events, result: made }\n',
      },
    ],
  },
  {
    name: 'unanswered-commit-believed',
    about: 'a commit whose answer was lost counts as carried out',
    patches: [
      {
        file: 'src/master/core/record-store.ts',
        find: 'if (await this.#wasCarriedOut(failed)) this.#announce',
        replace: 'if ((await this.#wasCarriedOut(failed)) || stage.decisions > 0) this.#announce',
      },
    ],
  },
  {
    name: 'lock-ignored',
    about: 'a master whose registry is in doubt goes on deciding',
    patches: [
      {
        file: 'src/master/core/volume-lead.ts',
        find: "  if (records.cluster.lock !== null) return 'hold'\n",
        replace: '',
      },
    ],
  },
  {
    name: 'old-registry-believed',
    about: 'a server that has seen more of the registry than there is does not lock the cluster',
    patches: [
      {
        file: 'src/master/core/cluster-lock.ts',
        find: 'if (seen.seq <= toldSeq) return null',
        replace: 'if (seen.seq >= 0) return null',
      },
    ],
  },
  {
    name: 'recovered-epoch-not-raised',
    about: 'a recovery takes the next epoch of its registry, not the one above all that servers obey',
    patches: [
      {
        file: 'src/master/core/recovery.ts',
        find: 'Math.max(lead?.epoch.number ?? 0, ...open.map(({ sealed }) => sealed.number)) + 1',
        replace: 'Math.max(lead?.epoch.number ?? 0, 0 * open.length) + 1',
      },
    ],
  },
  {
    name: 'recovered-set-of-everybody',
    about: 'a recovery takes whoever holds the volume for in sync, and not the newest set that they know',
    patches: [
      {
        file: 'src/master/core/recovery.ts',
        find: ': (newest?.members ?? of.map(({ server }) => server))',
        replace: ': [...of.map(({ server }) => server), ...(newest?.members ?? [])].slice(0, of.length)',
      },
    ],
  },
  {
    name: 'resync-without-versions',
    about: 'a replica that is filled gets what blocks hold now, and nothing of what snapshots see',
    patches: [
      {
        file: 'src/blockvol/resync/source.ts',
        find: '        if (isLacking && isNext && seesBetween(snapshots, one.lsn, end)) seen.push(one)\n',
        replace: '        void [isLacking, isNext, end]\n',
      },
    ],
  },
  {
    name: 'seen-version-beside-the-map',
    about:
      'of a block whose newest version comes as a log entry, a replica gets what snapshots see into its store alone',
    patches: [
      {
        file: 'src/blockvol/resync/source.ts',
        find: 'this.#headOf(chain, snapshots) ?? standIn(seen) ?? (isAll',
        replace: 'this.#headOf(chain, snapshots) ?? (isAll',
      },
    ],
  },
  {
    name: 'base-behind-a-restore',
    about:
      'a replica is filled with a state that has lost the snapshot which a restore in its log goes back to',
    patches: [
      {
        file: 'src/blockvol/replica/replica-volume.ts',
        find: '    if (isPast || dirty.flushedRestoreLsn > options.target) return undefined\n',
        replace: '    void isPast\n',
      },
    ],
  },
  {
    name: 'base-of-an-earlier-session',
    about:
      'a replica keeps what another primary filled it with, newer than the entries that its log gets again',
    patches: [
      {
        file: 'src/v2engine/local-cuts.ts',
        find: 'above: least(common, target) })',
        replace: 'above: common })',
      },
      {
        file: 'src/v2engine/local-cuts.ts',
        find: '    image: target,\n',
        replace: '    image: lsn(Math.max(target, least(state.local.image, common))),\n',
      },
    ],
  },
  {
    name: 'base-over-what-snapshots-see',
    about: 'base blocks go over older ones that snapshots see without a copy',
    patches: [
      {
        file: 'src/blockvol/resync/sink.ts',
        find: '    await this.#preserve(changes)\n',
        replace: '    void this.#preserve\n',
      },
    ],
  },
  {
    name: 'restore-not-awaited-by-resync',
    about: 'a source offers what blocks were before a restore that is not flushed yet',
    patches: [
      {
        file: 'src/blockvol/resync/source.ts',
        find: '    if (last !== undefined) await this.#parts.flushThrough(last)\n',
        replace: '    void last\n',
      },
    ],
  },
  {
    name: 'snapshot-read-uncommitted',
    about: 'a snapshot is read before those that count have it',
    patches: [
      {
        file: 'src/blockvol/snapshots/open-images.ts',
        find: '      await commitment.committed(snapshot.lsn)\n',
        replace: '      void commitment\n',
      },
    ],
  },
  {
    name: 'snapshot-answered-when-appended',
    about: 'a snapshot is acknowledged when it is in the log of who leads',
    patches: [
      {
        file: 'src/blockvol/state-changes.ts',
        find: '    await this.settled(lsn)\n    return lsn\n',
        replace: '    return lsn\n',
      },
    ],
  },
]
