/** A scrub of what this server has of a volume that it leads; bad copies are replaced by those of other replicas. */
import type { ScrubFinding, ScrubStatus } from '../blockvol/api.ts'
import type { ReplicaVolume } from '../blockvol/replica/replica-volume.ts'

export interface ReplicaScrub {
  readonly repair: boolean
  /** Ends it: CLOSED. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: { done: number; total: number; unit: 'bytes' }) => void
}

export interface ReplicaScrubResult extends Pick<ScrubStatus, 'verifiedBytes' | 'errors' | 'repaired'> {
  /** At most 1000. */
  readonly found: readonly (ScrubFinding & { readonly server: string })[]
}

/** `server`: whose copies are looked at. Errors as of `Volume.scrub`. */
export async function scrubReplica(
  storage: Pick<ReplicaVolume, 'device'>,
  server: string,
  { repair, signal, onProgress }: ReplicaScrub,
): Promise<ReplicaScrubResult> {
  const { verifiedBytes, errors, repaired, found } = await storage.device.scrub({
    repair,
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      onProgress({ done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  return { verifiedBytes, errors, repaired, found: found.map((one) => ({ ...one, server })) }
}
