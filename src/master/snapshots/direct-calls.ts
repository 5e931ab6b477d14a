/**
 * Calls to primaries that somebody waits for: made again for a while, at whoever leads then, as long as nothing is known of their
 * outcome. In the volume's turn only.
 */
import { BlockError, type BlockErrorCode, isBlockError } from '../../base/errors.ts'
import { NOT_LED } from '../../rpc/reasons.ts'
import type { JobPorts } from '../jobs/ports.ts'
import type { LedVolume, SnapshotFacts } from '../links.ts'
import type { SnapshotRecord } from '../records.ts'

type DirectPorts = Pick<JobPorts, 'store' | 'links' | 'clock'>

/** Somebody waits for the answer. */
const WAIT_MS = 10_000
const PAUSE_MS = 200
/** Of those that say more than that it does not lead any more, or not yet: then it is so. */
const CONFLICTS_MAX = 3
const HOLD_MS = 5000

const PASSING: readonly BlockErrorCode[] = [
  'DISCONNECTED',
  'TIMED_OUT',
  'BUSY',
  'CLOSED',
  'CONFLICT',
  'READ_ONLY',
]

export interface Primary {
  readonly server: string
  readonly led: LedVolume
}

/** About what was asked for, not about who was asked. */
export const isConflict = ({ code, facts }: BlockError): boolean =>
  code === 'CONFLICT' && facts.reason !== NOT_LED

export class DirectCalls {
  readonly #ports: DirectPorts

  constructor(ports: DirectPorts) {
    this.#ports = ports
  }

  /** BUSY (`not_served`) while nobody leads the volume. */
  primaryOf(uuid: string): Primary {
    const volume = this.#ports.store.view.volume(uuid)
    if (volume?.lead.state === 'serving') {
      return { server: volume.lead.primary, led: { volume: uuid, epoch: volume.lead.epoch.number } }
    }
    throw this.#notServed(uuid)
  }

  /** What is told of an error of `uuid`. */
  #told(error: unknown, uuid: string): unknown {
    return isBlockError(error) && error.facts.reason === NOT_LED ? this.#notServed(uuid) : error
  }

  #notServed(uuid: string): BlockError {
    const name = this.#ports.store.view.volume(uuid)?.name ?? uuid
    return new BlockError('BUSY', `nobody leads volume ${name} at this moment; try again`, {
      facts: { reason: 'not_served' },
    })
  }

  /** Made again while it is worth it. What it ends with is the last error; BUSY (`not_served`) of who does not lead. */
  async atPrimary<T>(uuid: string, call: (primary: Primary) => Promise<T>): Promise<T> {
    const { clock } = this.#ports
    const endMs = clock.monotonicMs() + WAIT_MS
    let conflicts = 0
    for (;;) {
      try {
        return await call(this.primaryOf(uuid))
      } catch (error) {
        if (!isBlockError(error) || !PASSING.includes(error.code)) throw error
        if (isConflict(error) && ++conflicts >= CONFLICTS_MAX) throw error
        if (clock.monotonicMs() >= endMs) throw this.#told(error, uuid)
      }
      await clock.sleep(PAUSE_MS)
    }
  }

  create({ volume, id, name }: SnapshotRecord): Promise<SnapshotFacts> {
    return this.atPrimary(volume, ({ server, led }) =>
      this.#ports.links.createSnapshot(server, { ...led, id, name }),
    )
  }

  /**
   * All of them at one moment: writes of all volumes are held, and only then are the snapshots made. BUSY (`not_one_moment`) when a
   * hold ended before all were made: they may be there all the same.
   */
  async createTogether(records: readonly SnapshotRecord[]): Promise<readonly SnapshotFacts[]> {
    const { links } = this.#ports
    const holds = await Promise.allSettled(
      records.map(({ volume }) =>
        this.atPrimary(volume, async ({ server, led }) => {
          const { hold } = await links.holdWrites(server, { ...led, holdMs: HOLD_MS })
          return { server, led, hold }
        }),
      ),
    )
    const held = holds.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const made =
      held.length === records.length
        ? await Promise.allSettled(
            records.map(({ id, name }, n) => {
              const { server, led } = held[n]!
              return links.createSnapshot(server, { ...led, id, name })
            }),
          )
        : []
    const released = await Promise.allSettled(
      held.map(({ server, led, hold }) => links.releaseWrites(server, { ...led, hold })),
    )
    for (const [n, one] of [...holds, ...made, ...released].entries()) {
      if (one.status === 'rejected') throw this.#told(one.reason, records[n % records.length]!.volume)
    }
    const isOneMoment = released.every((one) => one.status === 'fulfilled' && one.value.wasHeld)
    if (!isOneMoment) {
      throw new BlockError('BUSY', 'writes could not be held for as long as the snapshots took; try again', {
        facts: { reason: 'not_one_moment' },
      })
    }
    return made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  }
}
