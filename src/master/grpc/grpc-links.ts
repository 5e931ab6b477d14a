/**
 * `ServerLinks` over gRPC: messages go out on the streams that servers opened, calls on a channel to where the server's
 * hello said. Every call has a deadline, and its answer or its error comes back as one of ours; without an answer
 * nothing is known (DISCONNECTED, TIMED_OUT).
 */
import type { CallOptions, Metadata, requestCallback, ServiceError } from '@grpc/grpc-js'
import { BlockError } from '../../base/errors.ts'
import type { Snapshot__Output as SnapshotOut } from '../../gen/basalt/master/v1/Snapshot.ts'
import type { HoldWritesResponse__Output as HoldOut } from '../../gen/basalt/server/v1/HoldWritesResponse.ts'
import type { OpenImageResponse__Output as OpenOut } from '../../gen/basalt/server/v1/OpenImageResponse.ts'
import type { ReleaseWritesResponse__Output as ReleaseOut } from '../../gen/basalt/server/v1/ReleaseWritesResponse.ts'
import type { ServerClient } from '../../gen/basalt/server/v1/Server.ts'
import { startTaskIn, taskOf, usageOf, withIdIn } from '../../rpc/calls-codec.ts'
import { bearer, channelCredentials, channelOptions } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { epochIn, text } from '../../rpc/fields.ts'
import { originIn, snapshotIdIn, snapshotOf } from '../../rpc/led-codec.ts'
import type { NodeCertificate } from '../../rpc/node-certificate.ts'
import { blockErrorOf } from '../../rpc/status.ts'
import type { TaskView } from '../../rpc/tasks.ts'
import type {
  AllocateRequest,
  LedVolume,
  OneSnapshot,
  RemoveRequest,
  ServerCalls,
  ServerLinks,
  SnapshotFacts,
  ToServer,
  VolumeSnapshots,
} from '../links.ts'
import type { ServerStreams } from './server-streams.ts'

/** A replica's log is written in full when it is made. */
const ALLOCATE_MS = 120_000
const HOLD_LENGTH_MAX = 128
const TICKET_LENGTH_MAX = 256
const REMOVE_MS = 30_000
const EXPAND_MS = 30_000
/** Of everything else: what takes longer is a task. */
const CALL_MS = 15_000

type Unary<Request, Answer> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: requestCallback<Answer>,
) => unknown

type Of<Name extends keyof ServerCalls> = Parameters<ServerCalls[Name]>[0]

export class GrpcLinks implements ServerLinks {
  readonly #streams: ServerStreams
  readonly #certificate: NodeCertificate | undefined
  /** By servers; made anew when the address changes. */
  readonly #channels = new Map<string, { readonly address: string; readonly client: ServerClient }>()

  constructor(streams: ServerStreams, certificate: NodeCertificate | undefined) {
    this.#streams = streams
    this.#certificate = certificate
  }

  send(server: string, message: ToServer): void {
    this.#streams.send(server, message)
  }

  async allocate(server: string, request: AllocateRequest): Promise<void> {
    const { logBytes, madeIn, ...same } = request
    await this.#call(server, ALLOCATE_MS, (client) => client.allocateReplica.bind(client), {
      ...same,
      ...(logBytes === null ? {} : { logBytes }),
      madeIn: madeIn === null ? null : epochIn(madeIn),
    })
  }

  async remove(server: string, { volume, epoch, set }: RemoveRequest): Promise<void> {
    await this.#call(server, REMOVE_MS, (client) => client.removeReplica.bind(client), {
      ...{ volume, epoch, setEpoch: set.epoch, setVersion: set.version },
    })
  }

  async expand(server: string, request: Of<'expand'>): Promise<void> {
    await this.#call(server, EXPAND_MS, (client) => client.expandVolume.bind(client), { ...request })
  }

  async createSnapshot(server: string, request: Of<'createSnapshot'>): Promise<SnapshotFacts> {
    const made: SnapshotOut = await this.#call(
      server,
      CALL_MS,
      (client) => client.createSnapshot.bind(client),
      withIdIn(request),
    )
    const { isExposed: _, ...facts } = snapshotOf(made, 'snapshot')
    return facts
  }

  async deleteSnapshot(server: string, request: OneSnapshot): Promise<void> {
    const asked = withIdIn(request)
    await this.#call(server, CALL_MS, (client) => client.deleteSnapshot.bind(client), asked)
  }

  async restoreSnapshot(server: string, request: Of<'restoreSnapshot'>): Promise<void> {
    const asked = withIdIn(request)
    await this.#call(server, CALL_MS, (client) => client.restoreSnapshot.bind(client), asked)
  }

  async snapshotUsage(server: string, request: LedVolume): Promise<VolumeSnapshots> {
    const asked = { ...request }
    return usageOf(await this.#call(server, CALL_MS, (client) => client.snapshotUsage.bind(client), asked))
  }

  async exposeSnapshot(server: string, request: Of<'exposeSnapshot'>): Promise<void> {
    const asked = withIdIn(request)
    await this.#call(server, CALL_MS, (client) => client.exposeSnapshot.bind(client), asked)
  }

  async setOrigin(server: string, { origin, ...led }: Of<'setOrigin'>): Promise<void> {
    const asked = { ...led, origin: originIn(origin) }
    await this.#call(server, CALL_MS, (client) => client.setOrigin.bind(client), asked)
  }

  async holdWrites(server: string, request: Of<'holdWrites'>): Promise<{ readonly hold: string }> {
    const asked = { ...request }
    const { hold }: HoldOut = await this.#call(
      server,
      CALL_MS,
      (client) => client.holdWrites.bind(client),
      asked,
    )
    return { hold: text(hold, HOLD_LENGTH_MAX, 'hold') }
  }

  async releaseWrites(server: string, request: Of<'releaseWrites'>): Promise<{ readonly wasHeld: boolean }> {
    const asked = { ...request }
    const { wasHeld }: ReleaseOut = await this.#call(
      server,
      CALL_MS,
      (client) => client.releaseWrites.bind(client),
      asked,
    )
    return { wasHeld }
  }

  async openImage(server: string, request: Of<'openImage'>): Promise<{ readonly ticket: string }> {
    const asked = { ...request, snapshot: snapshotIdIn(request.snapshot), reader: request.reader ?? '' }
    const { ticket }: OpenOut = await this.#call(
      server,
      CALL_MS,
      (client) => client.openImage.bind(client),
      asked,
    )
    return { ticket: text(ticket, TICKET_LENGTH_MAX, 'ticket') }
  }

  async startTask(server: string, request: Of<'startTask'>): Promise<void> {
    const asked = startTaskIn(request)
    await this.#call(server, CALL_MS, (client) => client.startTask.bind(client), asked)
  }

  async task(server: string, request: Of<'task'>): Promise<TaskView> {
    const asked = { ...request }
    return taskOf(await this.#call(server, CALL_MS, (client) => client.getTask.bind(client), asked))
  }

  async cancelTask(server: string, request: Of<'cancelTask'>): Promise<void> {
    const asked = { ...request }
    await this.#call(server, CALL_MS, (client) => client.cancelTask.bind(client), asked)
  }

  /** The next calls go over new connections; those under way go on. */
  forgetChannels(): void {
    for (const { client } of this.#channels.values()) client.close()
    this.#channels.clear()
  }

  async #call<Request, Answer>(
    server: string,
    timeoutMs: number,
    method: (client: ServerClient) => Unary<Request, Answer>,
    request: Request,
  ): Promise<Answer> {
    const contact = this.#streams.contact(server)
    if (contact === undefined) {
      throw new BlockError('DISCONNECTED', `server ${server} is not connected`, { facts: { server } })
    }
    const { name, address, callToken } = contact
    const call = method(this.#channel(server, address))
    // the deadline is for the wire; no decision compares it
    const deadline = new Date(Date.now() + timeoutMs)
    return await new Promise<Answer>((resolve, reject) => {
      call(request, bearer(callToken), { deadline }, (error: ServiceError | null, answer?: Answer) => {
        if (error !== null) reject(blockErrorOf(error, `server ${name}`))
        else if (answer === undefined) reject(new BlockError('PROTOCOL', `server ${name} answered nothing`))
        else resolve(answer)
      })
    })
  }

  #channel(server: string, address: string): ServerClient {
    const known = this.#channels.get(server)
    if (known?.address === address) return known.client
    known?.client.close()
    const tls = this.#certificate?.identity
    const options = channelOptions('server', tls)
    const client = new (services().Server)(address, channelCredentials(tls), options)
    this.#channels.set(server, { address, client })
    return client
  }
}
