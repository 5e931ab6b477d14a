/**
 * Known bugs of snapshots of one volume: what they see is lost, replaced, or not what it was. Each is caught by the crash
 * enumeration or by the simulation of one volume.
 */
import type { Mutant } from './catalogue.ts'

const PRESERVER = 'src/blockvol/snapshots/preserver.ts'
const RESTORE = 'src/blockvol/snapshots/restore-pass.ts'
const VIEWS = 'src/blockvol/snapshots/views.ts'
const CHECKPOINTER = 'src/blockvol/checkpointer.ts'
const RECORDER = 'src/blockvol/recorder.ts'
const BATCH = 'src/blockvol/versions/batch.ts'

export const SNAPSHOT_MUTANTS: readonly Mutant[] = [
  {
    name: 'preserved-after-content',
    about: 'what a snapshot sees is copied out of extents that hold the new content already',
    patches: [
      {
        file: CHECKPOINTER,
        find: '    await this.#preserve(cut, plan, snapshotLsns, isFilling)\n',
        replace: '',
      },
      {
        file: CHECKPOINTER,
        find: '    this.extentBytes += written.writtenBytes\n',
        replace:
          '    this.extentBytes += written.writtenBytes\n    await this.#preserve(cut, plan, snapshotLsns, isFilling)\n',
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'preserved-not-durable',
    about: 'extents are overwritten while the copies for snapshots are still in the page cache',
    patches: [
      {
        file: BATCH,
        find: '        if (this.#used.size > 0) await data.datasync(this.#used.keys())\n',
        replace: '',
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'preserved-again-after-a-crash',
    about: 'a flush that is done again replaces what it preserved before by what it has written since',
    patches: [
      {
        file: PRESERVER,
        find: '    if (!batch.isFresh && (await batch.has(block, lsn))) return\n',
        replace: '',
      },
      {
        file: BATCH,
        find: '    if (!this.isFresh && (await this.has(version.block, version.lsn))) return\n',
        replace: '',
      },
      {
        file: 'src/blockvol/versions/merged.ts',
        find: '    } else spare.push(record)\n',
        replace:
          '    } else {\n      spare.push(last)\n      versions[versions.length - 1] = record\n    }\n',
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'trim-not-preserved',
    about: 'trims, zeros and patterns go over what snapshots see without a copy',
    patches: [
      {
        file: 'src/blockvol/snapshots/preserve-pass.ts',
        find: '  for (const range of plan.ranges) await preserveRange(options, range)\n',
        replace: '',
      },
    ],
    workloads: ['snapshot-then-trim'],
  },
  {
    name: 'snapshot-shares-generation',
    about: 'what is older and what is newer than a snapshot is flushed together',
    patches: [
      {
        file: RECORDER,
        find: '    this.#isDue = isAlone(entry.kind)\n',
        replace: '    this.#isDue = isAlone(entry.kind) && entry.kind === ENTRY_KIND.restore\n',
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'snapshot-shares-group',
    about: 'a snapshot and a write after it are one group of the log, and so one generation',
    patches: [
      {
        file: 'src/blockvol/log/group-composer.ts',
        find: '      if (batch.length > 0 && (isAlone(request.kind) || isAlone(batch[0]!.kind))) break\n',
        replace: '',
      },
    ],
    simSeeds: 100,
  },
  {
    name: 'snapshot-read-from-extents',
    about: 'a snapshot is read as if everything before it were in extents and map already',
    patches: [
      {
        file: VIEWS,
        find: ': dirty.lookupAt(block, lsn)\n',
        replace: ": 'clean' as ReturnType<typeof dirty.lookupAt>\n",
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'head-believed',
    about: 'a snapshot takes what the map has of a block, also when that is newer',
    patches: [
      {
        file: VIEWS,
        find: '    if (page.lsn(block % PAGE_BLOCKS) > lsn) return { question: { atMost: lsn, asLsn: undefined } }\n',
        replace: '',
      },
    ],
    workloads: ['snapshot-then-overwrite'],
  },
  {
    name: 'restored-with-old-lsns',
    about: 'a restored block has the LSN of the snapshot: those made since take it for what they see',
    patches: [
      {
        file: RESTORE,
        find: 'checksum: blockChecksum(data, block, mark.lsn) })',
        replace: 'checksum: blockChecksum(data, block, mark.snapshotLsn) })',
      },
      {
        file: RESTORE,
        find: '.set(block % PAGE_BLOCKS, mark.lsn, flags, checksum)',
        replace: '.set(block % PAGE_BLOCKS, mark.snapshotLsn, flags, checksum)',
      },
    ],
    workloads: ['snapshot-restored-between'],
  },
  {
    name: 'restore-drops-what-is-between',
    about: 'a restore goes over what later snapshots see without a copy',
    patches: [{ file: RESTORE, find: '    await this.#preserve(blocks)\n', replace: '' }],
    workloads: ['snapshot-restored-between'],
  },
  {
    name: 'restore-over-what-follows',
    about: 'what is written after a restore is in one generation with it, and restored too',
    patches: [
      {
        file: RECORDER,
        find: '    this.#isDue = isAlone(entry.kind)\n',
        replace: '    this.#isDue = entry.kind === ENTRY_KIND.snapshotCreate\n',
      },
    ],
    workloads: ['snapshot-restored'],
  },
  {
    name: 'clone-trim-without-tombstone',
    about: 'a trim of what a clone does not have itself leaves nothing, and the origin shows again',
    patches: [
      {
        file: CHECKPOINTER,
        find: '      leavesAll: isFilling || cut.state.origin !== undefined,\n',
        replace: '      leavesAll: isFilling,\n',
      },
    ],
    simSeeds: 100,
  },
  {
    name: 'clone-filled-over-writes',
    about: 'what the origin has goes over what was written to the clone meanwhile',
    patches: [
      {
        file: 'src/blockvol/snapshots/clone-filling.ts',
        find: 'this.#o.path.writeWhere(fromBlock, data, (block) => this.isUntouched(block), options)',
        replace: 'this.#o.path.writeWhere(fromBlock, data, async () => true, options)',
      },
    ],
    simSeeds: 100,
  },
  {
    name: 'deletion-frees-what-the-oldest-sees',
    about: 'a deletion gives back what the oldest of the other snapshots sees',
    patches: [
      {
        file: CHECKPOINTER,
        find: '    versions.collect(lsns, async (block) => {\n',
        replace: '    versions.collect(lsns.slice(1), async (block) => {\n',
      },
    ],
    simSeeds: 100,
  },
]
