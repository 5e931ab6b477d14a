/**
 * One volume of the small authority: the model's rules (test/cluster/authority.ts) over a record that is written to a
 * file before anything that follows from it is told to a server. What the rules hold in memory is gone with the process.
 */
import { BlockError } from '../../../src/base/errors.ts'
import { type Epoch, epochNumber } from '../../../src/base/units.ts'
import type { LeadRecord } from '../../../src/master/records.ts'
import { type ServerId, serverId } from '../../../src/v2engine/identity.ts'
import type { AuthorityMessage, ToAuthority } from '../../../src/v2engine/messages.ts'
import { DEFAULT_BOUNDS, type Policy } from '../../../src/v2engine/policy.ts'
import { Authority, type Heartbeat } from '../../cluster/authority.ts'
import { SeededRandom } from '../../sim/random.ts'

export interface VolumeRequest {
  readonly name: string
  readonly sizeBytes: number
  readonly logBytes?: number
  readonly policy: Policy
  readonly replicas: readonly { readonly server: string; readonly http: string; readonly endpoint: string }[]
}

/** What the file has of a volume. */
export interface StoredVolume {
  readonly uuid: string
  readonly request: VolumeRequest
  readonly replicas: StoredReplica[]
  /** The last epoch of which the primary said that hosts are served. */
  servingEpoch: number
  registry: LeadRecord
}

interface StoredReplica {
  readonly server: string
  http: string
  endpoint: string
  /** Its server has made it. */
  isMade: boolean
}

/** A message on its way to a server. */
export interface Outgoing {
  readonly server: string
  readonly http: string
  readonly body: object
}

/** What the first replica of a new volume, which has to be made, may take to answer before another one leads. */
const BEGIN_MS = 10_000

export class ManagedVolume {
  readonly stored: StoredVolume
  readonly #authority: Authority
  readonly #url: string
  #outbox: { readonly to: ServerId; readonly message: AuthorityMessage }[] = []

  constructor(uuid: string, request: VolumeRequest, url: string) {
    const replicas = request.replicas.map((replica) => ({ ...replica, isMade: false }))
    this.#url = url
    this.#authority = this.#rules(request, replicas)
    this.stored = {
      uuid,
      request,
      replicas,
      servingEpoch: 0,
      registry: this.#authority.record,
    }
  }

  /** Of a new volume: the first of its replicas is to lead, if it answers soon. */
  begin(nowMs: number): void {
    const [first] = this.stored.replicas
    this.#authority.prefer(first === undefined ? null : serverId(first.server), BEGIN_MS, nowMs)
    this.onBeat(nowMs)
  }

  static load(stored: StoredVolume, url: string, nowMs: number): ManagedVolume {
    const volume = new ManagedVolume(stored.uuid, stored.request, url)
    volume.stored.replicas.splice(0, Infinity, ...stored.replicas)
    volume.stored.servingEpoch = stored.servingEpoch
    volume.stored.registry = stored.registry
    volume.#replicasMoved()
    volume.#authority.load(stored.registry, nowMs)
    return volume
  }

  #rules(request: VolumeRequest, replicas: readonly StoredReplica[]): Authority {
    return new Authority({
      policy: request.policy,
      bounds: DEFAULT_BOUNDS,
      replicas: replicas.map(({ server, endpoint }) => ({ server: serverId(server), endpoint })),
      members: replicas.map(({ server }) => serverId(server)),
      random: new SeededRandom(Math.floor(Math.random() * 2 ** 32), 1),
      send: (to, message) => this.#outbox.push({ to, message }),
      promoted: () => undefined,
    })
  }

  #replicasMoved(): void {
    this.#authority.replicas = this.stored.replicas.map(({ server, endpoint }) => ({
      server: serverId(server),
      endpoint,
    }))
  }

  get #isMade(): boolean {
    return this.stored.replicas.every(({ isMade }) => isMade)
  }

  onBeat(nowMs: number): void {
    const { registry } = this.#authority
    if (this.#isMade || this.stored.registry.hasServed) this.#authority.onBeat(nowMs)
    for (const { server, isMade } of this.stored.replicas) {
      // whoever has it not yet is told something, so that it makes it
      if (!isMade)
        this.#outbox.push({ to: serverId(server), message: { kind: 'seal', epoch: registry.epoch } })
    }
  }

  onReport(from: string, beat: Heartbeat, messages: readonly ToAuthority[], nowMs: number): void {
    const server = serverId(from)
    this.#authority.onHeartbeat(server, beat, nowMs)
    for (const message of messages) {
      this.#authority.onMessage(server, message, nowMs)
      if (message.kind === 'serving') this.stored.servingEpoch = message.epoch.number
    }
  }

  made(server: string): void {
    this.#replica(server).isMade = true
  }

  /** A planned move: the primary drains and stops, and `to` wins among equals. */
  move(to: string, nowMs: number): void {
    this.#replica(to)
    this.#authority.move(serverId(to), nowMs)
  }

  /** A server is elsewhere, or lost its disk and is to make its replica anew. */
  change(server: string, change: { http?: string; endpoint?: string; isLost?: boolean }): void {
    const replica = this.#replica(server)
    replica.http = change.http ?? replica.http
    replica.endpoint = change.endpoint ?? replica.endpoint
    if (change.isLost === true) replica.isMade = false
    this.#replicasMoved()
    if (this.#authority.registry.state === 'serving') this.#authority.assign()
  }

  #replica(server: string): StoredReplica {
    const replica = this.stored.replicas.find((one) => one.server === server)
    if (replica === undefined) throw new BlockError('NOT_FOUND', `${server} has no replica of it`)
    return replica
  }

  /** What is to be told by now: to `asker` as an answer, to the others by requests. */
  takeOutbox(asker?: string): { readonly answers: AuthorityMessage[]; readonly requests: Outgoing[] } {
    const outbox = this.#outbox
    this.#outbox = []
    this.stored.registry = this.#authority.record
    const answers: AuthorityMessage[] = []
    const requests: Outgoing[] = []
    for (const { to, message } of outbox) {
      const { server, http, isMade } = this.#replica(to)
      if (to === asker && isMade) answers.push(message)
      else requests.push({ server, http, body: this.#body(message, isMade) })
    }
    return { answers, requests }
  }

  #body(message: AuthorityMessage, isMade: boolean): object {
    const { uuid, request } = this.stored
    const { registry } = this.#authority
    const { hasServed } = this.#authority.record
    const { name, sizeBytes, logBytes } = request
    const madeIn: Epoch | null = hasServed ? registry.epoch : null
    const create = { name, sizeBytes, ...(logBytes === undefined ? {} : { logBytes }), madeIn }
    return { volume: uuid, authority: this.#url, ...(isMade ? {} : { create }), message }
  }

  /** For tests to look at. */
  view(): object {
    const { uuid, request, replicas } = this.stored
    const { registry } = this.#authority
    const isServing = registry.state === 'serving' && this.stored.servingEpoch === registry.epoch.number
    const { isOperatorNeeded } = this.#authority
    return {
      uuid,
      name: request.name,
      policy: request.policy,
      replicas,
      registry,
      isServing,
      isOperatorNeeded,
    }
  }
}

/** Epochs in what servers report: their ids are decimal strings there. */
export function reviveEpochs(key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !EPOCH_KEYS.has(key)) return value
  const { number, id } = value as { number: number; id: string }
  return { number: epochNumber(number), id: BigInt(id) }
}

const EPOCH_KEYS = new Set(['epoch', 'sealed', 'leads'])
