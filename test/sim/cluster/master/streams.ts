/**
 * Streams between servers and the lives of the master, over the channel that loses, doubles, delays and cuts. Of a stream
 * that is over nothing is heard any more, at either end; while it lives its messages may come late, twice and in another
 * order. One that is lost ends the stream, which each side notices at its own time.
 */

import type { ClusterRuntime } from '../../../../src/master/core/cluster-runtime.ts'
import type { ServerBeat, ServerHello, ToServer } from '../../../../src/master/links.ts'
import type { SeededRandom } from '../../random.ts'
import type { MasterName } from '../control.ts'
import type { SimServer } from '../server.ts'
import { show } from '../timeline.ts'
import type { MasterLife } from './master-life.ts'
import type { MemberStream, StreamEnd } from './member-stream.ts'
import type { MasterWorld } from './sim-master.ts'
import type { WatchedTerms } from './watched-terms.ts'

/** In which an end of a broken stream notices it. */
const NOTICED_MS_MAX = 2500

/** A machine that streams go to. */
interface MasterEnd {
  readonly name: MasterName
  readonly life: MasterLife | undefined
}

class Stream implements StreamEnd {
  readonly member: MemberStream
  /** The master that was asked. */
  readonly at: MasterName
  /** What took it: another runtime of the same life knows nothing of it. */
  runtime: ClusterRuntime | undefined
  /** The life of the master that took it. */
  life: MasterLife | undefined
  /** As the runtime names it. */
  number: number | undefined
  newestHello = 0
  newestBeatMs = 0
  isBroken = false
  isOverAtMaster = false
  readonly #streams: Streams

  constructor(member: MemberStream, at: MasterName, streams: Streams) {
    this.member = member
    this.at = at
    this.#streams = streams
  }

  hello(hello: ServerHello, number: number): void {
    this.#streams.toMaster(this, (life) => this.#streams.onHello(this, life, hello, number))
  }

  beat(beat: ServerBeat): void {
    this.#streams.toMaster(this, (life) => this.#streams.onBeat(this, life, beat))
  }

  end(): void {
    this.#streams.ended(this)
  }
}

export class Streams {
  readonly #world: MasterWorld
  readonly #random: SeededRandom
  readonly #masters: readonly MasterEnd[]
  readonly #terms: WatchedTerms
  /** Whom a server asks next. */
  readonly #turns = new Map<string, number>()
  readonly #current = new Map<string, Stream>()

  constructor(world: MasterWorld, random: SeededRandom, masters: readonly MasterEnd[], terms: WatchedTerms) {
    this.#world = world
    this.#terms = terms
    this.#random = random
    this.#masters = masters
  }

  /** That master is gone, or leads no more: each server finds that out. */
  masterEnded(at: MasterName): void {
    for (const [server, stream] of this.#current) {
      if (stream.at !== at) continue
      this.#break(stream)
      this.#current.delete(server)
    }
  }

  connect(member: MemberStream): StreamEnd {
    const { server } = member.server
    const turn = this.#turns.get(server) ?? 0
    this.#turns.set(server, turn + 1)
    const { name } = this.#masters[turn % this.#masters.length]!
    return new Stream(member, name, this)
  }

  /** At the server's end. */
  ended(stream: Stream): void {
    this.#atMasterSoon(stream)
    stream.member.ended(stream)
  }

  onBeat(stream: Stream, life: MasterLife, beat: ServerBeat): void {
    const { number, member } = stream
    if (number === undefined) return
    const { log } = this.#world
    if (beat.sentAtMs < stream.newestBeatMs) log.count('beats out of order')
    else if (beat.sentAtMs === stream.newestBeatMs) log.count('beats doubled')
    stream.newestBeatMs = Math.max(stream.newestBeatMs, beat.sentAtMs)
    for (const { open } of beat.replicas) if (open !== null) this.#world.heard(member.server.server, open)
    if (stream.runtime !== undefined && stream.runtime === life.runtime) stream.runtime.onBeat(number, beat)
    else this.#break(stream)
  }

  async #takeHello(stream: Stream, life: MasterLife, hello: ServerHello): Promise<boolean> {
    const { runtime } = life
    // a follower has none
    stream.runtime ??= runtime
    if (runtime === undefined || stream.runtime !== runtime) return false
    const verdict = await runtime.onHello(hello, stream.number)
    if (verdict.kind === 'refused' || life.life.ended || life.runtime !== runtime) return false
    stream.number = verdict.stream
    return true
  }

  onHello(stream: Stream, life: MasterLife, hello: ServerHello, number: number): void {
    if (number <= stream.newestHello) return
    stream.newestHello = number
    const isFirst = stream.life === undefined
    stream.life = life
    this.#takeHello(stream, life, hello).then(
      (isTaken) => {
        if (life.life.ended || stream.isOverAtMaster) {
          // it ended while the registry wrote
          if (stream.number !== undefined) stream.runtime?.onDisconnect(stream.number)
          return
        }
        if (!isTaken) {
          this.#break(stream)
          return
        }
        if (!isFirst) return
        const before = this.#current.get(hello.id)
        if (before !== undefined && before !== stream) this.#break(before)
        this.#current.set(hello.id, stream)
        this.#toServer(stream, () => stream.member.welcomed(stream))
      },
      (error: unknown) => life.failed(error, () => this.#break(stream)),
    )
  }

  /** What the runtime sends: dropped where there is no stream. */
  send(life: MasterLife, server: string, message: ToServer): void {
    const stream = this.#current.get(server)
    if (stream === undefined || stream.life !== life) return
    this.#world.log.trace(
      stream.at,
      () => `to ${server}: ${show(message.kind === 'replica' ? message.message : message)}`,
    )
    const { term } = life
    this.#toServer(stream, () => {
      if (term !== undefined) this.#watchGrant(stream.member.server, term, message)
      stream.member.heard(stream, message)
    })
  }

  /** A grant is believed as long as its server's clock has not passed it, by the opening that leads in its epoch. */
  #watchGrant(server: SimServer, term: number, said: ToServer): void {
    if (said.kind !== 'replica' || said.message.kind !== 'grant') return
    const { epoch, opening, askedAtMs, leaseMs } = said.message
    const isBelieved = (): boolean => {
      const beat = server.replica?.heartbeat()
      const isMeant = beat?.opening === opening && beat.leads?.id === epoch.id
      return isMeant && server.bootMs < askedAtMs + leaseMs
    }
    this.#terms.granted(server.name, term, isBelieved)
  }

  toMaster(stream: Stream, deliver: (life: MasterLife) => void): void {
    const { control } = this.#world
    control.send(
      stream.member.server.server,
      stream.at,
      () => {
        const life = this.#masters.find(({ name }) => name === stream.at)?.life
        if (stream.isOverAtMaster) return
        if (life === undefined || (stream.life !== undefined && stream.life !== life)) {
          this.#break(stream)
          return
        }
        life.life.deliver(() => {
          if (!stream.isOverAtMaster) deliver(life)
        })
      },
      () => this.#break(stream),
    )
  }

  #toServer(stream: Stream, deliver: () => void): void {
    const { control } = this.#world
    control.send(stream.at, stream.member.server.server, deliver, () => this.#break(stream))
  }

  #break(stream: Stream): void {
    if (stream.isBroken) return
    stream.isBroken = true
    this.#world.log.count('streams broken')
    this.#atMasterSoon(stream)
    this.#world.scheduler.schedule('stream over', stream.member.server.name, this.#noticedMs(), () => {
      stream.member.ended(stream)
    })
  }

  #noticedMs(): number {
    return 1 + this.#random.integer(this.#random.chance(0.7) ? 200 : NOTICED_MS_MAX)
  }

  #atMasterSoon(stream: Stream): void {
    this.#world.scheduler.schedule('stream over', stream.at, this.#noticedMs(), () => {
      if (stream.isOverAtMaster) return
      stream.isOverAtMaster = true
      const { life, number } = stream
      const { server } = stream.member.server
      if (this.#current.get(server) === stream) this.#current.delete(server)
      if (life === undefined || life.life.ended || number === undefined) return
      life.life.deliver(() => stream.runtime?.onDisconnect(number))
    })
  }
}
