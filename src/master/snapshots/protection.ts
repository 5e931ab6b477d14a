/** How well volumes are kept, from the records and from what primaries say: for metrics. */
import type { LiveCluster } from '../core/live.ts'
import type { RecordsView } from '../core/records-view.ts'
import type { ProtectionView } from '../snapshot-api.ts'

export function protectionView(
  records: RecordsView,
  live: LiveCluster,
  bytesOf: (volume: string) => number | null,
): ProtectionView {
  const counts = { creating: 0, ready: 0, deleting: 0, lost: 0 }
  let snapshotBytes = 0
  const backups: { volume: string; repository: string; at: number }[] = []
  for (const uuid of records.snapshotVolumes()) {
    const name = records.volume(uuid)?.name ?? uuid
    snapshotBytes += bytesOf(uuid) ?? 0
    const newest = new Map<string, number>()
    for (const { state, backup, createdAt } of records.snapshotsOf(uuid)) {
      counts[state] += 1
      if (backup === null || backup.id === null) continue
      newest.set(backup.repository, Math.max(createdAt, newest.get(backup.repository) ?? 0))
    }
    for (const [repository, at] of newest) backups.push({ volume: name, repository, at })
  }
  const scrubs = records.volumes().flatMap(({ uuid, name, lead }) => {
    const scrub = live.replica(uuid, lead.primary)?.led?.scrub ?? null
    if (scrub === null) return []
    const { endedWallMs, errors, repaired } = scrub
    return [{ volume: name, lastAt: endedWallMs, errors, repaired }]
  })
  const schedules = records
    .schedules()
    .map(({ name, last }) => ({ schedule: name, failed: last?.failed ?? 0 }))
  return { snapshots: counts, snapshotBytes, backups, scrubs, schedules }
}
