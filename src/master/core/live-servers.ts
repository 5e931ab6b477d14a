/**
 * What servers said last: their streams, and their beats merged into one picture per server. A beat is taken once and in
 * the order in which it was sent: one that comes late or again changes nothing of the picture, though the messages in a
 * late one are still worth hearing.
 */
import type { ReplicaBeat, ServerBeat, ServerHello } from '../links.ts'
import type { LiveCluster, LiveServer } from './live.ts'

/** Silent for so long, a server counts as lost although its stream is open. */
const SILENT_MS = 3000
/** A server that claims more replicas is not believed further. */
const REPLICAS_MAX = 20_000

export interface Changed {
  readonly server?: string
  readonly volume?: string
}

class Entry implements LiveServer {
  hello: ServerHello
  stream: number | null
  isConnected = true
  heardMs: number
  lostSinceMs: number | null = null
  beat: LiveServer['beat'] = null
  isComplete = false
  replicas = new Map<string, ReplicaBeat>()
  sentAtMs = Number.NEGATIVE_INFINITY

  constructor(hello: ServerHello, stream: number, nowMs: number) {
    this.hello = hello
    this.stream = stream
    this.heardMs = nowMs
  }
}

export type BeatVerdict =
  /** Of a stream that is over, or of a beat that was heard before. */
  | { readonly kind: 'ignored' }
  /** Older than what was heard: only its messages count. */
  | { readonly kind: 'late'; readonly server: string }
  | { readonly kind: 'news'; readonly server: string; readonly live: LiveServer }

export class LiveServers implements LiveCluster {
  readonly #servers = new Map<string, Entry>()
  readonly #streams = new Map<number, Entry>()
  readonly #listeners = new Set<(changed: Changed) => void>()
  #nextStream = 1

  server(id: string): LiveServer | undefined {
    return this.#servers.get(id)
  }

  all(): readonly LiveServer[] {
    return [...this.#servers.values()]
  }

  replica(volume: string, server: string): ReplicaBeat | undefined {
    return this.#servers.get(server)?.replicas.get(volume)
  }

  subscribe(listener: (changed: Changed) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  tell(changed: Changed): void {
    for (const listener of [...this.#listeners]) listener(changed)
  }

  /** A new stream: what came on an older one of this server is over. */
  open(hello: ServerHello, nowMs: number): number {
    const stream = this.#nextStream++
    const before = this.#servers.get(hello.id)
    if (before?.stream != null) this.#streams.delete(before.stream)
    const entry = new Entry(hello, stream, nowMs)
    if (before !== undefined && before.hello.process === hello.process) {
      entry.sentAtMs = before.sentAtMs
      entry.replicas = before.replicas
      entry.beat = before.beat
    }
    this.#servers.set(hello.id, entry)
    this.#streams.set(stream, entry)
    this.tell({ server: hello.id })
    return stream
  }

  /** A fact of the server changed on its stream. False: that stream is over. */
  update(stream: number, hello: ServerHello): boolean {
    const entry = this.#streams.get(stream)
    if (entry === undefined || entry.hello.id !== hello.id) return false
    entry.hello = hello
    this.tell({ server: hello.id })
    return true
  }

  onBeat(stream: number, beat: ServerBeat, nowMs: number): BeatVerdict {
    const entry = this.#streams.get(stream)
    if (entry === undefined || beat.sentAtMs === entry.sentAtMs) return { kind: 'ignored' }
    const server = entry.hello.id
    this.#heard(entry, nowMs)
    if (beat.sentAtMs < entry.sentAtMs) return { kind: 'late', server }
    entry.sentAtMs = beat.sentAtMs
    const { replicas, isFull, ...rest } = beat
    const isDrainingNow = entry.beat?.isDraining !== rest.isDraining
    entry.beat = rest
    const before = entry.replicas
    // the picture changes under `before` unless the beat is a full one
    const news = replicas.filter((replica) => isNews(before.get(replica.volume), replica))
    if (isFull) entry.replicas = new Map()
    for (const replica of replicas) {
      if (entry.replicas.size < REPLICAS_MAX || entry.replicas.has(replica.volume)) {
        // only full beats say what is kept
        const kept = replica.kept ?? (isFull ? null : (before.get(replica.volume)?.kept ?? null))
        const led = ledNow(before.get(replica.volume), replica)
        const isSame = kept === replica.kept && led === replica.led
        entry.replicas.set(replica.volume, isSame ? replica : { ...replica, kept, led })
      }
    }
    for (const { volume } of news) this.tell({ server, volume })
    if (isFull) {
      for (const volume of before.keys()) if (!entry.replicas.has(volume)) this.tell({ server, volume })
    }
    const isFirstFull = isFull && !entry.isComplete
    if (isFirstFull) entry.isComplete = true
    if (isDrainingNow || isFirstFull) this.tell({ server })
    return { kind: 'news', server, live: entry }
  }

  /** The stream ended. Undefined: it was over before. */
  close(stream: number, nowMs: number): string | undefined {
    const entry = this.#streams.get(stream)
    if (entry === undefined) return undefined
    this.#streams.delete(stream)
    entry.stream = null
    entry.isComplete = false
    this.#lose(entry, nowMs)
    return entry.hello.id
  }

  /** Servers that are silent for too long from now on. */
  sweep(nowMs: number): readonly string[] {
    const lost: string[] = []
    for (const entry of this.#servers.values()) {
      if (!entry.isConnected || nowMs - entry.heardMs <= SILENT_MS) continue
      this.#lose(entry, nowMs)
      lost.push(entry.hello.id)
    }
    return lost
  }

  /** A server that left the cluster is forgotten, once its stream is over. */
  forget(server: string): void {
    if (this.#servers.get(server)?.stream === null) this.#servers.delete(server)
  }

  #heard(entry: Entry, nowMs: number): void {
    entry.heardMs = nowMs
    if (entry.isConnected) return
    entry.isConnected = true
    entry.lostSinceMs = null
    this.tell({ server: entry.hello.id })
  }

  #lose(entry: Entry, nowMs: number): void {
    if (!entry.isConnected) return
    entry.isConnected = false
    entry.lostSinceMs = nowMs
    this.tell({ server: entry.hello.id })
  }
}

/** What it said of what it leads goes on until it says it anew, or leads in that epoch no longer. */
function ledNow(before: ReplicaBeat | undefined, now: ReplicaBeat): ReplicaBeat['led'] {
  if (now.led !== null) return now.led
  const led = before?.led ?? null
  return led !== null && led.epoch === now.open?.leads?.number ? led : null
}

/** Whether jobs or health may look at the volume differently now. Progress alone is not news: who wants it polls. */
function isNews(before: ReplicaBeat | undefined, now: ReplicaBeat): boolean {
  if (before === undefined || before.state !== now.state || before.sizeBytes !== now.sizeBytes) return true
  if (before.outage !== now.outage || now.led !== null) return true
  if (before.settingsTag !== now.settingsTag) return true
  const [a, b] = [before.open, now.open]
  if (a === null || b === null) return a !== b
  return (
    a.opening !== b.opening ||
    a.isServing !== b.isServing ||
    a.leads?.id !== b.leads?.id ||
    a.sealed.id !== b.sealed.id ||
    a.set?.version !== b.set?.version ||
    a.standing.isDamaged !== b.standing.isDamaged ||
    a.standing.isDoubtful !== b.standing.isDoubtful ||
    a.standing.isResyncing !== b.standing.isResyncing ||
    a.sessions !== b.sessions
  )
}
