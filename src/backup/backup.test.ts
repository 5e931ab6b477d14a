import { describe, expect, it } from 'vitest'
import { ModelVolume } from '../../test/backup/model-volume.ts'
import { BackupRig, KEY, MemoryTarget, OTHER_KEY } from '../../test/backup/rig.ts'
import { BLOCK_BYTES, MIB } from '../base/units.ts'

const AUTO = { kind: 'auto' } as const

function filled(rig: BackupRig, blocks: number, share = 1): ModelVolume {
  const volume = new ModelVolume(blocks)
  for (let block = 0; block < blocks; block++) if (rig.random.chance(share)) volume.write(block, rig.block())
  return volume
}

async function restored(rig: BackupRig, backup: string, sizeBytes: number, key: string | null = null) {
  const target = new MemoryTarget(sizeBytes)
  await rig.repository(key).restore({ backup, target, content: 'blank' })
  return target
}

describe.each([
  ['in the clear', null],
  ['encrypted', KEY],
])('a repository %s', (_, key) => {
  it('gives back what was backed up, byte for byte', async () => {
    const rig = new BackupRig()
    const volume = filled(rig, 3000, 0.7)
    volume.write(5, null)
    volume.write(7, new Uint8Array(BLOCK_BYTES))
    const image = volume.image()
    const made = await rig.repository(key).backup({ image, volumeName: 'v', base: AUTO })
    expect(made.backup).toMatchObject({ kind: 'full', base: null, encrypted: key !== null })
    expect(made.fullBecause).toBe('first')
    const target = await restored(rig, made.backup.id, image.sizeBytes, key)
    expect(Buffer.compare(target.content, await image.content())).toBe(0)
    expect(target.flushes).toBe(1)
    await rig.repository(key).verify({ backup: made.backup.id })
  })

  it('sends of an increment what changed, and restores each backup of a chain', async () => {
    const rig = new BackupRig(2)
    const blocks = 8192
    const volume = filled(rig, blocks)
    const images = [volume.image()]
    const ids: string[] = []
    const repository = rig.repository(key)
    ids.push((await repository.backup({ image: images[0]!, volumeName: 'v', base: AUTO })).backup.id)
    for (let i = 0; i < 9; i++) {
      rig.clock.advance(60_000)
      for (let n = 0; n < blocks / 100; n++) {
        const block = rig.random.integer(blocks)
        volume.write(block, n % 10 === 0 ? null : rig.block())
      }
      const image = volume.image()
      images.push(image)
      const made = await repository.backup({ image, volumeName: 'v', base: AUTO })
      expect(made.backup).toMatchObject({ kind: 'incremental', base: ids.at(-1) })
      ids.push(made.backup.id)
      // 1 % of the blocks, hashes of them twice, and the index of some increments before
      expect(made.sentBytes).toBeLessThan(0.012 * image.sizeBytes + 16 * 1024)
      expect(made.requests).toBeLessThanOrEqual(made.sentBytes / (4 * MIB) + 20)
    }
    for (const [i, id] of ids.entries()) {
      const target = await restored(rig, id, images[i]!.sizeBytes, key)
      expect(Buffer.compare(target.content, await images[i]!.content()), `backup ${i}`).toBe(0)
    }
    expect((await repository.list()).map(({ id }) => id)).toEqual(ids.toReversed())
  })
})

describe('a backup', () => {
  it('is newer than those before it, also in one second and by a clock that is behind', async () => {
    const rig = new BackupRig()
    const volume = filled(rig, 8)
    const repository = rig.repository()
    const ids: string[] = []
    for (let i = 0; i < 6; i++) {
      volume.write(1, rig.block())
      const made = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
      if (i > 0) expect(made.backup.base).toBe(ids.at(-1))
      ids.push(made.backup.id)
    }
    expect((await repository.list()).map(({ id }) => id)).toEqual(ids.toReversed())
  })

  it('is full, and says why, when the image is not of the history of any backup', async () => {
    const rig = new BackupRig()
    const volume = filled(rig, 64)
    const repository = rig.repository()
    const first = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    volume.write(1, rig.block())
    const lost = volume.image()
    const second = await repository.backup({ image: lost, volumeName: 'v', base: AUTO })
    expect(second.backup.base).toBe(first.backup.id)
    // a failover that kept everything: goes on
    volume.newEpoch('00000000000000a2')
    volume.write(2, rig.block())
    const third = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    expect(third.backup.base).toBe(second.backup.id)
    // one that lost what the second backup has: the first is the newest that is of its history
    volume.fork(lost.identity.lsn - 2, '00000000000000b1')
    volume.write(3, rig.block())
    const image = volume.image()
    const forked = await repository.backup({ image, volumeName: 'v', base: AUTO })
    expect(forked.backup.base).toBe(first.backup.id)
    expect(
      Buffer.compare((await restored(rig, forked.backup.id, image.sizeBytes)).content, await image.content()),
    ).toBe(0)
    volume.fork(3, '00000000000000c1')
    const other = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    expect(other.fullBecause).toBe('history')
    expect(other.backup.kind).toBe('full')
    await expect(
      repository.backup({
        image: volume.image(),
        volumeName: 'v',
        base: { kind: 'backup', backup: forked.backup.id },
      }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('of the same image again is the one that there is', async () => {
    const rig = new BackupRig()
    const volume = filled(rig, 64)
    const image = volume.image()
    const first = await rig.repository().backup({ image, volumeName: 'v', base: AUTO })
    const again = await rig.repository().backup({ image, volumeName: 'v', base: AUTO })
    expect(again.backup).toEqual(first.backup)
    expect(again.sentBytes).toBe(0)
  })

  it('of a volume in which nothing was ever written, or nothing since, is one', async () => {
    const rig = new BackupRig()
    const volume = new ModelVolume(256)
    const repository = rig.repository()
    const empty = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    const target = new MemoryTarget(256 * BLOCK_BYTES)
    target.content.fill(7)
    await repository.restore({ backup: empty.backup.id, target, content: 'any' })
    expect(target.content.every((byte) => byte === 0)).toBe(true)
    rig.clock.advance(1000)
    const again = await repository.backup({ image: volume.image(), volumeName: 'v', base: AUTO })
    expect(again.backup.base).toBe(empty.backup.id)
    await repository.verify({ backup: again.backup.id })
  })

  it('restores into what is not empty by writing what differs, and nothing else', async () => {
    const rig = new BackupRig()
    const volume = filled(rig, 512, 0.5)
    const image = volume.image()
    const { backup } = await rig.repository().backup({ image, volumeName: 'v', base: AUTO })
    const target = new MemoryTarget(600 * BLOCK_BYTES)
    target.content.fill(9)
    await rig.repository().restore({ backup: backup.id, target, content: 'any' })
    expect(Buffer.compare(target.content.subarray(0, image.sizeBytes), await image.content())).toBe(0)
    expect(target.content.subarray(image.sizeBytes).every((byte) => byte === 0)).toBe(true)
    const written = target.writtenBytes
    const again = await rig.repository().restore({ backup: backup.id, target, content: 'any' })
    expect(target.writtenBytes).toBe(written)
    expect(again.writtenBytes).toBe(0)
    expect(again.sameBytes).toBe(written)
  })

  it('refuses a target that is too small, and ids that are none', async () => {
    const rig = new BackupRig()
    const image = filled(rig, 64).image()
    const repository = rig.repository()
    const { backup } = await repository.backup({ image, volumeName: 'v', base: AUTO })
    const target = new MemoryTarget(63 * BLOCK_BYTES)
    await expect(repository.restore({ backup: backup.id, target, content: 'blank' })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    for (const id of ['', '../x', '20260101t000000z-00000000']) {
      await expect(repository.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
  })

  it('fails with the image, and stores no manifest', async () => {
    const rig = new BackupRig()
    const image = filled(rig, 2000).image()
    const read = image.read.bind(image)
    image.read = async (block, target) => {
      if (block > 1000) throw Object.assign(new Error('MEDIUM'), { code: 'MEDIUM' })
      return read(block, target)
    }
    await expect(rig.repository().backup({ image, volumeName: 'v', base: AUTO })).rejects.toThrow('MEDIUM')
    expect(rig.store.names('manifests/')).toEqual([])
  })
})

describe('a key', () => {
  it('that is wrong, missing or not asked for is refused before anything is read or written', async () => {
    const rig = new BackupRig()
    const image = filled(rig, 64).image()
    const { backup } = await rig.repository(KEY).backup({ image, volumeName: 'v', base: AUTO })
    for (const key of [OTHER_KEY, null]) {
      const repository = rig.repository(key)
      const target = new MemoryTarget(image.sizeBytes)
      const before = rig.store.names('').length
      for (const call of [
        () => repository.check(),
        () => repository.list(),
        () => repository.restore({ backup: backup.id, target, content: 'blank' }),
        () => repository.verify({ backup: backup.id }),
        () => repository.backup({ image, volumeName: 'v', base: AUTO }),
        () => repository.prune({ volume: null, keep: { last: 1 }, now: rig.clock.wallMs(), dryRun: false }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'ACCESS_DENIED', facts: { object: 'repository' } })
      }
      expect(rig.store.names('')).toHaveLength(before)
      expect(target.writtenBytes).toBe(0)
    }
    expect(await rig.repository(KEY).check()).toEqual({ state: 'ready', encrypted: true })
  })

  it('leaves nothing of the content, of names or of the key in the store', async () => {
    const rig = new BackupRig()
    const volume = new ModelVolume(32)
    volume.write(3, Buffer.alloc(BLOCK_BYTES, 'all the secrets of this house '))
    await rig.repository(KEY).backup({ image: volume.image('monday'), volumeName: 'payroll', base: AUTO })
    for (const [name, { bytes }] of rig.store.objects) {
      const text = Buffer.from(bytes).toString('latin1')
      for (const secret of ['secrets', 'payroll', 'monday', Buffer.from(KEY, 'hex').toString('latin1')]) {
        expect(text.includes(secret), `${secret} in ${name}`).toBe(false)
      }
    }
  })
})
