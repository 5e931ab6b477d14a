/**
 * How a replica's files leave. Its directory is renamed, and from then on there is no such replica, whatever happens; the
 * files are deleted behind that, and what a crash left of them is deleted after the next start. A log that lies elsewhere
 * goes the same way: it is renamed before anybody can make a replica of that volume again.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Disk } from '../../base/ports/disk.ts'
import { parseUuid } from '../../base/uuid.ts'

const GONE = '.gone-'

export interface RemovalOptions {
  readonly disk: Disk
  readonly logger: Logger
  /** The directory of the volumes' directories. */
  readonly path: string
  /** Of the logs' directories, when they lie elsewhere. */
  readonly logRoot: string | undefined
}

export class Removal {
  readonly #o: RemovalOptions
  #deleting: Promise<void> = Promise.resolve()

  constructor(options: RemovalOptions) {
    this.#o = options
  }

  /** Before anything is opened: what was leaving when the process ended leaves. */
  async resume(): Promise<void> {
    const { disk, path } = this.#o
    for (const name of await disk.list(path)) {
      const uuid = name.startsWith(GONE) ? name.slice(GONE.length) : ''
      if (parseUuid(uuid) === undefined) continue
      // beside a directory that was made since, the log is that one's
      if (!(await disk.exists(`${path}/${uuid}`))) await this.#setLogAside(uuid)
      this.#delete(uuid)
    }
  }

  /** There is no replica of this volume any more when the promise resolves. No file of it may be in use. */
  async setAside(uuid: string): Promise<void> {
    const { disk, path } = this.#o
    // one of the same name may still be leaving
    await this.#deleting
    await disk.remove(`${path}/${GONE}${uuid}`)
    await disk.rename(`${path}/${uuid}`, `${path}/${GONE}${uuid}`)
    await disk.syncDirectory(path)
    await this.#setLogAside(uuid)
    this.#delete(uuid)
  }

  /** Resolves when nothing is being deleted. */
  async settled(): Promise<void> {
    await this.#deleting
  }

  async #setLogAside(uuid: string): Promise<void> {
    const { disk, logRoot } = this.#o
    if (logRoot === undefined || !(await disk.exists(`${logRoot}/${uuid}`))) return
    await disk.remove(`${logRoot}/${GONE}${uuid}`)
    await disk.rename(`${logRoot}/${uuid}`, `${logRoot}/${GONE}${uuid}`)
    await disk.syncDirectory(logRoot)
  }

  /** The log first: the directory is what a restart finds it by. */
  #delete(uuid: string): void {
    const { disk, logger, path, logRoot } = this.#o
    this.#deleting = this.#deleting.then(async () => {
      try {
        if (logRoot !== undefined) await disk.remove(`${logRoot}/${GONE}${uuid}`)
        await disk.remove(`${path}/${GONE}${uuid}`)
        logger.info('replica.deleted', { volume: uuid })
      } catch (error) {
        if (!isBlockError(error)) throw error
        logger.error('replica.delete_failed', { volume: uuid, code: error.code }, error)
      }
    })
  }
}
