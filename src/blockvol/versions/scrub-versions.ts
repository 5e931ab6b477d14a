/** A pass over all that is kept: both copies of every page of the lists, and the content of every version. */
import { BLOCK_BYTES } from '../../base/units.ts'
import { LIST_PAGE_BYTES } from '../format/version-pages.ts'
import type { ListFile } from './list-file.ts'
import type { PageCache } from './page-cache.ts'
import type { StoredVersion, VersionScrub, VersionScrubOptions } from './version.ts'

interface ScrubParts extends VersionScrubOptions {
  /** Lists whose versions are verified; of the others only the pages are. */
  readonly inForce: ReadonlySet<ListFile>
  readonly cache: PageCache
  readonly of: (block: number) => Promise<readonly StoredVersion[]>
  readonly read: (version: StoredVersion, target: Uint8Array) => Promise<boolean>
}

export async function scrubVersions(lists: readonly ListFile[], parts: ScrubParts): Promise<VersionScrub> {
  const { onBad, pace, goesOn } = parts
  const target = new Uint8Array(BLOCK_BYTES)
  const found = { versions: 0, verifiedBytes: 0, repairedPages: 0, lostPages: 0 }

  /** Whether the version is kept and cannot be read, as things stand now. */
  const isBad = async (version: StoredVersion): Promise<boolean> => {
    if (version.kind === 'hole') return false
    if (version.kind === 'data') {
      found.verifiedBytes += BLOCK_BYTES
      if (await parts.read(version, target)) return false
    }
    const now = (await parts.of(version.block)).find(({ lsn }) => lsn === version.lsn)
    if (now === undefined || now.slot !== version.slot || now.kind !== version.kind) return false
    return now.kind === 'bad' || !(await parts.read(now, target))
  }

  for (const list of lists) {
    for (let index = 0; index < list.pages && goesOn(); index++) {
      const verdict = await list.scrubPage(index)
      if (verdict === 'lost') found.lostPages++
      if (verdict === 'repaired') found.repairedPages++
      await pace(2 * LIST_PAGE_BYTES)
      if (verdict === 'lost' || index >= list.recordPages || !parts.inForce.has(list)) continue
      const page = await list.readPage(index)
      for (let i = 0; i < page.count && goesOn(); i++) {
        const version = page.version(i)
        if (version.lsn > list.info.keptLsn) continue
        found.versions++
        if (await isBad(version)) await onBad(version)
        if (version.kind === 'data') await pace(BLOCK_BYTES)
      }
    }
  }
  return found
}
