/** Hosts of the volume: they write, flush and read as long as they are served, and remember what they were told. */
import { assert } from '../../src/base/assert.ts'
import { type Epoch, lsn } from '../../src/base/units.ts'
import type { Serve } from '../../src/v2engine/effects.ts'
import { BLOCKS, lineageAt } from './storage.ts'
import { count, type Owner } from './world.ts'

export class Hosts {
  readonly #owner: Owner
  #serve: Serve | null = null
  #writesQueued = 0
  #answeredIn: bigint | null = null

  constructor(owner: Owner) {
    this.#owner = owner
  }

  serve(serve: Serve | null): void {
    this.#serve = serve
  }

  reset(): void {
    this.#serve = null
    this.#writesQueued = 0
  }

  act(isQuiet: boolean): void {
    const { state, world, storage } = this.#owner
    const { random, isLoaded } = world
    if (state === null || state.role.kind !== 'primary' || this.#serve === null) return
    if (this.#serve.kind === 'draining') {
      if (isQuiet && this.#writesQueued === 0) {
        this.#owner.event({ kind: 'quiet', lsn: lsn(storage.appended) })
      }
      return
    }
    if (this.#owner.clock() >= this.#serve.untilMs) return
    const epoch = state.role.epoch
    if (random.chance(0.5)) {
      const at = state.role.acknowledged
      count(world, 'read')
      this.begin(epoch, at)
      world.checker.reads(epoch, lineageAt(storage.lineage, at))
    }
    if (!isLoaded) return
    if (random.chance(0.7)) this.#write(epoch)
    if (random.chance(0.2)) this.#owner.event({ kind: 'flushAsked', lsn: lsn(state.role.acknowledged) })
  }

  /** The first answer in an epoch: with it what the promotion may have lost is lost. */
  begin(epoch: Epoch, to: number): void {
    if (this.#answeredIn === epoch.id) return
    this.#answeredIn = epoch.id
    const { storage, world } = this.#owner
    const lineage = lineageAt(storage.lineage, to)
    assert(lineage !== null, 'a primary has its history')
    world.checker.starts(lineage, world.takeLoss(epoch))
  }

  #write(epoch: Epoch): void {
    const { world, storage } = this.#owner
    const writes = 1 + world.random.integer(3)
    this.#writesQueued += 1
    this.#owner.later(world.random.integer(4), () => {
      this.#writesQueued -= 1
      const role = this.#owner.state?.role
      // fenced where the LSN is given: the queue of an epoch that is over is refused
      if (role?.kind !== 'primary' || role.epoch.id !== epoch.id || role.startLsn === null) return
      for (let i = 0; i < writes; i++) {
        const block = world.random.integer(BLOCKS)
        storage.append(storage.appended + 1, { epoch, value: world.nextValue++, block })
      }
      this.#owner.report()
    })
  }

  acknowledged(to: number): void {
    const { state, storage, world } = this.#owner
    const role = state?.role
    if (role?.kind !== 'primary' || this.#serve === null) return
    if (this.#owner.clock() >= this.#serve.untilMs) return
    const lineage = lineageAt(storage.lineage, to)
    assert(lineage !== null && lineage.lsn === to, 'what is acknowledged is held')
    this.begin(role.epoch, to)
    world.checker.acknowledges(role.epoch, lineage)
  }

  flushed(to: number): void {
    const { state, storage, world } = this.#owner
    const role = state?.role
    if (role?.kind !== 'primary' || this.#serve === null) return
    if (this.#owner.clock() >= this.#serve.untilMs) return
    const lineage = lineageAt(storage.lineage, to)
    if (lineage !== null) world.checker.flushes(role.epoch, lineage)
  }
}
