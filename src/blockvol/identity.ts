/** Who lies in a directory, without opening the volume: for lists and for finding a volume by its name. */
import type { Disk } from '../base/ports/disk.ts'
import { readSlots } from './format/dual-slot.ts'
import { decodeState, STATE_FORMAT } from './format/state.ts'
import { SuperblockStore } from './superblock-store.ts'

export interface VolumeIdentity {
  readonly uuid: Uint8Array
  readonly name: string
  /** As of the last checkpoint; an expand in the log is not counted. */
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
}

/**
 * Reads superblock and state. NOT_FOUND when there is none; CORRUPT and UNKNOWN_FORMAT as `Volume.open`.
 */
export async function readIdentity(disk: Disk, directory: string): Promise<VolumeIdentity> {
  const store = await SuperblockStore.open(disk, directory, { repair: false })
  try {
    const { uuid, name, logicalBlockBytes } = store.current
    const file = await disk.open(`${directory}/state`, { create: 'never' })
    try {
      const { body } = await readSlots(STATE_FORMAT, file)
      return { uuid, name, logicalBlockBytes, sizeBytes: decodeState(body, file.path).sizeBytes }
    } finally {
      await file.close()
    }
  } finally {
    await store.close()
  }
}
