/**
 * Makes a volume. The superblock is written last: a crash before that leaves a directory without a volume, and
 * making it again starts over.
 */

import { BlockError, isBlockError } from '../base/errors.ts'
import type { DiskFile } from '../base/ports/disk.ts'
import { epochNumber, logPosition, lsn } from '../base/units.ts'
import { defaultLogBytes } from '../base/volume-limits.ts'
import type { CreateVolumeOptions, VolumePorts } from './api.ts'
import { MARK } from './format/superblock.ts'
import { checkGeometry, grainBlocks } from './geometry.ts'
import { PREFILLED_BYTES } from './log/log-prefill.ts'
import { parentOf } from './paths.ts'
import { FORMAT_LEVEL, StateKeeper } from './state-keeper.ts'
import { SuperblockStore } from './superblock-store.ts'
import { createVersionStore } from './versions/store.ts'

/** Makes the volume; durable when the promise resolves. CONFLICT when the directory holds one. */
export async function createVolume(ports: VolumePorts, options: CreateVolumeOptions): Promise<void> {
  const { disk, clock, random } = ports
  const { directory, sizeBytes, logicalBlockBytes } = options
  const logBytes = options.logBytes ?? defaultLogBytes(sizeBytes)
  checkGeometry(sizeBytes, logicalBlockBytes, logBytes)
  if (await holdsVolume(ports, directory)) {
    throw new BlockError('CONFLICT', `${directory} holds a volume already`, { facts: { path: directory } })
  }
  const logDirectory = options.logDirectory ?? directory
  await disk.remove(`${directory}/extents`)
  await disk.makeDirectory(`${directory}/extents`)
  await disk.makeDirectory(logDirectory)

  const fresh = async (path: string, fill: (file: DiskFile) => Promise<void>): Promise<void> => {
    const file = await disk.open(path, { create: 'missing' })
    try {
      await file.truncate(0)
      await fill(file)
      await file.datasync()
    } finally {
      await file.close()
    }
  }
  await fresh(`${logDirectory}/log`, async (file) => {
    await file.allocate(0, logBytes)
    await file.write([new Uint8Array(Math.min(PREFILLED_BYTES, logBytes))], 0)
  })
  await fresh(`${directory}/maxima`, () => Promise.resolve())
  await disk.remove(`${directory}/versions`)
  await createVersionStore(disk, `${directory}/versions`, options.uuid)
  await fresh(`${directory}/state`, (file) =>
    StateKeeper.create(file, {
      asOfLsn: 0,
      sizeBytes,
      formatLevel: FORMAT_LEVEL,
      epochs: [],
      snapshots: [],
      origin: undefined,
      frontendState: new Uint8Array(0),
    }),
  )
  await disk.syncDirectory(logDirectory)
  await disk.syncDirectory(directory)
  const noEpoch = { number: epochNumber(0), id: 0n }
  await SuperblockStore.create(disk, directory, {
    uuid: options.uuid,
    name: options.name,
    createdWallMs: clock.wallMs(),
    logicalBlockBytes,
    grainBlocks: grainBlocks(sizeBytes),
    logBytes,
    logTag: random.u64(),
    marks: MARK.clean,
    epoch: noEpoch,
    bootId: await disk.bootId(),
    checkpoint: { lsn: lsn(0), position: logPosition(0), epoch: noEpoch, stateGeneration: 1 },
    durableLsn: lsn(0),
    resyncBaseLsn: lsn(0),
    acceptedLoss: { fromLsn: 0, toLsn: 0 },
    versionsGeneration: 0,
  })
  await disk.syncDirectory(parentOf(directory))
}

/**
 * Whether the directory has a superblock that was ever complete. The first one goes to the second slot, and the
 * first opening fills the other: with an empty first slot and no valid one, making the volume was interrupted.
 * Two damaged slots are a damaged volume, which nobody makes anew by accident.
 */
async function holdsVolume({ disk }: VolumePorts, directory: string): Promise<boolean> {
  try {
    const store = await SuperblockStore.open(disk, directory, { repair: false })
    await store.close()
    return true
  } catch (error) {
    if (isBlockError(error, 'NOT_FOUND')) return false
    if (isBlockError(error, 'CORRUPT') && error.facts.isFirstSlotEmpty === true) return false
    throw error
  }
}
