/** The files of a volume: opened together, closed together, counted together. */
import type { Disk, DiskFile } from '../base/ports/disk.ts'
import type { OpenVolumeOptions, SpaceReport, VolumePorts } from './api.ts'
import { parentOf } from './paths.ts'
import { SegmentFiles } from './segments.ts'
import { SuperblockStore } from './superblock-store.ts'
import { openVersionStore } from './versions/store.ts'
import type { VersionStore } from './versions/version.ts'

export class VolumeFiles {
  readonly superblocks: SuperblockStore
  readonly log: DiskFile
  readonly state: DiskFile
  readonly maxima: DiskFile
  readonly versions: VersionStore
  readonly extents: SegmentFiles
  readonly maps: SegmentFiles
  readonly #disk: Disk
  readonly #directory: string

  private constructor(
    disk: Disk,
    directory: string,
    parts: {
      superblocks: SuperblockStore
      log: DiskFile
      state: DiskFile
      maxima: DiskFile
      versions: VersionStore
      extents: SegmentFiles
      maps: SegmentFiles
    },
  ) {
    this.#disk = disk
    this.#directory = directory
    this.superblocks = parts.superblocks
    this.log = parts.log
    this.state = parts.state
    this.maxima = parts.maxima
    this.versions = parts.versions
    this.extents = parts.extents
    this.maps = parts.maps
  }

  /** Opens what `createVolume` made; a damaged superblock slot beside a good one is repaired. */
  static async open(
    ports: VolumePorts,
    { directory, logDirectory }: OpenVolumeOptions,
  ): Promise<VolumeFiles> {
    const { disk, clock, pool, logger } = ports
    const opened = new AsyncDisposableStack()
    try {
      // whoever made these files may have died before their names were durable
      for (const path of new Set([
        directory,
        logDirectory ?? directory,
        `${directory}/extents`,
        `${directory}/versions`,
      ])) {
        await disk.syncDirectory(path)
        await disk.syncDirectory(parentOf(path))
      }
      const superblocks = await SuperblockStore.open(disk, directory, { repair: true })
      opened.defer(() => superblocks.close())
      const open = async (path: string): Promise<DiskFile> => {
        const file = await disk.open(path, { create: 'never' })
        opened.defer(() => file.close())
        return file
      }
      const versions = await openVersionStore({
        disk,
        clock,
        pool,
        logger,
        directory: `${directory}/versions`,
        uuid: superblocks.current.uuid,
        checkpointLsn: () => superblocks.current.checkpoint.lsn,
        generationMin: superblocks.current.versionsGeneration,
      })
      opened.defer(() => versions.close())
      const parts = {
        superblocks,
        versions,
        log: await open(`${logDirectory ?? directory}/log`),
        state: await open(`${directory}/state`),
        maxima: await open(`${directory}/maxima`),
        extents: await SegmentFiles.load(disk, `${directory}/extents`, ''),
        maps: await SegmentFiles.load(disk, `${directory}/extents`, '.map'),
      }
      return new VolumeFiles(disk, directory, parts)
    } catch (error) {
      await opened.disposeAsync()
      throw error
    }
  }

  /** Closes every file; those that fail to close are given up. */
  async close(): Promise<void> {
    const { extents, maps, superblocks, log, state, maxima, versions } = this
    // what it keeps up in the background ends with it
    await versions.close().catch(() => undefined)
    const files = [extents, maps, superblocks, log, state, maxima]
    await Promise.allSettled(files.map((file) => file.close()))
  }

  /** Space on the disk, file by file. */
  async space(): Promise<SpaceReport> {
    const extentsBytes = await this.extents.allocatedBytes()
    const mapBytes = (await this.maps.allocatedBytes()) + (await this.maxima.allocatedBytes())
    const logBytes = await this.log.allocatedBytes()
    const versionsBytes = await this.versions.allocatedBytes()
    const otherBytes = (await this.state.allocatedBytes()) + (await this.superblocks.allocatedBytes())
    const { freeBytes } = await this.#disk.space(this.#directory)
    return {
      extentsBytes,
      mapBytes,
      logBytes,
      versionsBytes,
      otherBytes,
      totalBytes: extentsBytes + mapBytes + logBytes + versionsBytes + otherBytes,
      freeBytes,
    }
  }
}
