/** Groups of a replica's log that its next start has to read (docs/formats/log.md), found in the file's bytes. */
import { alignUp, BLOCK_BYTES } from '../../../src/base/units.ts'
import { GROUP_FLAG_CUT, GROUP_FLAG_PAD, parseHeader } from '../../../src/blockvol/format/log-group.ts'
import type { Superblock } from '../../../src/blockvol/format/superblock.ts'

export interface LiveGroup {
  /** In the file. */
  readonly offsetBytes: number
  readonly lengthBytes: number
  readonly firstLsn: number
  readonly lastLsn: number
}

/** `log`: the whole ring. In order, from the checkpoint to the first place where none continues. */
export function liveGroups(log: Uint8Array, superblock: Superblock): readonly LiveGroup[] {
  const { checkpoint, logBytes, logTag } = superblock
  const groups: LiveGroup[] = []
  let position: number = checkpoint.position
  let lastLsn: number = checkpoint.lsn
  const limit = position + logBytes
  const at = (where: number) => {
    const header = parseHeader(log, where % logBytes, logTag)
    return header?.position === where ? header : undefined
  }
  while (position < limit) {
    const header = at(position) ?? at(alignUp(position, BLOCK_BYTES))
    if (header === undefined) break
    const isPad = header.flags === GROUP_FLAG_PAD
    if (header.flags === GROUP_FLAG_CUT) lastLsn = header.firstLsn - 1
    else if (!isPad) {
      if (header.firstLsn !== lastLsn + 1) break
      lastLsn = header.firstLsn + header.entryCount - 1
      const { firstLsn, lengthBytes } = header
      groups.push({ offsetBytes: header.position % logBytes, lengthBytes, firstLsn, lastLsn })
    }
    position = header.position + header.lengthBytes
  }
  return groups
}
