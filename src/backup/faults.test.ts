import { describe, expect, it } from 'vitest'
import type { Fault, Request } from '../../test/backup/memory-objects.ts'
import { type ModelImage, ModelVolume } from '../../test/backup/model-volume.ts'
import { BackupRig, KEY, MemoryTarget } from '../../test/backup/rig.ts'
import type { Repository } from './repository.ts'

const AUTO = { kind: 'auto' } as const

/** A volume with a full backup of some packs, and changes since. */
async function based(seed: number, blocks: number): Promise<{ rig: BackupRig; volume: ModelVolume }> {
  const rig = new BackupRig(seed)
  rig.packBytes = 128 * 1024
  const volume = new ModelVolume(blocks)
  for (let block = 0; block < blocks; block++) volume.write(block, rig.block())
  return { rig, volume }
}

async function expectRestored(repository: Repository, backup: string, image: ModelImage): Promise<void> {
  const target = new MemoryTarget(image.sizeBytes)
  await repository.restore({ backup, target, content: 'blank' })
  expect(Buffer.compare(target.content, await image.content())).toBe(0)
}

/** What it failed with; undefined when it did not. */
const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Resolves when the store was asked for the request that is never answered. */
async function untilGone(rig: BackupRig, at: number): Promise<void> {
  for (let turns = 0; turns < 50; ) {
    const before = rig.store.log.length
    await new Promise((resolve) => setImmediate(resolve))
    if (rig.store.log.length > at) break
    turns = rig.store.log.length === before ? turns + 1 : 0
  }
  // what was asked for before it is done
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a backup whose process ends', () => {
  it('at any request goes on where it was, and sends no finished pack twice', async () => {
    const { rig: reference, volume: whole } = await based(5, 250)
    await reference.repository(KEY).backup({ image: whole.image('a'), volumeName: 'v', base: AUTO })
    const requests = reference.store.log.length
    expect(requests).toBeGreaterThan(12)
    for (let at = 0; at < requests; at++) {
      const { rig, volume } = await based(5, 250)
      const image = volume.image('a')
      rig.store.fault = ({ number }) => (number >= at ? { kind: 'gone' } : undefined)
      let isOver = false
      const dead = rig.repository(KEY).backup({ image, volumeName: 'v', base: AUTO })
      dead.then(
        () => {
          isOver = true
        },
        () => undefined,
      )
      await untilGone(rig, at)
      expect(isOver).toBe(false)
      const packs = rig.store.names('packs/').filter((name) => !name.includes('index'))
      rig.store.fault = () => undefined
      const repository = rig.repository(KEY)
      const made = await repository.backup({ image, volumeName: 'v', base: AUTO })
      if (made.sentBytes > 0) {
        const resumed = packs.reduce((sum, name) => sum + rig.store.objects.get(name)!.bytes.byteLength, 0)
        expect(made.resumedBytes, `request ${at}`).toBe(resumed)
        expect(made.backup.storedBytes).toBeGreaterThanOrEqual(resumed)
      }
      expect(await repository.list()).toEqual([made.backup])
      await expectRestored(repository, made.backup.id, image)
      // what the dead process left is collected, and nothing else
      await repository.prune({
        volume: null,
        keep: null,
        now: rig.clock.wallMs() + 14 * 86_400_000,
        dryRun: false,
        graceMs: 0,
        abandonedMs: 86_400_000,
      })
      await repository.verify({ backup: made.backup.id })
    }
  }, 240_000)
})

describe('requests that fail', () => {
  const KINDS: readonly Fault[] = [
    { kind: 'refused', code: 'BUSY' },
    { kind: 'refused', code: 'DISCONNECTED' },
    { kind: 'lost answer', code: 'TIMED_OUT' },
    { kind: 'lost answer', code: 'BUSY' },
    { kind: 'stall' },
  ]

  it('now and then are repeated, whatever they are, and nobody notices', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const { rig, volume } = await based(seed, 200)
      const failed = new Set<string>()
      rig.store.fault = ({ operation, name }) => {
        if (!rig.random.chance(0.3)) return undefined
        failed.add(operation + name)
        return rig.random.pick(KINDS)
      }
      const repository = rig.repository(KEY)
      const image = volume.image()
      const first = await repository.backup({ image, volumeName: 'v', base: AUTO })
      for (let i = 0; i < 50; i++) volume.write(rig.random.integer(200), i % 5 === 0 ? null : rig.block())
      rig.clock.advance(1000)
      const next = volume.image()
      const second = await repository.backup({ image: next, volumeName: 'v', base: AUTO })
      expect(failed.size).toBeGreaterThan(5)
      expect(second.backup.base).toBe(first.backup.id)
      await expectRestored(repository, first.backup.id, image)
      await expectRestored(repository, second.backup.id, next)
      await repository.verify({ backup: second.backup.id })
    }
  }, 120_000)

  it('for ever end the call, with the name of the object', async () => {
    for (const [code, kind] of [
      ['BUSY', 'refused'],
      ['TIMED_OUT', 'stall'],
    ] as const) {
      const { rig, volume } = await based(3, 60)
      rig.store.fault = ({ name }) => {
        if (!name.startsWith('packs/')) return undefined
        return kind === 'stall' ? { kind } : { kind, code }
      }
      const failing = rig.repository().backup({ image: volume.image('a'), volumeName: 'v', base: AUTO })
      const error = await failing.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject({ code, facts: { object: expect.stringMatching(/^packs\//) } })
      expect(rig.store.names('manifests/')).toEqual([])
    }
  })

  it('for want of credentials are not repeated, and the backup goes on with new ones', async () => {
    const { rig, volume } = await based(4, 300)
    const image = volume.image('a')
    let packs = 0
    rig.store.fault = ({ operation, name }: Request) =>
      operation === 'put' && name.startsWith('packs/') && ++packs > 1
        ? { kind: 'refused', code: 'ACCESS_DENIED' }
        : undefined
    await expect(rig.repository().backup({ image, volumeName: 'v', base: AUTO })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
    expect(packs).toBeLessThanOrEqual(5)
    rig.store.fault = () => undefined
    const made = await rig.repository().backup({ image, volumeName: 'v', base: AUTO })
    expect(made.resumedBytes).toBeGreaterThan(130_000)
    await expectRestored(rig.repository(), made.backup.id, image)
  })

  it('stop at once when the caller cancels, also while one stalls', async () => {
    const { rig, volume } = await based(4, 300)
    const cancelled = new AbortController()
    rig.store.fault = ({ name }) => {
      if (!name.startsWith('packs/')) return undefined
      setImmediate(() => cancelled.abort())
      return { kind: 'gone' }
    }
    await expect(
      rig
        .repository()
        .backup({ image: volume.image('a'), volumeName: 'v', base: AUTO, signal: cancelled.signal }),
    ).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('an upload that is stored shorter than it was sent, and answered well', () => {
  it('is found before a manifest names it', async () => {
    const { rig, volume } = await based(6, 200)
    const image = volume.image('a')
    let torn = 0
    rig.store.fault = ({ operation, name }) =>
      operation === 'put' && name.startsWith('packs/') && torn++ === 0 ? { kind: 'torn' } : undefined
    await expect(rig.repository().backup({ image, volumeName: 'v', base: AUTO })).rejects.toMatchObject({
      code: 'CORRUPT',
      facts: { object: expect.stringMatching(/^packs\//) },
    })
    expect(rig.store.names('manifests/')).toEqual([])
    // the whole ones are taken over, the short one is not
    const made = await rig.repository().backup({ image, volumeName: 'v', base: AUTO })
    await rig.repository().verify({ backup: made.backup.id })
    await expectRestored(rig.repository(), made.backup.id, image)
  })
})

describe.each([
  ['in the clear', null],
  ['encrypted', KEY],
])('a damaged object, %s', (_, key) => {
  it('whichever it is, makes verify and restore fail with its name, and never gives wrong bytes', async () => {
    const { rig, volume } = await based(7, 250)
    const repository = rig.repository(key)
    await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    for (let i = 0; i < 40; i++) volume.write(rig.random.integer(250), rig.block())
    rig.clock.advance(1000)
    const image = volume.image()
    const { backup } = await repository.backup({ image, volumeName: 'v', base: AUTO })
    const content = await image.content()
    const names = rig.store.names('').filter((name) => name !== 'repository')
    const whole = new Map(rig.store.objects)
    const needed = names.filter((name) => name.startsWith('packs/') || name.endsWith(backup.id))
    const harms: [string, (name: string) => void][] = [
      ['a byte near its start', (name) => rig.store.damage(name, 40)],
      ['a byte in its middle', (name) => rig.store.damage(name, whole.get(name)!.bytes.byteLength >> 1)],
      ['its last byte', (name) => rig.store.damage(name, whole.get(name)!.bytes.byteLength - 1)],
      ['cut short', (name) => rig.store.truncate(name, whole.get(name)!.bytes.byteLength - 5)],
      ['empty', (name) => rig.store.truncate(name, 0)],
      ['missing', (name) => rig.store.objects.delete(name)],
      ['another in its place', (name) => rig.store.swap(name, needed.find((other) => other !== name)!)],
    ]
    let unused = 0
    for (const name of needed) {
      for (const [what, harm] of harms) {
        rig.store.objects.clear()
        for (const [other, object] of whole) rig.store.objects.set(other, object)
        harm(name)
        const target = new MemoryTarget(image.sizeBytes)
        // a manifest that is gone is no backup, and no damage
        const code = what === 'missing' && name.startsWith('manifests/') ? 'NOT_FOUND' : 'CORRUPT'
        const expected =
          what === 'another in its place'
            ? { code: expect.stringMatching(/CORRUPT|ACCESS_DENIED/) }
            : code === 'NOT_FOUND'
              ? { code }
              : { code, message: expect.stringContaining(name) }
        const verified = await outcomeOf(repository.verify({ backup: backup.id }))
        const restored = await outcomeOf(repository.restore({ backup: backup.id, target, content: 'blank' }))
        const isUnused = verified === undefined && what.includes('byte') && name.startsWith('packs/')
        if (isUnused) {
          // of a block that this backup has otherwise
          unused++
          expect(restored, `${what}: ${name}`).toBeUndefined()
          expect(Buffer.compare(target.content, content)).toBe(0)
          continue
        }
        expect(verified, `${what}: ${name}`).toMatchObject(expected)
        if (restored === undefined) {
          // of the records that a pack has of itself, or of its end: nothing that a restore reads
          expect(Buffer.compare(target.content, content)).toBe(0)
        } else expect(restored, `${what}: ${name}`).toMatchObject(expected)
        for (let at = 0; at < target.content.byteLength; at += 4096) {
          const block = target.content.subarray(at, at + 4096)
          const isWritten = block.some((byte) => byte !== 0)
          if (isWritten) expect(Buffer.compare(block, content.subarray(at, at + 4096))).toBe(0)
        }
      }
    }
    expect(unused).toBeLessThan(needed.length / 2)
  }, 120_000)

  it('on its way only is read again', async () => {
    const { rig, volume } = await based(8, 200)
    const repository = rig.repository(key)
    const image = volume.image()
    const { backup } = await repository.backup({ image, volumeName: 'v', base: AUTO })
    const seen = new Set<string>()
    rig.store.fault = ({ operation, name }) => {
      if (operation !== 'get' || name === 'repository' || seen.has(name)) return undefined
      seen.add(name)
      return { kind: 'changed' }
    }
    await expectRestored(repository, backup.id, image)
    expect(seen.size).toBeGreaterThan(3)
  })
})
