/**
 * Hosts and their controllers: carries out Fabrics commands, makes controllers and finds those that there are, and passes
 * admin commands to them. All that Connect is refused for is decided here; every refusal is answered with a status.
 */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { DhchapCredential } from '../../frontend/access.ts'
import { FABRICS_OPCODE, FabricsType } from '../commands.ts'
import { ADMIN_SUCCESS, type AdminResult, adminStatus } from '../controller/admin-types.ts'
import type { Authentication } from '../controller/authentication.ts'
import { CONNECT_REFUSAL, type ConnectRequest, connected, readConnect } from '../controller/connect.ts'
import { Controller, type ControllerPages } from '../controller/controller.ts'
import type { ControllerIds } from '../controller/controller-ids.ts'
import type { Subsystem } from '../controller/subsystem.ts'
import { VolumePages } from '../controller/volume-pages.ts'
import type { DiscoveryService } from '../discovery/discovery-service.ts'
import { DISCOVERY_NQN } from '../fabrics.ts'
import type { NvmeHost } from '../namespace/io-types.ts'
import type { NvmeNamespace } from '../namespace/namespace.ts'
import { registrantOf } from '../namespace/registrant.ts'
import { final, SCT, STATUS } from '../status.ts'
import { AuthenticationGate } from './authentication-gate.ts'
import type { Command } from './command.ts'
import type { NvmeTargetLimits } from './limits.ts'
import type { Queue } from './queue.ts'
import type { IoService } from './queue-types.ts'
import type { NvmeCommandObserver } from './target-types.ts'
import { VolumeIo } from './volume-io.ts'

/** A subsystem as the target keeps it. */
export interface SubsystemNode {
  readonly subsystem: Subsystem
  observer: NvmeCommandObserver | undefined
}

/** The connection of a queue, as far as Connect concerns it. */
export interface QueueConnection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly queue: Queue
  gate: AuthenticationGate | undefined
  /** Connects that were refused. */
  refusals: number
  /** The queue is connected; and authenticated, when it has to be. */
  ready(): void
  /** The host did not prove itself. */
  authenticationFailed(): void
  /** The queue takes data in capsules of this size from now on. */
  setCapsuleBytes(bytes: number): void
}

export interface AssociationsContext {
  readonly clock: Clock
  readonly pool: BufferPool
  readonly limits: NvmeTargetLimits
  readonly discovery: DiscoveryService
  readonly authentication: Authentication | undefined
  /** No new associations. */
  readonly isDraining: () => boolean
  readonly node: (nqn: string) => SubsystemNode | undefined
  readonly resolve: (nqn: string) => 'later' | 'unknown'
  readonly log: (event: string, facts: Record<string, string | number | undefined>) => void
}

/** A controller, and what its association is made of. */
interface Association {
  readonly controller: Controller
  readonly host: NvmeHost
  readonly nqn: string
  readonly admin: QueueConnection
  readonly pages: VolumePages | undefined
}

const FCTYPE_AT = 4
/** Connects of one connection that may fail. */
const REFUSALS_MAX = 8

export class Associations {
  readonly #context: AssociationsContext
  readonly #associations = new Map<Controller, Association>()

  constructor(context: AssociationsContext) {
    this.#context = context
  }

  /** Every association, in the order in which they began. */
  all(): Iterable<Association> {
    return this.#associations.values()
  }

  get size(): number {
    return this.#associations.size
  }

  /** The volume of `subsystem` is served by `namespace` now. */
  served(subsystem: Subsystem, namespace: NvmeNamespace): void {
    for (const controller of subsystem.controllers.values()) this.#attachPages(controller, namespace)
  }

  /** Carries out an admin or Fabrics command of `connection`'s queue. */
  execute(command: Command, connection: QueueConnection): AdminResult | Promise<AdminResult> | 'parked' {
    const { attachment } = connection.queue
    const isFabrics = command.sqe[0] === FABRICS_OPCODE
    const type = command.sqe[FCTYPE_AT]!
    if (attachment === undefined) {
      if (isFabrics && type === FabricsType.connect) return this.#connect(command, connection)
      return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR))
    }
    const { gate } = connection
    if (isFabrics) {
      if (type === FabricsType.connect) return CONNECT_REFUSAL.sequence
      if (type === FabricsType.authenticationSend || type === FabricsType.authenticationReceive) {
        return gate?.execute(command, type) ?? adminStatus(final(STATUS.INVALID_OPCODE), FCTYPE_AT)
      }
    }
    if (gate !== undefined && !gate.isOpen) return adminStatus(final(STATUS.AUTHENTICATION_REQUIRED))
    const { controller, queueId } = attachment
    if (!isFabrics) return controller.execute(command)
    switch (type) {
      case FabricsType.propertyGet:
      case FabricsType.propertySet:
        if (queueId === 0) return controller.property(command, type)
        break
      case FabricsType.disconnect:
        return this.#disconnect(command, connection, queueId)
    }
    return adminStatus(final(STATUS.INVALID_OPCODE), FCTYPE_AT)
  }

  /** The connection of a queue is gone; commands of it may be under way. The admin queue takes the others along. */
  lost({ queue }: QueueConnection): void {
    if (queue.attachment?.queueId === 0) void queue.attachment.controller.end('the admin connection is gone')
  }

  /** The connection of a queue is gone, and nothing of it is under way. */
  gone({ queue }: QueueConnection): void {
    const { attachment } = queue
    if (attachment === undefined) return
    const { controller, queueId } = attachment
    if (controller.queues.get(queueId) === queue) controller.queues.delete(queueId)
  }

  /** Once a second. */
  tick(): void {
    for (const controller of [...this.#associations.keys()]) controller.tick()
  }

  /** NVMe Base 2.0 §6.4. The admin queue ends with its association, and not before. */
  #disconnect(
    command: Command,
    connection: QueueConnection,
    queueId: number,
  ): AdminResult | Promise<AdminResult> {
    if (command.view.getUint16(40, true) !== 0) return CONNECT_REFUSAL.format
    if (queueId === 0) return adminStatus(final(STATUS.INVALID_QUEUE_TYPE))
    return connection.queue.quiesce(command).then(() => ({ ...ADMIN_SUCCESS, ends: 'disconnect' }))
  }

  #connect(command: Command, connection: QueueConnection): AdminResult {
    const { limits } = this.#context
    const read = readConnect(command, limits)
    const result = 'refusal' in read ? read.refusal : this.#connectQueue(read.request, connection)
    if (result.status !== 0) {
      this.#context.log('nvme.connect_refused', {
        address: connection.remoteAddress,
        ...('request' in read && { host: read.request.hostNqn, subsystem: read.request.subsystemNqn }),
        status: result.status,
        parameter: result.dword0,
      })
      // Each is in the log.
      if (++connection.refusals >= REFUSALS_MAX)
        return { ...result, ends: 'its Connects were refused too often' }
    }
    return result
  }

  #connectQueue(request: ConnectRequest, connection: QueueConnection): AdminResult {
    const { discovery, limits } = this.#context
    const { subsystemNqn, queueId, hostNqn } = request
    if (subsystemNqn === DISCOVERY_NQN) {
      if (queueId !== 0) return CONNECT_REFUSAL.queueId
      if (discovery.controllers.size >= limits.discoveryControllersMax) return CONNECT_REFUSAL.busy
      const pages = discovery.pages(connection.localAddress)
      const made = this.#make(request, connection, { ids: discovery.ids, of: discovery.controllers, pages })
      if (made === undefined) return CONNECT_REFUSAL.busy
      return this.#attach(made, request, connection, undefined, undefined)
    }
    const node = this.#context.node(subsystemNqn)
    if (node === undefined) {
      const isLater = this.#context.resolve(subsystemNqn) === 'later'
      return isLater ? CONNECT_REFUSAL.busy : CONNECT_REFUSAL.subsystemNqn
    }
    const { subsystem } = node
    const admitted = subsystem.admits(hostNqn)
    if (admitted === undefined) return CONNECT_REFUSAL.host
    const { credential } = admitted
    if (credential !== undefined && this.#context.authentication === undefined) return CONNECT_REFUSAL.host
    if (subsystem.volume?.lost === true) return CONNECT_REFUSAL.busy
    if (queueId !== 0) return this.#connectIo(request, connection, node, credential)
    if (subsystem.controllers.size >= limits.controllersPerSubsystemMax) return CONNECT_REFUSAL.busy
    const pages = new VolumePages(subsystem, limits)
    const made = this.#make(request, connection, {
      ids: subsystem.ids,
      of: subsystem.controllers,
      pages,
      ending: (over) => subsystem.waitFor(over),
    })
    if (made === undefined) return CONNECT_REFUSAL.busy
    pages.host = made.host
    const result = this.#attach(made, request, connection, undefined, credential)
    if (subsystem.namespace !== undefined) this.#attachPages(made.controller, subsystem.namespace)
    this.#context.node(request.subsystemNqn)?.observer?.began?.()
    return result
  }

  #connectIo(
    request: ConnectRequest,
    connection: QueueConnection,
    node: SubsystemNode,
    credential: DhchapCredential | undefined,
  ): AdminResult {
    const controller = node.subsystem.controllers.get(request.controllerId)
    const association = controller && this.#associations.get(controller)
    if (controller === undefined || association === undefined) return CONNECT_REFUSAL.controllerId
    if (controller.hostNqn !== request.hostNqn) return CONNECT_REFUSAL.hostNqn
    if (Buffer.compare(controller.hostId, request.hostId) !== 0) return CONNECT_REFUSAL.hostId
    if (association.admin.gate?.isOpen === false) return adminStatus(final(STATUS.AUTHENTICATION_REQUIRED))
    const isPossible = controller.properties.isReady && !controller.queues.has(request.queueId)
    if (!isPossible) return CONNECT_REFUSAL.sequence
    connection.setCapsuleBytes(this.#context.limits.inCapsuleBytes)
    return this.#attach(association, request, connection, node, credential)
  }

  /** A new controller; undefined: there are too many. */
  #make(
    request: ConnectRequest,
    connection: QueueConnection,
    kind: {
      readonly ids: ControllerIds
      readonly of: Map<number, Controller>
      readonly pages: VolumePages | ControllerPages
      /** Told of a controller that is ending, with what resolves when nothing of it is under way. */
      readonly ending?: (over: Promise<void>) => void
    },
  ): Association | undefined {
    const { limits, clock } = this.#context
    if (this.#context.isDraining() || this.#associations.size >= limits.controllersMax) return undefined
    const id = kind.ids.take()
    if (id === undefined) return undefined
    const { hostNqn, hostId, keepAliveMs, subsystemNqn: nqn } = request
    const pages = kind.pages instanceof VolumePages ? kind.pages : undefined
    const controller = new Controller({
      id,
      hostNqn,
      hostId,
      keepAliveMs,
      limits,
      pages: kind.pages,
      connectedWallMs: clock.wallMs(),
      ended: (reason) => {
        kind.of.delete(id)
        this.#associations.delete(controller)
        pages?.detach()
        this.#context.log('nvme.association_ended', {
          host: hostNqn,
          subsystem: nqn,
          controllerId: id,
          reason,
        })
        const over = controller.end(reason)
        kind.ending?.(over)
        // An id is free when nothing of its controller is under way.
        void over.then(() => kind.ids.giveBack(id))
      },
    })
    const association: Association = {
      controller,
      host: {
        hostNqn: hostNqn.toLowerCase(),
        hostId,
        registrant: registrantOf(hostId),
        controllerId: id,
      },
      nqn,
      admin: connection,
      pages,
    }
    kind.of.set(id, controller)
    this.#associations.set(controller, association)
    this.#context.log('nvme.association_began', {
      host: hostNqn,
      subsystem: nqn,
      controllerId: id,
      address: connection.remoteAddress,
    })
    return association
  }

  /** The queue of `connection` becomes one of the association. */
  #attach(
    { controller, host }: Association,
    request: ConnectRequest,
    connection: QueueConnection,
    node: SubsystemNode | undefined,
    credential: DhchapCredential | undefined,
  ): AdminResult {
    const { queueId, entries, sqFlowControl } = request
    const { queue } = connection
    if (credential !== undefined) {
      connection.gate = this.#gate(controller, request, connection, credential)
      if (queueId === 0) controller.isAskedForProof = true
    }
    const io = node && this.#ioOf(node, controller, connection)
    controller.queues.set(queueId, queue)
    queue.attach({
      controller,
      host,
      queueId,
      entries,
      sqFlowControl,
      io,
      get observer() {
        return node?.observer
      },
      note: (command, status, errorLocation) => {
        if (((status >>> 8) & 7) === SCT.PATH) return
        const nsid = command.view.getUint32(4, true)
        controller.errors.add({ queueId, cid: command.cid, status, nsid, errorLocation })
      },
    })
    if (connection.gate === undefined) connection.ready()
    return connected(controller.id, connection.gate !== undefined)
  }

  #ioOf(node: SubsystemNode, controller: Controller, connection: QueueConnection): IoService {
    return new VolumeIo({
      subsystem: node.subsystem,
      controller,
      gate: connection.gate,
      observer: () => node.observer,
      clock: this.#context.clock,
    })
  }

  #gate(
    controller: Controller,
    request: ConnectRequest,
    connection: QueueConnection,
    credential: DhchapCredential,
  ): AuthenticationGate {
    const { hostNqn, subsystemNqn, queueId } = request
    return new AuthenticationGate({
      begin: () =>
        this.#context.authentication!.begin({
          hostNqn,
          subsystemNqn,
          controllerId: controller.id,
          queueId,
          credential,
        }),
      mayRepeat: queueId === 0,
      opened: () => connection.ready(),
      failed: () => connection.authenticationFailed(),
    })
  }

  #attachPages(controller: Controller, namespace: NvmeNamespace): void {
    const association = this.#associations.get(controller)
    association?.pages?.attach(namespace, controller, association.host, async (except) => {
      const queues = [...controller.queues.values()] as Queue[]
      await Promise.all(
        queues.filter(({ queueId }) => queueId !== 0).map((queue) => queue.abortCommands(except)),
      )
    })
  }
}
