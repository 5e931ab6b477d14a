/** Commands on their way to storage, carried out in order and reported; a cut waits for all of them and hides them. */
import { lsn } from '../../src/base/units.ts'
import type { StorageCommand } from '../../src/v2engine/effects.ts'
import type { Opening } from '../../src/v2engine/identity.ts'
import type { Entry, Lineage } from './storage.ts'
import type { Owner } from './world.ts'

interface Queued {
  readonly command: StorageCommand
  /** What came beside the message that asked for it. */
  readonly entries: readonly Entry[]
}

export class StorageQueue {
  readonly #owner: Owner
  readonly #opening: () => Opening
  #queue: Queued[] = []
  #isRunning = false
  /** Base lineage that comes with a resync, until its barrier. */
  incoming: Lineage | null = null

  constructor(owner: Owner, opening: () => Opening) {
    this.#owner = owner
    this.#opening = opening
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  clear(): void {
    this.#queue = []
    this.#isRunning = false
  }

  add(command: StorageCommand, entries: readonly Entry[]): void {
    if (command.kind === 'commit') return
    this.#queue.push({ command, entries })
    if (!this.#isRunning) this.#run()
  }

  #run(): void {
    this.#isRunning = this.#queue.length > 0
    if (!this.#isRunning) return
    this.#owner.later(this.#owner.world.random.integer(4), () => {
      const queued = this.#queue.shift()
      if (queued !== undefined) this.#store(queued, true)
      this.#run()
    })
  }

  #store({ command, entries }: Queued, isReported: boolean): void {
    const { storage, world, server } = this.#owner
    switch (command.kind) {
      case 'startEpoch': {
        const at = storage.appended + 1
        world.checker.writes(server, this.#opening(), command.epoch)
        storage.append(at, { epoch: command.epoch, value: 0, block: null })
        const { cut } = storage
        if (isReported) this.#owner.event({ kind: 'epochStarted', cut, epoch: command.epoch, lsn: lsn(at) })
        break
      }
      case 'append': {
        for (const [i, entry] of entries.entries()) storage.append(command.first + i, entry)
        break
      }
      case 'settle':
        storage.sync()
        if (this.incoming !== null) this.#finishResync()
        if (isReported) this.#owner.report()
        if (isReported) this.#owner.event({ kind: 'settled', session: command.session, lsn: command.lsn })
        return
      case 'commit':
        return
    }
    if (isReported) this.#owner.report()
  }

  /** What is on its way to the log gets there before a cut, and is not reported. */
  drainForCut(): void {
    const queue = this.#queue
    this.#queue = []
    for (const queued of queue) {
      if (queued.command.kind !== 'settle') this.#store(queued, false)
    }
    this.incoming = null
  }

  #finishResync(): void {
    const { storage } = this.#owner
    storage.unknown.clear()
    // the claim is checked against the blocks when the run ends
    const lineage = this.incoming
    this.incoming = null
    if (lineage === null || lineage.lsn !== storage.retainedFrom - 1) return
    storage.lineage = lineage
    const log = storage.log
    storage.log = []
    for (const entry of log) {
      const history = storage.history
      storage.append(storage.appended + 1, entry)
      storage.history = history
    }
  }
}
