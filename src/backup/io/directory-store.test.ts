import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ModelVolume } from '../../../test/backup/model-volume.ts'
import { BackupRig, KEY, MemoryTarget } from '../../../test/backup/rig.ts'
import { silentLogger } from '../../base/log.ts'
import { RealClock } from '../../io/clock.ts'
import { RealRandom } from '../../io/random.ts'
import { loadSyscalls } from '../../io/syscalls.ts'
import { DirectoryStore } from './directory-store.ts'
import { openRepository } from './open-repository.ts'

const root = mkdtempSync(join(tmpdir(), 'basalt-directory-store-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const { signal } = new AbortController()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a directory of objects', () => {
  it('gives back what it was given, in ranges, and replaces as a whole', async () => {
    const store = new DirectoryStore(join(root, 'a'))
    await store.put('x/y/one', bytes('0123456789'))
    const get = async (offsetBytes: number, lengthBytes: number) =>
      Buffer.from(await store.get('x/y/one', { offsetBytes, lengthBytes })).toString()
    expect(await get(0, 100)).toBe('0123456789')
    expect(await get(3, 4)).toBe('3456')
    expect(await get(8, 4)).toBe('89')
    expect(await get(10, 4)).toBe('')
    await store.put('x/y/one', bytes('new'))
    expect(await get(0, 100)).toBe('new')
    expect(await store.head('x/y/one')).toMatchObject({ name: 'x/y/one', sizeBytes: 3 })
    expect(readdirSync(join(root, 'a/x/y'))).toEqual(['one'])
    await store.delete('x/y/one')
    await store.delete('x/y/one')
    await expect(store.head('x/y/one')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      facts: { object: 'x/y/one' },
    })
  })

  it('lists in the order of names, whatever directories they are in, page by page', async () => {
    const store = new DirectoryStore(join(root, 'b'))
    const names = [
      'a',
      'a-b/c',
      'a/b',
      'a/b.c/d',
      'a/b/c',
      'b/1',
      ...Array.from({ length: 1001 }, (_, i) => `c/${1e4 + i}`),
    ]
    // no file where there is a directory
    const expected = names.map((name) => (name === 'a' || name === 'a/b' ? `${name}.x` : name)).sort()
    for (const name of expected) {
      mkdirSync(dirname(join(root, 'b', name)), { recursive: true })
      writeFileSync(join(root, 'b', name), name)
    }
    const found: string[] = []
    for (let after = ''; ; ) {
      const page = await store.list('', after)
      found.push(...page.objects.map(({ name }) => name))
      if (page.isLast) break
      after = found.at(-1)!
    }
    expect(found).toEqual(expected)
    expect((await store.list('a/', '')).objects.map(({ name }) => name)).toEqual(
      expected.filter((name) => name.startsWith('a/')),
    )
    expect((await store.list('c/110', 'c/10999')).objects.map(({ name }) => name)).toEqual(['c/11000'])
    expect((await store.list('nothing/', '')).objects).toEqual([])
  })

  it('shows nothing of a write that failed in the middle, nor of one that a dead process left', async () => {
    const store = new DirectoryStore(join(root, 'c'))
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes('half')
      throw new Error('the image is bad')
    }
    await expect(store.putStream('d/e', 100, broken(), signal)).rejects.toThrow('the image is bad')
    expect(readdirSync(join(root, 'c/d'))).toEqual([])
    writeFileSync(join(root, 'c/d/.part-0123'), 'left')
    expect((await store.list('', '')).objects).toEqual([])
  })

  it('is not made where the directory above it is missing, as when nothing is mounted', async () => {
    const store = new DirectoryStore(join(root, 'missing/repository'))
    await expect(store.put('x', bytes('x'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(existsSync(join(root, 'missing'))).toBe(false)
    mkdirSync(join(root, 'missing'))
    await store.put('x', bytes('x'))
  })
})

describe('a repository in a directory, with its threads', () => {
  it('takes a backup, an increment, and gives both back', async () => {
    const rig = new BackupRig()
    const repository = openRepository(
      { kind: 'directory', path: join(root, 'r'), encryption: { keyHex: KEY } },
      { clock: new RealClock({ syscalls: loadSyscalls() }), random: new RealRandom(), logger: silentLogger },
    )
    try {
      expect(await repository.check()).toEqual({ state: 'empty', encrypted: true })
      const volume = new ModelVolume(1500)
      for (let block = 0; block < 1500; block += 2) volume.write(block, rig.block())
      const images = [volume.image()]
      const ids = [await repository.backup({ image: images[0]!, volumeName: 'v', base: { kind: 'auto' } })]
      volume.write(3, rig.block())
      volume.write(4, null)
      images.push(volume.image())
      ids.push(await repository.backup({ image: images[1]!, volumeName: 'v', base: { kind: 'auto' } }))
      expect(ids[1]!.backup.kind).toBe('incremental')
      for (const [i, { backup }] of ids.entries()) {
        const target = new MemoryTarget(images[i]!.sizeBytes)
        target.content.fill(1)
        await repository.restore({ backup: backup.id, target, content: 'any' })
        expect(Buffer.compare(target.content, await images[i]!.content())).toBe(0)
        await repository.verify({ backup: backup.id })
      }
      const [first, second] = images
      await repository.exportImage({ image: first!, name: 'one', volumeName: 'v', toolVersion: '1' })
      await expect(
        repository.exportImage({ image: second!, name: 'one', volumeName: 'v', toolVersion: '1' }),
      ).rejects.toMatchObject({ code: 'CONFLICT' })
      const target = new MemoryTarget(first!.sizeBytes)
      const manifest = await repository.importImage({ name: 'one', target, content: 'blank' })
      expect(manifest).toMatchObject({
        source_volume: 'v',
        data_size_bytes: first!.sizeBytes,
        compression: 'none',
      })
      expect(Buffer.compare(target.content, await first!.content())).toBe(0)
      writeFileSync(join(root, 'r/exports/one.img'), new Uint8Array(first!.sizeBytes))
      await expect(repository.importImage({ name: 'one', target, content: 'blank' })).rejects.toMatchObject({
        code: 'CORRUPT',
        facts: { object: 'exports/one.img' },
      })
    } finally {
      await repository.close()
    }
  })

  it('refuses specs that make no sense', () => {
    const ports = {
      clock: new RealClock({ syscalls: loadSyscalls() }),
      random: new RealRandom(),
      logger: silentLogger,
    }
    for (const spec of [
      { kind: 'directory', path: 'relative', encryption: null },
      { kind: 'directory', path: '/x', encryption: { keyHex: 'abc' } },
    ] as const) {
      expect(() => openRepository(spec, ports)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    }
  })
})
