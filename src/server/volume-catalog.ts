/**
 * Which volumes lie in a data directory. A volume's directory is named by its UUID; its name is in its
 * superblock. A new volume is made under a name that begins with a dot and renamed when it is whole, so a crash
 * leaves nothing that looks like a volume.
 */
import { BlockError, isBlockError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Disk } from '../base/ports/disk.ts'
import { formatUuid, parseUuid } from '../base/uuid.ts'
import { readIdentity } from '../blockvol/identity.ts'

export interface CatalogEntry {
  readonly uuid: string
  readonly directory: string
  readonly name: string
  readonly sizeBytes: number
  readonly logicalBlockBytes: 512 | 4096
}

const UNFINISHED = '.new-'

export class VolumeCatalog {
  readonly #disk: Disk
  readonly #path: string
  readonly #logger: Logger

  /** `path`: the directory of the volumes' directories; its lock is the caller's. */
  constructor(options: { disk: Disk; path: string; logger: Logger }) {
    this.#disk = options.disk
    this.#path = options.path
    this.#logger = options.logger
  }

  /** Removes what creations that did not finish have left. */
  async removeUnfinished(): Promise<void> {
    for (const name of await this.#disk.list(this.#path)) {
      if (!name.startsWith(UNFINISHED)) continue
      this.#logger.warn('catalog.unfinished_removed', { path: `${this.#path}/${name}` })
      await this.#disk.remove(`${this.#path}/${name}`)
    }
  }

  /**
   * The volume called `name`, or undefined. When it is not among the readable ones and another cannot be read,
   * that one's error (CORRUPT, UNKNOWN_FORMAT, …) is thrown: it may be the one. CONFLICT when two have the name.
   */
  async find(name: string): Promise<CatalogEntry | undefined> {
    const found: CatalogEntry[] = []
    let unreadable: BlockError | undefined
    for (const uuid of await this.#disk.list(this.#path)) {
      if (parseUuid(uuid) === undefined) continue
      const directory = `${this.#path}/${uuid}`
      try {
        const identity = await readIdentity(this.#disk, directory)
        if (formatUuid(identity.uuid) !== uuid) {
          this.#logger.error('catalog.moved', { path: directory, uuid: formatUuid(identity.uuid) })
          throw new BlockError(
            'CONFLICT',
            `${directory} holds volume '${identity.name}' of UUID ${formatUuid(identity.uuid)}; name the directory as the volume's UUID`,
            { facts: { path: directory } },
          )
        }
        const { sizeBytes, logicalBlockBytes } = identity
        if (identity.name === name) found.push({ uuid, directory, name, sizeBytes, logicalBlockBytes })
      } catch (error) {
        if (!isBlockError(error)) throw error
        this.#logger.error('catalog.unreadable', { path: directory }, error)
        unreadable ??= error
      }
    }
    if (found.length > 1) {
      throw new BlockError(
        'CONFLICT',
        `volume '${name}' is there twice: ${found.map(({ directory }) => directory).join(' and ')}; move one of them away`,
      )
    }
    if (found[0] === undefined && unreadable !== undefined) {
      throw new BlockError(
        unreadable.code,
        `${unreadable.message}; it may be volume '${name}', so nothing was changed`,
        { facts: unreadable.facts, cause: unreadable },
      )
    }
    return found[0]
  }

  /**
   * Makes a volume's directory by `create`, which is given a path and leaves a whole volume there. Durable when
   * the promise resolves; returns where the volume is then.
   */
  async add(uuid: Uint8Array, create: (directory: string) => Promise<void>): Promise<string> {
    const name = formatUuid(uuid)
    const unfinished = `${this.#path}/${UNFINISHED}${name}`
    const directory = `${this.#path}/${name}`
    try {
      await create(unfinished)
    } catch (error) {
      await this.#disk.remove(unfinished)
      throw error
    }
    await this.#disk.rename(unfinished, directory)
    await this.#disk.syncDirectory(this.#path)
    return directory
  }
}
