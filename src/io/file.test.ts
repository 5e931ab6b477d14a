import fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiskFile } from '../base/ports/disk.ts'
import { KIB, MIB } from '../base/units.ts'
import { RealDisk } from './disk.ts'
import { CASES, codeOf, newDirectory, pattern, removeDirectory, TMPFS } from './test-support.ts'

describe.each(CASES)('RealFile on $name', ({ root, syscalls }) => {
  let directory: string
  let disk: RealDisk

  beforeEach(async () => {
    directory = await newDirectory(root)
    disk = new RealDisk({ syscalls })
  })
  afterEach(() => removeDirectory(directory))

  const at = (name: string): string => join(directory, name)

  async function withFile<T>(body: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = await disk.open(at('file'), { create: 'missing' })
    try {
      return await body(file)
    } finally {
      await file.close()
    }
  }

  async function contentOf(file: DiskFile): Promise<Buffer> {
    const content = Buffer.alloc(await file.sizeBytes())
    expect(await file.read(content, 0)).toBe(content.byteLength)
    return content
  }

  it('reads back what it wrote, at any offset, from several buffers, some empty', () =>
    withFile(async (file) => {
      const [a, b, empty] = [pattern(5000, 1), pattern(3, 2), new Uint8Array(0)]
      await file.write([empty, a, empty, b, empty], 777)
      await file.write([], 0)
      await file.write([empty], 0)
      await file.write([empty, empty], 9_999_999)
      expect(await file.sizeBytes()).toBe(777 + 5003)
      const content = await contentOf(file)
      expect(content.subarray(0, 777)).toEqual(Buffer.alloc(777))
      expect(content.subarray(777)).toEqual(Buffer.concat([a, b]))
    }))

  it('writes more buffers than one system call takes', () =>
    withFile(async (file) => {
      const buffers = Array.from({ length: 2500 }, (_, i) => pattern(i % 7, i))
      await file.write(buffers, 1)
      expect((await contentOf(file)).subarray(1)).toEqual(Buffer.concat(buffers))
      const sparse = [...Array.from({ length: 1500 }, () => new Uint8Array(0)), pattern(9)]
      await file.write(sparse, 1)
      expect((await contentOf(file)).subarray(1, 10)).toEqual(pattern(9))
    }))

  it('reads fewer bytes only at the end of the file', () =>
    withFile(async (file) => {
      await file.write([pattern(1000)], 0)
      const target = new Uint8Array(600)
      expect(await file.read(target, 0)).toBe(600)
      expect(await file.read(target, 700)).toBe(300)
      expect(await file.read(target, 1000)).toBe(0)
      expect(await file.read(target, 5000)).toBe(0)
      expect(await file.read(target.subarray(0, 0), 0)).toBe(0)
    }))

  it('reads and writes views of shared memory', () =>
    withFile(async (file) => {
      const shared = new Uint8Array(new SharedArrayBuffer(8192)).subarray(100, 4196)
      shared.set(pattern(4096))
      await file.write([shared], 0)
      await file.writeMany([{ offsetBytes: 4096, data: shared }])
      shared.fill(0)
      expect(await file.read(shared, 4096)).toBe(4096)
      expect(Buffer.from(shared)).toEqual(pattern(4096))
      shared.fill(0)
      if (file.readNow(shared, 0)) expect(Buffer.from(shared)).toEqual(pattern(4096))
    }))

  it('reads from the medium at any alignment, up to the end of the file', () =>
    withFile(async (file) => {
      const content = pattern(3 * MIB + 1234)
      await file.write([content], 0)
      for (const [start, length] of [
        [0, 4096],
        [0, content.byteLength],
        [1, 10],
        [4095, 2],
        [MIB - 7, 2 * MIB],
        [content.byteLength - 5, 5],
      ] as const) {
        const target = Buffer.alloc(length)
        expect(await file.readUncached(target, start)).toBe(length)
        expect(target.equals(content.subarray(start, start + length))).toBe(true)
      }
      const beyond = Buffer.alloc(4096)
      expect(await file.readUncached(beyond, content.byteLength - 100)).toBe(100)
      expect(await file.readUncached(beyond, content.byteLength)).toBe(0)
      expect(await file.readUncached(beyond, 64 * MIB)).toBe(0)
    }))

  it('reads from the medium after the file was renamed', () =>
    withFile(async (file) => {
      await file.write([pattern(4096)], 0)
      await disk.rename(at('file'), at('other'))
      const target = Buffer.alloc(4096)
      expect(await file.readUncached(target, 0)).toBe(4096)
      expect(target).toEqual(pattern(4096))
    }))

  it('serves many reads from the medium at once', () =>
    withFile(async (file) => {
      const content = pattern(64 * KIB)
      await file.write([content], 0)
      const targets = Array.from({ length: 40 }, () => Buffer.alloc(1500))
      await Promise.all(targets.map((target, i) => file.readUncached(target, i * 1111)))
      targets.forEach((target, i) => {
        expect(target.equals(content.subarray(i * 1111, i * 1111 + 1500))).toBe(true)
      })
    }))

  it('changes its size', () =>
    withFile(async (file) => {
      await file.write([pattern(100)], 0)
      await file.truncate(10_000)
      expect(await file.sizeBytes()).toBe(10_000)
      await file.truncate(50)
      expect(await contentOf(file)).toEqual(pattern(100).subarray(0, 50))
    }))

  it('keeps the size when it punches a hole, and reads zeros there', () =>
    withFile(async (file) => {
      const content = pattern(2 * MIB + 100)
      await file.write([content], 0)
      await file.punchHole(4096, MIB)
      await file.punchHole(2 * MIB, MIB)
      await file.punchHole(10 * MIB, MIB)
      await file.punchHole(0, 0)
      content.fill(0, 4096, 4096 + MIB)
      content.fill(0, 2 * MIB)
      expect((await contentOf(file)).equals(content)).toBe(true)
    }))

  it('allocates without changing what is there', () =>
    withFile(async (file) => {
      await file.write([pattern(5000)], 0)
      await file.allocate(0, 3 * MIB)
      await file.allocate(0, 4096)
      await file.allocate(MIB, 0)
      expect(await file.sizeBytes()).toBe(3 * MIB)
      await file.datasync()
      expect(await file.allocatedBytes()).toBeGreaterThanOrEqual(3 * MIB - 8192)
      const content = await contentOf(file)
      expect(content.subarray(0, 5000)).toEqual(pattern(5000))
      expect(content.subarray(5000).every((byte) => byte === 0)).toBe(true)
    }))

  it('reports a full disk by code', async () => {
    const full = await disk.open('/dev/full', { create: 'never' })
    expect(await codeOf(full.write([pattern(10)], 0))).toBe('NO_SPACE')
    expect(await codeOf(full.write([pattern(10), pattern(10)], 0))).toBe('NO_SPACE')
    expect(await codeOf(full.writeMany([{ offsetBytes: 0, data: pattern(10) }]))).toBe('NO_SPACE')
    await full.close()
  })

  it.skipIf(root === TMPFS)('reports other failures as DISK', () =>
    withFile(async (file) => {
      // The greatest file of ext4 and its like is smaller than this.
      const offsetBytes = 2 ** 53 - 4096
      expect(await codeOf(file.write([pattern(10)], offsetBytes))).toBe('DISK')
      expect(await codeOf(file.writeMany([{ offsetBytes, data: pattern(10) }]))).toBe('DISK')
      expect(await codeOf(file.truncate(offsetBytes))).toBe('DISK')
    }),
  )

  it('refuses everything after close, and closes once', async () => {
    const file = await disk.open(at('file'), { create: 'new' })
    await Promise.all([file.close(), file.close()])
    const buffer = new Uint8Array(10)
    expect(() => file.readNow(buffer, 0)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    for (const operation of [
      () => file.read(buffer, 0),
      () => file.readUncached(buffer, 0),
      () => file.write([buffer], 0),
      () => file.writeMany([{ offsetBytes: 0, data: buffer }]),
      () => file.datasync(),
      () => file.punchHole(0, 1),
      () => file.allocate(0, 1),
      () => file.truncate(0),
      () => file.sizeBytes(),
      () => file.allocatedBytes(),
    ]) {
      expect(await codeOf(operation())).toBe('CLOSED')
    }
    await file.close()
  })

  it('closes only when the operations on their way are done', async () => {
    const file = await disk.open(at('file'), { create: 'new' })
    const data = pattern(MIB)
    const writes = Array.from({ length: 20 }, (_, i) => file.write([data], i * MIB))
    let written = 0
    for (const write of writes) {
      void write.then(() => {
        written++
      })
    }
    await file.close()
    expect(written).toBe(20)
    expect((await fs.stat(at('file'))).size).toBe(20 * MIB)
  })

  describe('writeMany', () => {
    it('writes what the caller gave, in order where extents overlap', () =>
      withFile(async (file) => {
        const model = Buffer.alloc(3 * MIB)
        const extents = Array.from({ length: 3000 }, (_, i) => {
          const offsetBytes = (i * 7919 * 512) % (2 * MIB)
          const data = pattern(1 + ((i * 37) % 9000), i)
          model.set(data, offsetBytes)
          return { offsetBytes, data }
        })
        await file.writeMany(extents)
        const content = await contentOf(file)
        expect(content.equals(model.subarray(0, content.byteLength))).toBe(true)
      }))

    it('writes extents that touch, extents of no bytes, and extents beyond one submission', () =>
      withFile(async (file) => {
        const data = pattern(4096)
        const touching = Array.from({ length: 5000 }, (_, i) => ({ offsetBytes: i * 4096, data }))
        await file.writeMany([{ offsetBytes: 0, data: new Uint8Array(0) }, ...touching])
        expect(await file.sizeBytes()).toBe(5000 * 4096)
        const large = pattern(20 * MIB)
        await file.writeMany([
          { offsetBytes: 5, data: large },
          { offsetBytes: 30 * MIB, data: large },
        ])
        const content = await contentOf(file)
        expect(content.subarray(5, 5 + large.byteLength).equals(large)).toBe(true)
        expect(content.subarray(30 * MIB).equals(large)).toBe(true)
        await file.writeMany([])
      }))

    it('serves several files and callers at once', async () => {
      const files = await Promise.all(
        Array.from({ length: 6 }, (_, i) => disk.open(at(`file${i}`), { create: 'new' })),
      )
      const extents = (salt: number) =>
        Array.from({ length: 300 }, (_, i) => ({ offsetBytes: i * 8192, data: pattern(4096, salt) }))
      await Promise.all(files.flatMap((file, i) => [file.writeMany(extents(i)), file.writeMany(extents(i))]))
      for (const [i, file] of files.entries()) {
        const content = await contentOf(file)
        for (let block = 0; block < 300; block++) {
          expect(content.subarray(block * 8192, block * 8192 + 4096).equals(pattern(4096, i))).toBe(true)
        }
        await file.close()
      }
    })
  })
})
