/**
 * Images that other servers read: each under a ticket, which is all that its reader shows. A ticket ends with the process,
 * with the lead of its volume, when its reader says so, and when nobody used it for a minute; then the image is
 * closed. One that was never used ends before: when the same task gets another one, and when its snapshot is to be deleted.
 */
import { createHash } from 'node:crypto'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock, Timer } from '../../base/ports/clock.ts'
import type { VolumeImage } from '../../base/ports/image.ts'
import type { Random } from '../../base/ports/random.ts'

const TICKET_BYTES = 32
const UNUSED_MS_MAX = 60_000
/** More than there are clones and backups that a server is meant to feed at once. */
const TICKETS_MAX = 128

export interface ImageTicketsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

/** What a ticket is for. */
export interface Reading {
  /** UUID. */
  readonly volume: string
  readonly snapshot: bigint
  /** UUID of the task that reads; null when it is not told. */
  readonly reader: string | null
}

interface Ticket extends Reading {
  readonly image: VolumeImage
  wasUsed: boolean
  /** Calls under way. */
  using: number
  timer: Timer | undefined
}

export class ImageTickets {
  readonly #o: ImageTicketsOptions
  /** By their hash: how long a look-up takes tells nothing of the tickets that there are. */
  readonly #tickets = new Map<string, Ticket>()

  constructor(options: ImageTicketsOptions) {
    this.#o = options
  }

  /** Tickets that are valid. */
  get count(): number {
    return this.#tickets.size
  }

  /** A ticket for `image`, which is its own from now on. BUSY when there are too many; then the image stays the caller's. */
  issue(reading: Reading, image: VolumeImage): string {
    if (this.#tickets.size >= TICKETS_MAX) {
      throw new BlockError('BUSY', `${TICKETS_MAX} images are open for other servers already`)
    }
    const text = Buffer.from(this.#o.random.bytes(TICKET_BYTES)).toString('hex')
    const ticket: Ticket = { ...reading, image, wasUsed: false, using: 0, timer: undefined }
    this.#tickets.set(keyOf(text), ticket)
    this.#expireLater(keyOf(text), ticket)
    return text
  }

  /** Runs `work` on the image; the ticket does not run out meanwhile. ACCESS_DENIED when there is no such ticket. */
  async use<T>(text: string, work: (image: VolumeImage) => Promise<T>): Promise<T> {
    const key = keyOf(text)
    const ticket = this.#tickets.get(key)
    if (ticket === undefined) throw unknown()
    ticket.wasUsed = true
    ticket.using++
    ticket.timer?.cancel()
    try {
      return await work(ticket.image)
    } finally {
      ticket.using--
      if (this.#tickets.get(key) === ticket) this.#expireLater(key, ticket)
    }
  }

  /** Its reader is done. No error when there is no such ticket. */
  async end(text: string): Promise<void> {
    await this.#end(keyOf(text))
  }

  /** The volume is not led here any more: all its tickets end. Reads under way fail, or are right. */
  async endOf(volume: string): Promise<void> {
    await this.#endAll((ticket) => ticket.volume === volume)
  }

  /** What was issued to read the snapshot and never used: the task was not begun, or begins anew. */
  async endUnusedOf(volume: string, snapshot: bigint): Promise<void> {
    await this.#endAll((one) => one.volume === volume && one.snapshot === snapshot && !one.wasUsed)
  }

  /** What was issued for the task and never used: it was not begun with it, or begins anew. */
  async endUnused(reader: string): Promise<void> {
    await this.#endAll((ticket) => ticket.reader === reader && !ticket.wasUsed)
  }

  async close(): Promise<void> {
    await this.#endAll(() => true)
  }

  async #endAll(which: (ticket: Ticket) => boolean): Promise<void> {
    const ends = [...this.#tickets].filter(([, ticket]) => which(ticket))
    await Promise.all(ends.map(([key]) => this.#end(key)))
  }

  #expireLater(key: string, ticket: Ticket): void {
    ticket.timer?.cancel()
    if (ticket.using > 0) return
    ticket.timer = this.#o.clock.after(UNUSED_MS_MAX, () => {
      this.#o.logger.info('image.ticket_unused', { volume: ticket.volume })
      this.#end(key).catch(this.#o.onFatal)
    })
  }

  async #end(key: string): Promise<void> {
    const ticket = this.#tickets.get(key)
    if (ticket === undefined) return
    this.#tickets.delete(key)
    ticket.timer?.cancel()
    await ticket.image.close().catch((error: unknown) => {
      // of a volume that failed meanwhile
      if (!isBlockError(error)) throw error
    })
  }
}

const keyOf = (text: string): string => createHash('sha256').update(text).digest('base64')

const unknown = (): BlockError =>
  new BlockError('ACCESS_DENIED', 'the ticket of the image is not known here, or not any more')
