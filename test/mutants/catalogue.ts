/**
 * Known bugs, as patches of the sources: what a mistake in these lines would look like. Each must be caught by the
 * crash enumeration (`workloads`) or the simulator (`simSeeds`); one that survives fails the run. A checker that never
 * fires proves nothing.
 */
interface Patch {
  /** Path from the root of the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** What the bug does to whom. */
  readonly about: string
  readonly patches: readonly Patch[]
  /** Workloads of the crash enumeration of which at least one must fail. */
  readonly workloads?: readonly string[]
  /** The simulator must fail within so many seeds. */
  readonly simSeeds?: number
  /** The faults of those seeds, where it takes certain ones; comma-separated, as `--faults` takes them. */
  readonly simFaults?: string
  /** A random cluster must fail within so many seeds; 0: it is left to the cluster simulator. */
  readonly clusterSeeds?: number
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'torn-entry-accepted',
    about: 'the scan of the log believes a header and does not look at the data behind it',
    patches: [
      {
        file: 'src/blockvol/log/log-scan.ts',
        find: '      if (blockChecksum(content, entry.block + i, entry.lsn) !== entry.checksums[i]) return undefined\n',
        replace: '',
      },
    ],
    workloads: ['split-write', 'overwrite'],
  },
  {
    name: 'append-at-checkpoint',
    about: 'a recovered log goes on at the checkpoint: new entries overwrite what was recovered',
    patches: [
      {
        file: 'src/blockvol/log/log-writer.ts',
        find: 'this.#head = alignUp(options.head, BLOCK_BYTES)',
        replace: 'this.#head = alignUp(options.checkpoint, BLOCK_BYTES)',
      },
    ],
    workloads: ['overwrite'],
  },
  {
    name: 'progress-before-fdatasync',
    about: 'flushes are answered when fdatasync is called, not when it returned',
    patches: [
      {
        file: 'src/blockvol/log/log-syncs.ts',
        find: 'this.#running = file.datasync().then(',
        replace: 'void file.datasync()\n    this.#running = Promise.resolve().then(',
      },
    ],
    workloads: ['overwrite', 'fua-write'],
  },
  {
    name: 'recovered-not-synced',
    about: 'what an opening found only in the page cache counts as durable without an fdatasync',
    patches: [
      {
        file: 'src/blockvol/recovery.ts',
        find: '    await log.datasync()\n  }\n',
        replace: '  }\n',
      },
    ],
    workloads: ['overwrite', 'reopen-twice'],
  },
  {
    name: 'clean-mark-kept',
    about: 'an opening leaves the mark of the last clean close: the next one does not look at the log',
    patches: [
      {
        file: 'src/blockvol/recovery.ts',
        find: 'marks: current.marks & ~(MARK.clean | MARK.poisoned)',
        replace: 'marks: current.marks & ~MARK.poisoned',
      },
    ],
    workloads: ['clean-close', 'overwrite'],
  },
  {
    name: 'epoch-not-raised',
    about: 'an opening serves in the epoch of the one before it',
    patches: [
      {
        file: 'src/blockvol/recovery.ts',
        find: 'Math.max(current.epoch.number, scan.epoch.number) + 1',
        replace: 'Math.max(current.epoch.number, scan.epoch.number, 1)',
      },
    ],
    workloads: ['reopen-twice'],
  },
  {
    name: 'flush-before-log',
    about: 'content goes into the extents before its log entry is durable',
    patches: [
      { file: 'src/blockvol/checkpointer.ts', find: '    await writer.sync(cut.lsn)\n', replace: '' },
    ],
    workloads: ['overwrite', 'checkpoint-twice'],
  },
  {
    name: 'checkpoint-before-map',
    about: 'the checkpoint moves on before the map is durable',
    patches: [{ file: 'src/blockvol/flush/map-pass.ts', find: '  await options.map.sync()\n', replace: '' }],
    workloads: ['checkpoint-twice', 'zeroes-then-write'],
  },
  {
    name: 'checkpoint-before-content',
    about: 'the checkpoint moves on before the extents are durable',
    patches: [{ file: 'src/blockvol/flush/content-pass.ts', find: '  await pass.sync()\n', replace: '' }],
    workloads: ['checkpoint-twice', 'trim'],
  },
  {
    name: 'checkpoint-without-state',
    about: 'the checkpoint passes an entry that changed the state, which is not written',
    patches: [
      {
        file: 'src/blockvol/checkpointer.ts',
        find: '    if (asOfCut.asOfLsn >= state.savedLsn) this.metadataBytes += await state.save(asOfCut)\n',
        replace: '',
      },
    ],
    workloads: ['frontend-state', 'resize'],
  },
  {
    name: 'slot-not-alternated',
    about: 'superblock and state are written over their newest copy',
    patches: [
      {
        file: 'src/blockvol/format/dual-slot.ts',
        find: '(generation % 2) * format.slotBytes',
        replace: '0 * format.slotBytes',
      },
      { file: 'src/blockvol/format/dual-slot.ts', find: 'generation % 2 !== index || ', replace: '' },
    ],
    workloads: ['checkpoint-twice', 'frontend-state'],
  },
  {
    name: 'log-freed-before-checkpoint',
    about: 'log space is given back while the checkpoint that frees it is still on its way',
    patches: [
      {
        file: 'src/blockvol/checkpointer.ts',
        find: '    await superblocks.update({\n      checkpoint: {',
        replace: '    writer.advanceTail(cut.position)\n    await superblocks.update({\n      checkpoint: {',
      },
    ],
    workloads: ['log-full'],
  },
  {
    name: 'trim-not-mapped',
    about: 'a trim is forgotten by the map: once the log is freed, the old content shows again',
    patches: [
      {
        file: 'src/blockvol/flush/map-pass.ts',
        find: '  for (const range of options.plan.ranges) await pass.mapRange(range)\n',
        replace: '',
      },
    ],
    workloads: ['trim', 'trim-over-grains'],
  },
  {
    name: 'cut-inside-group',
    about:
      'a flush may begin between two entries of one group: the checkpoint then stands behind an unflushed entry',
    patches: [
      {
        file: 'src/blockvol/log/log-writer.ts',
        find: '      this.#o.onAppended(entry)\n',
        replace:
          '      this.#o.onAppended(entry)\n      this.#isRecording = false\n      this.#o.onGroup()\n',
      },
    ],
    simSeeds: 60,
  },
  {
    name: 'plain-write-ignores-lock',
    about: 'a write of whole blocks slips in between the read and the write of an atomic operation',
    patches: [
      {
        file: 'src/blockvol/data-path.ts',
        find: 'locks.isFree(block, end) ? undefined : await locks.acquire(block, end)',
        replace: 'true || locks.isFree(block, end) ? undefined : await locks.acquire(block, end)',
      },
    ],
    simSeeds: 60,
  },
  {
    name: 'atomic-reads-too-early',
    about: 'an atomic operation does not wait for writes to its blocks that are on their way',
    patches: [
      {
        file: 'src/blockvol/data-path.ts',
        find: 'if (writer.overlapsPending(block, blocks)) await writer.settledSoFar()',
        replace: '',
      },
    ],
    simSeeds: 60,
  },
  {
    name: 'damaged-entry-dropped',
    about:
      'the flusher passes a damaged log entry as if a newer one replaced it: the block goes back in time',
    patches: [
      {
        file: 'src/blockvol/flush/content-pass.ts',
        find: 'if (!content.isReplaced(block, planned.lsn)) throw damagedEntry(planned)',
        replace: '',
      },
    ],
    simSeeds: 200,
  },
  {
    name: 'read-unverified',
    about: 'what stands where a block was is believed, also after the place in the log was used again',
    patches: [
      {
        file: 'src/blockvol/snapshots/views.ts',
        find: '  blockChecksum(content, source.seedBlock, source.lsn) === source.checksum\n',
        replace: '  source !== undefined || content !== undefined || blockChecksum === undefined\n',
      },
    ],
    simSeeds: 200,
  },
  {
    name: 'page-cache-believed',
    about: 'the scan of the log believes the page cache, which may show what a failed sync has lost',
    patches: [
      {
        file: 'src/blockvol/log/log-scan.ts',
        find: 'this.#file.readUncached(target, position)',
        replace: 'this.#file.read(target, position)',
      },
    ],
    simSeeds: 200,
    simFaults: 'syncError,cacheMiss',
  },
  {
    name: 'failed-sync-tried-again',
    about: 'an fdatasync of the log that failed is called again, and its success believed',
    patches: [
      {
        file: 'src/blockvol/log/log-syncs.ts',
        find: 'datasync().then(() => this.#synced(lsn), onFailed)',
        replace:
          'datasync().then(() => this.#synced(lsn), () => (this.#hasFailed ? undefined : this.#start()))',
      },
    ],
    simSeeds: 100,
    simFaults: 'syncError,cacheMiss',
  },
]

/** The source with the mutant's patches of `file`; throws when a text is not there exactly once. */
export function applyPatches(source: string, file: string, mutant: Mutant): string {
  let result = source
  for (const patch of mutant.patches) {
    if (patch.file !== file) continue
    const pieces = result.split(patch.find)
    if (pieces.length !== 2) {
      throw new Error(
        `mutant ${mutant.name}: its text stands ${pieces.length - 1} times in ${file}, not once: ${patch.find}`,
      )
    }
    result = pieces.join(patch.replace)
  }
  return result
}
