/**
 * Streams of block servers, as the master keeps them: one for each server, the newest. A stream begins with a token that
 * lets servers join and a hello that the master takes; until then nothing of it is believed. Whatever makes no sense ends
 * the stream, with a sentence for people; the server comes back by itself.
 *
 *   opened ──token──▶ proven ──hello, welcome──▶ joined ──goodbye, error, newer stream──▶ over
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { TLS_NAME } from '../../base/tls.ts'
import type { LoginLimiter } from '../../frontend/login-limiter.ts'
import type { MasterMessage } from '../../gen/basalt/master/v1/MasterMessage.ts'
import type { ServerMessage__Output as ServerMessage } from '../../gen/basalt/master/v1/ServerMessage.ts'
import { hostOf, namesOf, tokenOf } from '../../rpc/connection.ts'
import { malformed, present } from '../../rpc/fields.ts'
import { beatOf, helloOf, masterMessageIn } from '../../rpc/link-codec.ts'
import { type CallStatus, callStatusOf } from '../../rpc/status.ts'
import type { ServerStreams as Cluster, HelloVerdict } from '../core/cluster.ts'
import type { ServerHello, ToServer } from '../links.ts'
import type { Role } from '../records.ts'

export type Call = ServerDuplexStream<ServerMessage, MasterMessage>

export interface ServerStreamsOptions {
  /** Asked once there are streams. */
  readonly cluster: () => Cluster
  /** What the token lets its bearer do; undefined when it is not known. */
  readonly roleOf: (token: string) => Promise<'server' | Role | undefined>
  /** Certificates are asked for: a server's must carry the name that its hello says. */
  readonly hasCertificates: boolean
  readonly limiter: LoginLimiter
  readonly clock: Clock
  readonly logger: Logger
}

/** How the server of an open stream is called. */
export interface ServerContact {
  readonly name: string
  /** `HOST:PORT`. */
  readonly address: string
  readonly callToken: string
}

const HELLO_WAIT_MS = 5_000
/** Messages that wait for a server to read them. */
const QUEUE_MAX = 4_096
/** Streams that have not said hello, or that nobody ended yet. */
const STREAMS_MAX = 2_048
const MESSAGES = { burst: 1_000, perSecond: 200 } as const

/** An open stream whose hello was taken. */
interface Joined {
  readonly call: Call
  hello: ServerHello
  callToken: string
  /** As the cluster calls it. */
  stream: number
}

interface Stream {
  readonly call: Call
  joined: Joined | undefined
  isOver: boolean
  /** Messages that may come at once, and when that was reckoned. */
  tokens: number
  refilledMs: number
}

const REFUSAL = {
  another_cluster: 'CONFLICT',
  name_taken: 'CONFLICT',
  invalid: 'INVALID_ARGUMENT',
  not_leader: 'CLOSED',
} as const satisfies Record<Extract<HelloVerdict, { readonly kind: 'refused' }>['reason'], string>

export class ServerStreams {
  readonly #o: ServerStreamsOptions
  /** By the servers' ids. */
  readonly #joined = new Map<string, Joined>()
  readonly #open = new Set<Call>()

  constructor(options: ServerStreamsOptions) {
    this.#o = options
  }

  /** In order, if there is a stream. One that its server does not read ends, so that nothing is left out in between. */
  send(server: string, message: ToServer): void {
    const joined = this.#joined.get(server)
    if (joined === undefined) return
    if (joined.call.writableLength < QUEUE_MAX) {
      joined.call.write(masterMessageIn(message))
      return
    }
    const text = `${QUEUE_MAX} messages wait for server ${joined.hello.name} to read them`
    this.#end(joined.call, new BlockError('BUSY', text))
    this.#leave(joined)
  }

  contact(server: string): ServerContact | undefined {
    const joined = this.#joined.get(server)
    if (joined === undefined) return undefined
    const { hello, callToken } = joined
    return { name: hello.name, address: hello.addresses.grpc, callToken }
  }

  /** Carries a stream from its beginning to its end. */
  accept(call: Call): void {
    if (this.#open.size >= STREAMS_MAX) {
      this.#end(call, new BlockError('BUSY', `the master has ${STREAMS_MAX} streams already`))
      return
    }
    this.#open.add(call)
    void this.#carry(call)
  }

  /** Ends all of them. */
  close(): void {
    for (const call of [...this.#open]) this.#end(call, new BlockError('CLOSED', 'the master is stopping'))
    for (const joined of [...this.#joined.values()]) this.#leave(joined)
  }

  /** Until the stream is over, whoever ends it. */
  async #carry(call: Call): Promise<void> {
    const { clock } = this.#o
    const stream: Stream = {
      call,
      joined: undefined,
      isOver: false,
      tokens: MESSAGES.burst,
      refilledMs: clock.monotonicMs(),
    }
    const overdue = clock.after(HELLO_WAIT_MS, () => {
      if (stream.joined === undefined)
        this.#refuse(stream, new BlockError('TIMED_OUT', 'no hello came in time'))
    })
    const over = (): void => {
      overdue.cancel()
      stream.isOver = true
      this.#open.delete(call)
      if (stream.joined !== undefined) this.#leave(stream.joined)
    }
    for (const event of ['cancelled', 'error', 'close']) call.on(event, over)
    call.on('end', () => {
      over()
      call.end()
    })
    try {
      await this.#prove(call)
    } catch (error) {
      this.#refuse(stream, error)
      return
    }
    if (stream.isOver) return
    call.on('data', (message: ServerMessage) => {
      // one after the other, and not faster than they are taken
      call.pause()
      this.#take(stream, message).then(
        () => call.resume(),
        (error: unknown) => this.#refuse(stream, error),
      )
    })
  }

  #refuse({ call, isOver }: Stream, error: unknown): void {
    if (isOver) return
    const { logger } = this.#o
    const peer = call.getPeer()
    if (isBlockError(error)) {
      logger.warn('grpc.stream_refused', { peer, code: error.code, reason: error.message })
    } else logger.error('grpc.stream_failed', { peer }, error)
    this.#end(call, error)
  }

  async #prove(call: Call): Promise<void> {
    const { limiter, roleOf } = this.#o
    const host = hostOf(call.getPeer())
    if (!limiter.admit(host)) throw new BlockError('BUSY', `too many streams from ${host}; wait a while`)
    const token = tokenOf(call.metadata)
    const role = token === undefined ? undefined : await roleOf(token)
    if (role === 'server') return
    limiter.failed(host)
    if (role !== undefined) {
      throw new BlockError(
        'ACCESS_DENIED',
        `a token of role ${role} lets no server join; make one for servers with 'basalt cluster token create --role server'`,
      )
    }
    const what = token === undefined ? 'no token came' : 'the token is not known'
    throw new Unauthenticated(`${what}; give the server a join token with --join-token-file`)
  }

  async #take(stream: Stream, message: ServerMessage): Promise<void> {
    const { cluster, clock } = this.#o
    const nowMs = clock.monotonicMs()
    const refilled = ((nowMs - stream.refilledMs) / 1000) * MESSAGES.perSecond
    stream.tokens = Math.min(MESSAGES.burst, stream.tokens + refilled) - 1
    stream.refilledMs = nowMs
    if (stream.tokens < 0) throw new BlockError('BUSY', `more than ${MESSAGES.perSecond} messages a second`)
    const { joined } = stream
    // a newer stream of the server has taken its place
    if (joined !== undefined && this.#joined.get(joined.hello.id) !== joined) return
    switch (present(message.body, 'body')) {
      case 'hello':
        await this.#hello(stream, helloOf(present(message.hello, 'hello')))
        return
      case 'beat':
        if (joined === undefined) throw malformed('body', 'a stream begins with a hello')
        cluster().onBeat(joined.stream, beatOf(present(message.beat, 'beat')))
        return
      case 'goodbye':
        if (joined !== undefined) this.#leave(joined)
        stream.call.end()
        return
    }
  }

  async #hello(stream: Stream, said: ReturnType<typeof helloOf>): Promise<void> {
    const { cluster, logger } = this.#o
    const { call, joined } = stream
    const { hello } = said
    this.#checkCertificate(call, hello)
    if (joined !== undefined && joined.hello.id !== hello.id) {
      throw malformed('hello.id', 'a stream belongs to one server')
    }
    const verdict = await cluster().onHello(hello, joined?.stream)
    if (verdict.kind === 'refused') {
      const { reason, message } = verdict
      const hint =
        verdict.reason === 'not_leader' && verdict.leader !== null ? { leader: verdict.leader } : {}
      throw new BlockError(REFUSAL[reason], message, { facts: { reason, ...hint } })
    }
    const facts = { ...said, stream: verdict.stream }
    if (joined !== undefined) {
      Object.assign(joined, facts)
      return
    }
    if (stream.isOver) {
      cluster().onDisconnect(verdict.stream)
      return
    }
    const older = this.#joined.get(hello.id)
    const newer: Joined = { call, ...facts }
    stream.joined = newer
    this.#joined.set(hello.id, newer)
    if (older !== undefined) {
      logger.warn('grpc.stream_replaced', { server: hello.id, name: hello.name, peer: call.getPeer() })
      this.#end(older.call, new BlockError('ABORTED', 'a newer stream of this server was opened'))
    }
    call.write({ welcome: {} })
    logger.info('grpc.server_joined', { server: hello.id, name: hello.name, peer: call.getPeer() })
  }

  /** ACCESS_DENIED when another server's certificate was shown. */
  #checkCertificate(call: Call, { id, name }: ServerHello): void {
    if (!this.#o.hasCertificates) return
    const certificate = call.getAuthContext()?.sslPeerCertificate
    const names = certificate === undefined ? [] : namesOf(certificate)
    if (names.includes(TLS_NAME.server) && (names.includes(name) || names.includes(id))) return
    throw new BlockError(
      'ACCESS_DENIED',
      `the certificate is for ${names.join(', ') || 'nobody'}, and server ${name} needs one of its own; make it with 'basalt cluster init' or start the server with --name as the certificate says`,
    )
  }

  #leave(joined: Joined): void {
    const { hello, stream } = joined
    // the older of two streams was told of when the newer came
    if (this.#joined.get(hello.id) !== joined) return
    this.#joined.delete(hello.id)
    this.#o.logger.info('grpc.server_gone', { server: hello.id, name: hello.name })
    this.#o.cluster().onDisconnect(stream)
  }

  #end(call: Call, error: unknown): void {
    if (call.writableEnded || call.destroyed) return
    const end: CallStatus = callStatusOf(error)
    const isUnknown = error instanceof Unauthenticated
    call.emit('error', { ...end, ...(isUnknown ? { code: status.UNAUTHENTICATED } : {}) })
  }
}

/** No role is known; another status than a role that does not do. */
class Unauthenticated extends BlockError {
  constructor(message: string) {
    super('ACCESS_DENIED', message)
  }
}
