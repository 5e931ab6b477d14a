import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ModelImage, ModelVolume } from '../../test/backup/model-volume.ts'
import { BackupRig, KEY, MemoryTarget } from '../../test/backup/rig.ts'
import { isBlockError } from '../base/errors.ts'
import type { KeepRules, PruneRequest, Repository } from './repository.ts'

const AUTO = { kind: 'auto' } as const
const BLOCKS = 160

class World {
  readonly rig: BackupRig
  readonly volume = new ModelVolume(BLOCKS)
  readonly repository: Repository
  /** Of each backup that was made. */
  readonly images = new Map<string, ModelImage>()

  constructor(seed: number, key: string | null = KEY) {
    this.rig = new BackupRig(seed)
    this.rig.packBytes = 64 * 1024
    this.repository = this.rig.repository(key)
  }

  change(count: number): void {
    const { random } = this.rig
    for (let i = 0; i < count; i++) {
      const block = random.integer(BLOCKS)
      this.volume.write(block, random.chance(0.15) ? null : this.rig.block())
    }
  }

  async backup(full = false): Promise<string> {
    const image = this.volume.image()
    this.rig.clock.advance(2000)
    const base = full ? ({ kind: 'full' } as const) : AUTO
    const { backup } = await this.repository.backup({ image, volumeName: 'v', base })
    this.images.set(backup.id, image)
    return backup.id
  }

  prune(keep: KeepRules | null, request: Partial<PruneRequest> = {}) {
    const now = this.rig.clock.wallMs() + 1
    return this.repository.prune({ volume: null, keep, now, dryRun: false, graceMs: 0, ...request })
  }

  /** Every backup that is listed gives its image back. */
  async check(): Promise<void> {
    for (const { id } of await this.repository.list()) {
      await this.repository.verify({ backup: id })
      const image = this.images.get(id)!
      const target = new MemoryTarget(image.sizeBytes)
      await this.repository.restore({ backup: id, target, content: 'blank' })
      expect(Buffer.compare(target.content, await image.content()), id).toBe(0)
    }
  }

  storedBytes(): number {
    return this.rig.store
      .names('packs/')
      .reduce((sum, name) => sum + this.rig.store.objects.get(name)!.bytes.byteLength, 0)
  }
}

describe('a prune', () => {
  it('never takes what a backup uses, whatever came before', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('change' as const), count: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant('backup' as const), full: fc.boolean() }),
      fc.record({ kind: fc.constant('delete' as const), which: fc.nat(9) }),
      fc.record({ kind: fc.constant('prune' as const), last: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('collect' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.array(step, { minLength: 4, maxLength: 14 }),
        async (seed, steps) => {
          const world = new World(seed, seed % 2 === 0 ? KEY : null)
          world.change(BLOCKS)
          await world.backup()
          for (const one of steps) {
            const ids = (await world.repository.list()).map(({ id }) => id)
            if (one.kind === 'change') world.change(one.count)
            else if (one.kind === 'backup') await world.backup(one.full)
            else if (one.kind === 'delete' && ids.length > 0)
              await world.repository.delete(ids[one.which % ids.length]!)
            else if (one.kind === 'prune') await world.prune({ last: one.last })
            else if (one.kind === 'collect') await world.prune(null)
          }
          await world.check()
        },
      ),
      { numRuns: 25 },
    )
  }, 120_000)

  it('gives back the space of what nobody uses, also inside of packs', async () => {
    const world = new World(1)
    for (let block = 0; block < BLOCKS; block++) world.volume.write(block, world.rig.block())
    await world.backup()
    const full = world.storedBytes()
    for (let i = 0; i < 12; i++) {
      world.change(40)
      await world.backup()
    }
    const before = world.storedBytes()
    const dry = await world.prune({ last: 1 }, { dryRun: true })
    expect(world.storedBytes()).toBe(before)
    const pruned = await world.prune({ last: 1 })
    expect(pruned.deleted).toEqual(dry.deleted)
    expect(pruned.deleted).toHaveLength(12)
    expect(pruned.packsDeleted).toBe(dry.packsDeleted)
    expect(pruned.packsRewritten).toBe(dry.packsRewritten)
    expect(pruned.packsRewritten).toBeGreaterThan(0)
    expect(before - world.storedBytes()).toBe(pruned.freedBytes)
    // every pack is at least half used now
    expect(world.storedBytes()).toBeLessThan(2.1 * full)
    await world.check()
    // and again, what was written anew
    for (let i = 0; i < 6; i++) {
      world.change(60)
      await world.backup()
    }
    await world.prune({ last: 1 })
    expect(world.storedBytes()).toBeLessThan(2.1 * full)
    await world.check()
  })

  it('at any request of a backup that is being made leaves it whole, or refused', async () => {
    const scenario = async () => {
      const world = new World(9)
      world.change(3 * BLOCKS)
      const base = await world.backup()
      world.change(50)
      world.rig.store.log.length = 0
      return { world, base }
    }
    const reference = await scenario()
    await reference.world.backup()
    const requests = reference.world.rig.store.log.length
    let finished = 0
    for (let at = 0; at < requests; at++) {
      const { world, base } = await scenario()
      world.rig.store.before = ({ number }) => {
        if (number !== at) return undefined
        return (async () => {
          // the base goes, and all that nobody needs
          await world.repository.delete(base)
          await world.prune(null)
          await world.prune(null)
        })()
      }
      try {
        await world.backup()
        finished++
      } catch (error) {
        // the base was gone before it was noted
        expect(isBlockError(error, 'NOT_FOUND'), `request ${at}: ${String(error)}`).toBe(true)
      }
      world.rig.store.before = () => undefined
      await world.check()
      await world.backup()
      await world.check()
    }
    expect(finished).toBeGreaterThan(requests / 2)
  }, 120_000)

  it('with a backup made at any of its requests leaves that whole', async () => {
    const scenario = async () => {
      const world = new World(11)
      world.change(3 * BLOCKS)
      await world.backup()
      for (let i = 0; i < 3; i++) {
        world.change(60)
        await world.backup()
      }
      world.change(50)
      world.rig.store.log.length = 0
      return world
    }
    const reference = await scenario()
    await reference.prune({ last: 1 })
    const requests = reference.rig.store.log.length
    expect(requests).toBeGreaterThan(30)
    for (let at = 0; at < requests; at += 3) {
      const world = await scenario()
      const base = (await world.repository.list())[0]!.id
      world.rig.store.before = ({ number }) => {
        if (number !== at) return undefined
        return (async () => {
          await world.backup()
          await world.repository.delete(base)
        })()
      }
      await world.prune({ last: 1 })
      world.rig.store.before = () => undefined
      await world.check()
    }
  }, 120_000)

  it('gives an interrupted upload up after a while, its packs in the next, and refuses it then', async () => {
    const world = new World(12)
    world.change(BLOCKS)
    const { store } = world.rig
    store.fault = ({ operation, name }) =>
      operation === 'put' && name.startsWith('manifests/')
        ? { kind: 'refused', code: 'ACCESS_DENIED' }
        : undefined
    await expect(world.backup()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    store.fault = () => undefined
    const stored = world.storedBytes()
    expect((await world.prune(null)).packsDeleted).toBe(0)
    world.rig.clock.advance(8 * 86_400_000)
    const first = await world.prune(null)
    expect(first).toMatchObject({ abandoned: 1, packsDeleted: 0 })
    const second = await world.prune(null)
    expect(second.freedBytes).toBe(stored)
    expect(store.names('packs/')).toEqual([])
    await world.backup()
    await world.check()
  })

  it('keeps what is young, and refuses rules that keep nothing', async () => {
    const world = new World(13)
    world.change(BLOCKS)
    const id = await world.backup()
    await world.repository.delete(id)
    const kept = await world.prune(null, { graceMs: 86_400_000 })
    expect(kept.packsDeleted).toBe(0)
    for (const keep of [{}, { last: 0 }, { last: -1 }, { daily: 0.5 }]) {
      await expect(world.prune(keep)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  it('stops rather than collect when a manifest cannot be read', async () => {
    const world = new World(14)
    world.change(BLOCKS)
    const id = await world.backup()
    const manifest = world.rig.store.names('manifests/')[0]!
    world.rig.store.damage(manifest, 80)
    await expect(world.prune(null)).rejects.toMatchObject({ code: 'CORRUPT', facts: { object: manifest } })
    expect(world.rig.store.names('packs/').length).toBeGreaterThan(0)
    // deleting it is the way out
    await world.repository.delete(id)
    await world.prune(null)
    expect(world.rig.store.names('packs/')).toEqual([])
  })
})
