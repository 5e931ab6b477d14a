/** Why connections to peers fail, as log lines: each reason once for each peer, until the peer is connected again. */
import type { Logger } from '../base/log.ts'
import type { ServerId } from '../v2engine/identity.ts'
import type { LinkEnd } from './link.ts'

const REASONS_MAX = 64
/** More than a volume has replicas: whoever has the cluster's key may still call itself anything. */
const PEERS_MAX = 64

export class FaultLog {
  readonly #logger: Logger
  readonly #volume: string
  readonly #seen = new Map<ServerId, Set<string>>()

  constructor(logger: Logger, volume: string) {
    this.#logger = logger
    this.#volume = volume
  }

  ended(peer: ServerId, why: LinkEnd): void {
    const reason = reasonOf(why)
    const seen = this.#seen.get(peer) ?? new Set<string>()
    this.#seen.set(peer, seen)
    if (this.#seen.size > PEERS_MAX) this.#seen.delete(this.#seen.keys().next().value ?? peer)
    if (seen.has(reason) || seen.size >= REASONS_MAX) return
    seen.add(reason)
    this.#logger.warn('replication.link-failed', { volume: this.#volume, peer, kind: why.kind, reason })
  }

  /** It is connected: what goes wrong from here on is new. */
  connected(peer: ServerId): void {
    this.#seen.delete(peer)
  }
}

function reasonOf(why: LinkEnd): string {
  switch (why.kind) {
    case 'refused':
      return `${why.by === 'us' ? 'refused here' : 'refused there'}: ${why.refused.refusal}, ${why.refused.text}`
    case 'fault':
      return why.fault
    case 'silent':
      return 'nothing was heard'
    case 'closed':
      return why.error?.message ?? 'closed'
  }
}
