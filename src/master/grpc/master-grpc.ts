/**
 * The master's side of gRPC as a whole: it calls servers (`links`), and once there is a cluster to hear them it listens for
 * their streams.
 */
import { Server } from '@grpc/grpc-js'
import { formatHostPort, type HostPort, isLoopback } from '../../base/address.ts'
import { assert } from '../../base/assert.ts'
import { BlockError } from '../../base/errors.ts'
import type { TlsIdentity } from '../../base/tls.ts'
import { LoginLimiter } from '../../frontend/login-limiter.ts'
import type { MasterHandlers } from '../../gen/basalt/master/v1/Master.ts'
import { bind, SERVER_OPTIONS } from '../../rpc/connection.ts'
import { services } from '../../rpc/definitions.ts'
import { NodeCertificate } from '../../rpc/node-certificate.ts'
import type { ServerStreams as Cluster } from '../core/cluster.ts'
import type { ServerLinks } from '../links.ts'
import { GrpcLinks } from './grpc-links.ts'
import { type ServerContact, ServerStreams, type ServerStreamsOptions } from './server-streams.ts'

export interface MasterGrpcOptions extends Pick<ServerStreamsOptions, 'roleOf' | 'clock' | 'logger'> {
  /** Needed outside loopback. */
  readonly tls: TlsIdentity | undefined
}

/** Attempts to open a stream, by address. */
const OPENINGS = { burst: 64, perSecond: 16, failureCost: 8, addressesMax: 4096 } as const

export class MasterGrpc {
  /** Messages are dropped and calls fail with DISCONNECTED until servers have come. */
  readonly links: ServerLinks
  readonly #certificate: NodeCertificate | undefined
  readonly #server = new Server(SERVER_OPTIONS)
  readonly #streams: ServerStreams
  readonly #links: GrpcLinks
  #cluster: Cluster | undefined

  constructor(options: MasterGrpcOptions) {
    const { tls, roleOf, clock, logger } = options
    this.#certificate = tls === undefined ? undefined : new NodeCertificate(tls)
    this.#streams = new ServerStreams({
      cluster: () => {
        assert(this.#cluster !== undefined, 'nobody listens before there is a cluster')
        return this.#cluster
      },
      roleOf,
      hasCertificates: tls !== undefined,
      limiter: new LoginLimiter({ clock, limits: OPENINGS }),
      clock,
      logger,
    })
    this.#links = new GrpcLinks(this.#streams, this.#certificate)
    this.links = this.#links
  }

  /**
   * Listens for streams, which `cluster` hears; the address when the promise resolves. `flag` names the setting in errors:
   * ACCESS_DENIED outside loopback without certificates, IN_USE, INVALID_ARGUMENT.
   */
  async listen(address: HostPort, flag: string, cluster: Cluster): Promise<HostPort> {
    refusePlain(address, flag, this.#certificate !== undefined)
    this.#cluster = cluster
    const handlers: MasterHandlers = { Heartbeat: (call) => this.#streams.accept(call) }
    this.#server.addService(services().Master.service, handlers)
    return await bind(this.#server, address, { tls: this.#certificate?.identity, flag })
  }

  /** Shown in calls from now on. Who connects to this master is shown the one that it listened with, until a restart. */
  useTls(identity: TlsIdentity): void {
    this.#certificate?.use(identity)
    this.#links.forgetChannels()
  }

  /** How a server with an open stream is called. */
  contactOf(server: string): ServerContact | undefined {
    return this.#streams.contact(server)
  }

  /** Ends every stream and call. Idempotent. */
  close(): void {
    this.#streams.close()
    this.#links.forgetChannels()
    this.#server.forceShutdown()
  }
}

function refusePlain(listen: HostPort, flag: string, hasCertificate: boolean): void {
  if (hasCertificate || isLoopback(listen.host)) return
  throw new BlockError(
    'ACCESS_DENIED',
    `${flag} ${formatHostPort(listen)} would take servers' streams unencrypted; add --tls-ca, --tls-cert and --tls-key ('basalt cluster init' makes them), or listen on 127.0.0.1`,
  )
}
