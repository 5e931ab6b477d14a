/**
 * Block servers as jobs see them: they make, grow and delete replicas when asked, and what they hold outlives every life
 * of the master. The script of a test says which call is refused, which is lost on the way there, which on the way back,
 * and which is carried out long after it was given up. A server begins no call that was given up before it began.
 */
import { BlockError } from '../../../src/base/errors.ts'
import type { AllocateRequest, ServerCalls, ServerLinks, ToServer } from '../../../src/master/links.ts'
import { NOT_LED } from '../../../src/rpc/reasons.ts'
import type { Scheduler } from '../../sim/scheduler.ts'
import { ScriptVolumes } from './script-volumes.ts'

export type Fault = 'none' | 'refused' | 'not led' | 'lost' | 'answer lost' | 'late'
type CallKind = keyof ServerCalls

interface ScriptReplica {
  readonly volume: string
  sizeBytes: number
  /** The epoch that it obeys. */
  epoch: number
}

export interface ScriptServer {
  readonly id: string
  isUp: boolean
  /** It runs, and the master does not reach it. */
  isCut: boolean
  lostSinceMs: number
  /** Until when it is at work on a call that was given up. */
  busyUntilMs: number
  readonly replicas: Map<string, ScriptReplica>
}

const TRIP_MS = 5
const TIMEOUT_MS = 5000
const LATE_MS = 7000

export class ScriptServers implements ServerLinks {
  /** Logs and tasks. */
  readonly volumes: ScriptVolumes
  readonly #scheduler: Scheduler
  readonly servers = new Map<string, ScriptServer>()
  /** What befalls the next calls of a kind at a server; after that all goes well. */
  readonly faults = new Map<string, Fault[]>()
  readonly calls: string[] = []
  /** Hosts that are logged in, by volume. */
  readonly sessions = new Map<string, number>()

  constructor(scheduler: Scheduler, ids: readonly string[]) {
    this.#scheduler = scheduler
    this.volumes = new ScriptVolumes(() => scheduler.nowMs)
    for (const id of ids)
      this.servers.set(id, {
        id,
        isUp: true,
        isCut: false,
        lostSinceMs: 0,
        busyUntilMs: 0,
        replicas: new Map(),
      })
  }

  fault(kind: CallKind, server: string, ...faults: Fault[]): void {
    this.faults.set(`${kind} ${server}`, faults)
  }

  setUp(id: string, isUp: boolean): void {
    const server = this.#server(id)
    server.isUp = isUp
    if (!isUp) this.volumes.forgetTasks(id)
    server.lostSinceMs = this.#scheduler.nowMs
  }

  /** Its stream to the master breaks, and comes back; it goes on meanwhile, and leads what it led. */
  setCut(id: string, isCut: boolean): void {
    const server = this.#server(id)
    server.isCut = isCut
    server.lostSinceMs = this.#scheduler.nowMs
  }

  /** `server/volume` of every replica there is. */
  held(): string[] {
    return [...this.servers.values()]
      .flatMap((server) => [...server.replicas.keys()].map((volume) => `${server.id}/${volume}`))
      .sort()
  }

  send(_server: string, _message: ToServer): void {
    // nothing that jobs do goes over the stream
  }

  allocate(server: string, request: AllocateRequest): Promise<void> {
    return this.#call('allocate', server, ({ replicas }) => {
      if (replicas.has(request.volume)) return
      const epoch = request.madeIn?.number ?? 0
      replicas.set(request.volume, { volume: request.volume, sizeBytes: request.sizeBytes, epoch })
    })
  }

  remove(server: string, request: { readonly volume: string; readonly epoch: number }): Promise<void> {
    return this.#call('remove', server, ({ replicas }) => {
      const replica = replicas.get(request.volume)
      if (replica !== undefined && replica.epoch > request.epoch) {
        throw new BlockError('CONFLICT', 'it obeys a higher epoch')
      }
      replicas.delete(request.volume)
    })
  }

  expand(
    server: string,
    request: { readonly volume: string; readonly epoch: number; readonly sizeBytes: number },
  ): Promise<void> {
    return this.#call('expand', server, () => {
      for (const { replicas } of this.servers.values()) {
        const replica = replicas.get(request.volume)
        if (replica !== undefined) replica.sizeBytes = Math.max(replica.sizeBytes, request.sizeBytes)
      }
    })
  }

  createSnapshot: ServerLinks['createSnapshot'] = (server, request) =>
    this.#led('createSnapshot', server, request, () => this.volumes.createSnapshot(request))
  deleteSnapshot: ServerLinks['deleteSnapshot'] = (server, request) =>
    this.#led('deleteSnapshot', server, request, () => this.volumes.deleteSnapshot(request))
  restoreSnapshot: ServerLinks['restoreSnapshot'] = (server, request) =>
    this.#led('restoreSnapshot', server, request, () => this.volumes.restoreSnapshot(request))
  snapshotUsage: ServerLinks['snapshotUsage'] = (server, request) =>
    this.#led('snapshotUsage', server, request, () => this.volumes.snapshotUsage(request))
  exposeSnapshot: ServerLinks['exposeSnapshot'] = (server, request) =>
    this.#led('exposeSnapshot', server, request, () => this.volumes.exposeSnapshot(request))
  setOrigin: ServerLinks['setOrigin'] = (server, request) =>
    this.#led('setOrigin', server, request, () => this.volumes.setOrigin(request))
  holdWrites: ServerLinks['holdWrites'] = (server, request) =>
    this.#led('holdWrites', server, request, () => this.volumes.holdWrites(request))
  releaseWrites: ServerLinks['releaseWrites'] = (server, request) =>
    this.#led('releaseWrites', server, request, () => this.volumes.releaseWrites(request))
  openImage: ServerLinks['openImage'] = (server, request) =>
    this.#led('openImage', server, request, () => this.volumes.openImage(request))
  startTask: ServerLinks['startTask'] = (server, request) =>
    this.#call('startTask', server, () => this.volumes.startTask(server, request))
  task: ServerLinks['task'] = (server, request) =>
    this.#call('task', server, () => this.volumes.task(server, request))
  cancelTask: ServerLinks['cancelTask'] = (server, request) =>
    this.#call('cancelTask', server, () => this.volumes.cancelTask(server, request))

  /** For the server that leads in that epoch. */
  #led<T>(
    kind: CallKind,
    id: string,
    { volume, epoch }: { readonly volume: string; readonly epoch: number },
    work: () => T,
  ): Promise<T> {
    return this.#call(kind, id, ({ replicas }) => {
      if (replicas.get(volume)?.epoch !== epoch) throw notLed()
      return work()
    })
  }

  #call<T>(kind: CallKind, id: string, work: (server: ScriptServer) => T): Promise<T> {
    const fault = this.faults.get(`${kind} ${id}`)?.shift() ?? 'none'
    const server = this.#server(id)
    this.calls.push(`${kind} ${id}`)
    return new Promise((resolve, reject) => {
      const at = (delayMs: number, run: () => void): void => {
        this.#scheduler.schedule(kind, id, delayMs, run)
      }
      const giveUp = (): void => reject(new BlockError('TIMED_OUT', 'no answer came'))
      if (!server.isUp || server.isCut) {
        at(TRIP_MS, () => reject(new BlockError('DISCONNECTED', 'the server is not connected')))
        return
      }
      const doIt = (): (() => void) => {
        if (!server.isUp) return () => reject(new BlockError('DISCONNECTED', 'the server went away'))
        try {
          const answer = work(server)
          return () => resolve(answer)
        } catch (error) {
          if (error instanceof BlockError) return () => reject(error)
          throw error
        }
      }
      // one call at a time for a replica: what was begun ends first
      const tripMs = TRIP_MS + Math.max(0, server.busyUntilMs - this.#scheduler.nowMs)
      switch (fault) {
        case 'none':
          at(tripMs, () => {
            const answer = doIt()
            at(TRIP_MS, answer)
          })
          return
        case 'refused':
          at(tripMs, () => reject(new BlockError('NO_SPACE', 'the disk is full')))
          return
        case 'not led':
          at(tripMs, () => reject(notLed()))
          return
        case 'lost':
          at(TIMEOUT_MS, giveUp)
          return
        case 'answer lost':
          at(TRIP_MS, () => void doIt())
          at(TIMEOUT_MS, giveUp)
          return
        case 'late':
          at(TIMEOUT_MS, giveUp)
          server.busyUntilMs = this.#scheduler.nowMs + LATE_MS
          at(LATE_MS, () => void doIt())
          return
      }
    })
  }

  #server(id: string): ScriptServer {
    const server = this.servers.get(id)
    if (server === undefined) throw new Error(`no server ${id}`)
    return server
  }
}

const notLed = (): BlockError =>
  new BlockError('CONFLICT', 'it does not lead in that epoch', { facts: { reason: NOT_LED } })
