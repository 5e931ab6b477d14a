/**
 * Tells every server the paths of every volume: the whole table when its stream has begun, then what changed. Changes of one
 * turn go out together, at the end of the turn; a beat without news comes to nothing here, for it changes neither a record
 * nor the picture of a server.
 *
 * After a start servers have not said yet what they lead. Told at once, every volume would seem to have lost its primary
 * for a moment; so the first tables wait until all servers of the cluster have said what they have, at most for SETTLE_MS.
 * A locked cluster is told nothing: its registry may lack volumes and know old primaries.
 */
import type { ServerLinks } from '../links.ts'
import type { LiveServers } from './live-servers.ts'
import { PathsTable } from './paths-table.ts'
import type { RecordStore } from './records-view.ts'
import { type PathSources, pathsOfVolume } from './volume-paths.ts'

interface PathsTellerOptions {
  readonly store: RecordStore
  readonly links: ServerLinks
  readonly live: LiveServers
  readonly isServed: (volume: string) => boolean
  /** What is told reaches servers. While it does not, changes wait: none of them may be left out. */
  readonly mayTell: () => boolean
  readonly nowMs: number
}

/** Servers connect again within a second; one beat later they have said what they have. */
const SETTLE_MS = 2000

export class PathsTeller {
  readonly #o: PathsTellerOptions
  readonly #sources: PathSources
  readonly #table = new PathsTable()
  /** Servers with a stream; true: it has the whole table. */
  readonly #audience = new Map<string, boolean>()
  readonly #dirtyVolumes = new Set<string>()
  readonly #dirtyServers = new Set<string>()
  #isAllDirty = true
  #isSettled = false
  #isFlushing = false
  #isHeld = false
  #isClosed = false
  readonly #endings: readonly (() => void)[]

  constructor(options: PathsTellerOptions) {
    this.#o = options
    const { store, live, isServed } = options
    this.#sources = {
      addresses: (server) => store.view.server(server)?.addresses,
      isConnected: (server) => live.server(server)?.isConnected === true,
      isServed,
    }
    this.#endings = [
      live.subscribe(({ server, volume }) => {
        if (volume !== undefined) this.#dirtyVolumes.add(volume)
        else if (server !== undefined) this.#dirtyServers.add(server)
        this.#flushSoon()
      }),
      store.watch((changed) => {
        if (changed === null) this.#isAllDirty = true
        for (const volume of changed?.volumes ?? []) this.#dirtyVolumes.add(volume)
        for (const server of changed?.servers ?? []) this.#dirtyServers.add(server)
        this.#flushSoon()
      }),
    ]
  }

  close(): void {
    this.#isClosed = true
    for (const ending of this.#endings) ending()
  }

  /** Messages reach this server from now on. */
  joined(server: string): void {
    this.#audience.set(server, false)
    this.#flushSoon()
  }

  /** Its stream is over. */
  gone(server: string): void {
    this.#audience.delete(server)
  }

  /** To be called now and then. */
  sweep(nowMs: number): void {
    if (this.#isHeld) this.#flushSoon()
    if (this.#isSettled || nowMs - this.#o.nowMs < SETTLE_MS) return
    this.#isSettled = true
    this.#flushSoon()
  }

  /** At the end of this turn. */
  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    queueMicrotask(() => {
      this.#isFlushing = false
      if (!this.#isClosed) this.#flush()
    })
  }

  #flush(): void {
    const { store, links, mayTell } = this.#o
    this.#isHeld = !mayTell()
    if (this.#isHeld || store.view.cluster.lock !== null || !this.#hasSettled()) return
    this.#look()
    const changes = this.#table.takeChanges()
    let whole: ReturnType<PathsTable['whole']> | null = null
    for (const [server, isTold] of this.#audience) {
      if (!isTold) whole ??= this.#table.whole()
      for (const message of isTold ? changes : (whole ?? [])) links.send(server, message)
      this.#audience.set(server, true)
    }
  }

  /** Whether everybody who is to be waited for has said what there is. */
  #hasSettled(): boolean {
    const { store, live } = this.#o
    this.#isSettled ||= store.view
      .servers()
      .every(({ id, state }) => state === 'left' || live.server(id)?.isComplete === true)
    return this.#isSettled
  }

  #look(): void {
    const { view } = this.#o.store
    if (this.#isAllDirty) {
      for (const { uuid } of view.volumes()) this.#dirtyVolumes.add(uuid)
      for (const volume of this.#table.volumes()) this.#dirtyVolumes.add(volume)
    } else {
      for (const server of this.#dirtyServers) {
        for (const { uuid } of view.volumesOn(server)) this.#dirtyVolumes.add(uuid)
      }
    }
    this.#isAllDirty = false
    this.#dirtyServers.clear()
    for (const volume of this.#dirtyVolumes) {
      const record = view.volume(volume)
      this.#table.note(volume, record === undefined ? null : pathsOfVolume(record, this.#sources))
    }
    this.#dirtyVolumes.clear()
  }
}
