/** A master that hears servers' streams and decides nothing: tests say what it answers. */
import { EventEmitter, once } from 'node:events'
import { formatHostPort } from '../../src/base/address.ts'
import { silentLogger } from '../../src/base/log.ts'
import type { TlsIdentity } from '../../src/base/tls.ts'
import { RealClock } from '../../src/io/clock.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import type { HelloVerdict, ServerStreams } from '../../src/master/core/cluster.ts'
import { MasterGrpc } from '../../src/master/grpc/master-grpc.ts'
import type { ReplicaBeat, ServerBeat, ServerHello, ServerLinks } from '../../src/master/links.ts'

export const JOIN_TOKEN = 'a-token-for-servers-0123'
export const ADMIN_TOKEN = 'a-token-for-admins-01234'

/** Sends nothing by itself, but that `onBeat` may be set. */
export class MasterDouble implements ServerStreams {
  readonly grpc: MasterGrpc
  readonly hellos: { readonly hello: ServerHello; readonly stream: number }[] = []
  readonly ended: number[] = []
  /** By server: what it said last of each replica. */
  readonly replicas = new Map<string, Map<string, ReplicaBeat>>()
  readonly beats: { readonly stream: number; readonly beat: ServerBeat }[] = []
  /** Instead of a welcome. */
  verdict: Exclude<HelloVerdict, { kind: 'welcome' }> | undefined
  heard: (server: string, beat: ServerBeat) => void = () => undefined
  readonly #changed = new EventEmitter()
  #streams = 0
  readonly #serverOf = new Map<number, string>()
  address = ''

  private constructor(tls: TlsIdentity | undefined) {
    const clock = new RealClock({ syscalls: loadSyscalls(() => undefined) })
    this.grpc = new MasterGrpc({
      tls,
      clock,
      logger: silentLogger,
      roleOf: async (token) =>
        token === JOIN_TOKEN ? 'server' : token === ADMIN_TOKEN ? 'admin' : undefined,
    })
  }

  static async open(port = 0, tls?: TlsIdentity): Promise<MasterDouble> {
    const master = new MasterDouble(tls)
    master.address = formatHostPort(await master.grpc.listen({ host: '127.0.0.1', port }, '--grpc', master))
    return master
  }

  get links(): ServerLinks {
    return this.grpc.links
  }

  async onHello(hello: ServerHello, stream?: number): Promise<HelloVerdict> {
    if (this.verdict !== undefined) return this.verdict
    const name = stream ?? ++this.#streams
    this.hellos.push({ hello, stream: name })
    this.#serverOf.set(name, hello.id)
    this.#changed.emit('change')
    return { kind: 'welcome', stream: name }
  }

  onBeat(stream: number, beat: ServerBeat): void {
    const server = this.#serverOf.get(stream) ?? ''
    this.beats.push({ stream, beat })
    const known = beat.isFull ? new Map() : (this.replicas.get(server) ?? new Map())
    for (const replica of beat.replicas) known.set(replica.volume, replica)
    this.replicas.set(server, known)
    this.heard(server, beat)
    this.#changed.emit('change')
  }

  onDisconnect(stream: number): void {
    this.ended.push(stream)
    this.#changed.emit('change')
  }

  /** Resolves with what `look` finds, as soon as it finds something. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined && found !== false) return found
      await once(this.#changed, 'change')
    }
  }
}
