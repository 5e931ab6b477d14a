/**
 * A server that stops in order says so in its beats, and waits a little: what it leads is handed over while it still can
 * drain, so that hosts pause for a moment instead of a lease. What cannot be handed over fails over when it is gone.
 */
import { isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { isSound } from '../../v2engine/marks.ts'
import type { Leads } from './cluster.ts'
import type { LiveCluster } from './live.ts'
import type { RecordStore } from './records-view.ts'

/** At once, in the cluster. */
const MOVES_MAX = 8

interface HandoverPorts {
  readonly store: RecordStore
  readonly live: LiveCluster
  readonly leads: Pick<Leads, 'move'>
  readonly logger: Logger
}

export class Handovers {
  readonly #o: HandoverPorts
  /** Volumes that are being handed over. */
  readonly #moving = new Set<string>()

  constructor(ports: HandoverPorts) {
    this.#o = ports
  }

  /** A server says that it stops; with each of its beats, for as long as it leads anything. */
  onDraining(server: string): void {
    const { view } = this.#o.store
    if (view.cluster.lock !== null) return
    for (const { uuid } of view.volumesOn(server)) {
      if (this.#moving.size >= MOVES_MAX) return
      const to = this.#moving.has(uuid) ? undefined : this.#targetOf(uuid, server)
      if (to !== undefined) void this.#handOver(uuid, server, to)
    }
  }

  async #handOver(volume: string, server: string, to: string): Promise<void> {
    this.#moving.add(volume)
    try {
      await this.#o.leads.move(volume, to)
    } catch (error) {
      if (!isBlockError(error)) throw error
      this.#o.logger.info('lead.not_handed_over', { volume, server, code: error.code })
    } finally {
      this.#moving.delete(volume)
    }
  }

  #targetOf(volume: string, from: string): string | undefined {
    const { store, live } = this.#o
    const record = store.view.volume(volume)
    if (record?.lead.primary !== from || record.lead.state !== 'serving') return undefined
    return record.lead.set.members.find((server) => {
      const { isConnected = false, beat } = live.server(server) ?? {}
      const standing = live.replica(volume, server)?.open?.standing
      const isStaying = record.replicas.some((one) => one.server === server && one.state === 'ready')
      const isAble = isConnected && beat?.isDraining === false && standing !== undefined && isSound(standing)
      return server !== from && isStaying && isAble
    })
  }
}
