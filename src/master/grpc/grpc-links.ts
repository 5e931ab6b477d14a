/**
 * `ServerLinks` over gRPC: messages go out on the streams that servers opened, calls on a channel to where the server's
 * hello said. Every call has a deadline, and its answer or its error comes back as one of ours; without an answer
 * nothing is known (DISCONNECTED, TIMED_OUT).
 */
import type { CallOptions, Metadata, requestCallback, ServiceError } from '@grpc/grpc-js'
import { BlockError } from '../../base/errors.ts'
import type { ServerClient } from '../../gen/basalt/server/v1/Server.ts'
import { bearer, channelCredentials, channelOptions } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { epochIn } from '../../rpc/fields.ts'
import type { NodeCertificate } from '../../rpc/node-certificate.ts'
import { blockErrorOf } from '../../rpc/status.ts'
import type { AllocateRequest, RemoveRequest, ServerLinks, ToServer } from '../links.ts'
import type { ServerStreams } from './server-streams.ts'

/** A replica's log is written in full when it is made. */
const ALLOCATE_MS = 120_000
const REMOVE_MS = 30_000
const EXPAND_MS = 30_000

type Unary<Request, Answer> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: requestCallback<Answer>,
) => unknown

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

  async expand(
    server: string,
    request: { readonly volume: string; readonly epoch: number; readonly sizeBytes: number },
  ): Promise<void> {
    await this.#call(server, EXPAND_MS, (client) => client.expandVolume.bind(client), { ...request })
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
