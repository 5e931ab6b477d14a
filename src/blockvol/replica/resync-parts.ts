/** What a resync works on, at either side, and what other replicas fetch from. */
import { BlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import { ExactVersions } from '../exact-versions.ts'
import type { VolumeState } from '../format/state.ts'
import type { ResyncSinkParts } from '../resync/sink.ts'
import type { ResyncSourceParts } from '../resync/source.ts'
import type { OpenReplica } from '../volume.ts'

export type OpenParts = Pick<OpenReplica, 'parts' | 'files' | 'telemetry'>

const ascending = (lsns: Iterable<number>): number[] => [...lsns].sort((a, b) => a - b)

/** Of the side that is filled. */
export function resyncParts({ telemetry, parts, files }: OpenParts): ResyncSinkParts {
  const { dirty, map, maxima, checkpointer, state, versions, preserver } = parts
  return {
    dirty,
    map,
    maxima,
    versions,
    preserver,
    extents: files.extents,
    snapshots: () => {
      const known = state.knownSnapshots()
      if (known === 'all') throw new BlockError('PROTOCOL', 'the base of a resync begins with the state')
      return ascending(known)
    },
    alone: (run) => checkpointer.alone(run),
    checkpointLsn: () => files.superblocks.current.checkpoint.lsn,
    sizeBlocks: () => state.current.sizeBytes / BLOCK_BYTES,
    onMapped: (block) => telemetry.mapped(block),
    onUnknown: (block) => telemetry.unknown(block),
  }
}

/** Of the side that sends. `committed`: the state that the other side begins with. */
export function sourceParts(
  inner: OpenParts,
  committed: VolumeState,
  commitLsn: () => number,
): ResyncSourceParts {
  const { dirty, map, maxima, reader, state, versions, flusher } = inner.parts
  return {
    ...{ dirty, map, maxima, reader, versions, commitLsn },
    exact: exactVersions(inner),
    // a deletion after that comes as a log entry, behind restores perhaps that need what it deletes
    snapshots: () =>
      ascending(new Set([...committed.snapshots.map(({ lsn }) => lsn), ...state.snapshotLsns()])),
    flushThrough: (lsn) => flusher.through(lsn),
    isUnfilled: committed.origin !== undefined,
    sizeBlocks: () => state.current.sizeBytes / BLOCK_BYTES,
  }
}

/** What other replicas fetch from. */
export function exactVersions({ parts, files }: OpenParts): ExactVersions {
  const { reader, map, log, writer, replica, versions } = parts
  return new ExactVersions({
    ...{ reader, map, log, versions, extents: files.extents },
    readLog: async (from, through) => replica?.logReader.read(from, through),
    appendedLsn: () => writer.appendedLsn,
  })
}
