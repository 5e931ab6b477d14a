/** The files of a volume: opened together, closed together, counted together. */
import type { Disk, DiskFile } from '../base/ports/disk.ts'
import type { OpenVolumeOptions, SpaceReport } from './api.ts'
import { checkVersionsHeader, VERSIONS_HEADER_BYTES } from './format/versions.ts'
import { parentOf } from './paths.ts'
import { SegmentFiles } from './segments.ts'
import { SuperblockStore } from './superblock-store.ts'

export class VolumeFiles {
  readonly superblocks: SuperblockStore
  readonly log: DiskFile
  readonly state: DiskFile
  readonly maxima: DiskFile
  readonly versions: DiskFile
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
      versions: DiskFile
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
  static async open(disk: Disk, { directory, logDirectory }: OpenVolumeOptions): Promise<VolumeFiles> {
    const opened = new AsyncDisposableStack()
    try {
      // whoever made these files may have died before their names were durable
      for (const path of new Set([directory, logDirectory ?? directory, `${directory}/extents`])) {
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
      const parts = {
        superblocks,
        log: await open(`${logDirectory ?? directory}/log`),
        state: await open(`${directory}/state`),
        maxima: await open(`${directory}/maxima`),
        versions: await open(`${directory}/versions`),
        extents: await SegmentFiles.load(disk, `${directory}/extents`, ''),
        maps: await SegmentFiles.load(disk, `${directory}/extents`, '.map'),
      }
      const header = new Uint8Array(VERSIONS_HEADER_BYTES)
      await parts.versions.read(header, 0)
      checkVersionsHeader(header, superblocks.current.uuid, parts.versions.path)
      return new VolumeFiles(disk, directory, parts)
    } catch (error) {
      await opened.disposeAsync()
      throw error
    }
  }

  /** Closes every file; those that fail to close are given up. */
  async close(): Promise<void> {
    const { extents, maps, superblocks, log, state, maxima, versions } = this
    const files = [extents, maps, superblocks, log, state, maxima, versions]
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
