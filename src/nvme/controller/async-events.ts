/**
 * Asynchronous events of one controller (NVMe Base 2.0 §5.2): requests of the host that are parked until there is
 * something to tell, and events that wait for a request.
 *
 * An event that was told is masked until the host has read the log page that goes with it (without RAE); what happens
 * meanwhile is told then, once. A kind counts by itself: an unread list of changed namespaces does not hold back a change
 * of the paths. Events that Asynchronous Event Configuration leaves out are dropped.
 */

/** Type, information and log page: what dword 0 of the completion says. */
export interface AsyncEvent {
  readonly type: number
  readonly information: number
  readonly logPage: number
  /** Bit of Asynchronous Event Configuration that lets it through; undefined: it always goes. */
  readonly configBit: number | undefined
}

export const ASYNC_EVENTS = {
  namespaceChanged: { type: 2, information: 0x00, logPage: 0x04, configBit: 8 },
  anaChanged: { type: 2, information: 0x03, logPage: 0x0c, configBit: 11 },
  discoveryChanged: { type: 2, information: 0xf0, logPage: 0x70, configBit: 31 },
  reservationLog: { type: 6, information: 0x00, logPage: 0x80, configBit: undefined },
} as const satisfies Record<string, AsyncEvent>

/** AERL: requests that may be parked, minus one. */
export const ASYNC_REQUESTS_MAX = 4

export const dwordOf = ({ type, information, logPage }: AsyncEvent): number =>
  type | (information << 8) | (logPage << 16)

export class AsyncEvents<Request> {
  readonly #complete: (request: Request, dword0: number) => void
  readonly #parked: Request[] = []
  readonly #pending = new Set<AsyncEvent>()
  readonly #masked = new Set<AsyncEvent>()
  /** Feature 0Bh. */
  config = 0

  /** `complete` answers a parked request. */
  constructor(complete: (request: Request, dword0: number) => void) {
    this.#complete = complete
  }

  get parkedCount(): number {
    return this.#parked.length
  }

  /** Parks a request, or answers it with what waits; false: too many are parked. */
  request(request: Request): boolean {
    if (this.#parked.length >= ASYNC_REQUESTS_MAX) return false
    this.#parked.push(request)
    this.#tell()
    return true
  }

  post(event: AsyncEvent): void {
    if (event.configBit !== undefined && ((this.config >>> event.configBit) & 1) === 0) return
    this.#pending.add(event)
    this.#tell()
  }

  /** The host has read `logPage`, and wants to hear of what comes next. */
  cleared(logPage: number): void {
    for (const event of this.#masked) if (event.logPage === logPage) this.#masked.delete(event)
    this.#tell()
  }

  /** Takes one parked request back, for Abort; false: it is not parked. */
  withdraw(request: Request): boolean {
    const index = this.#parked.indexOf(request)
    if (index < 0) return false
    this.#parked.splice(index, 1)
    return true
  }

  /** A controller reset: nothing is parked, waiting or masked any more. Returns what was parked. */
  reset(): Request[] {
    this.#pending.clear()
    this.#masked.clear()
    this.config = 0
    return this.#parked.splice(0)
  }

  #tell(): void {
    for (const event of this.#pending) {
      if (this.#parked.length === 0) return
      if (this.#masked.has(event)) continue
      this.#pending.delete(event)
      this.#masked.add(event)
      this.#complete(this.#parked.shift()!, dwordOf(event))
    }
  }
}
