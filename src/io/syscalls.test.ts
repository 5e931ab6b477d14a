import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiskFile } from '../base/ports/disk.ts'
import { KIB, MIB } from '../base/units.ts'
import { RealDisk } from './disk.ts'
import { plainSyscalls, type Syscalls } from './syscalls.ts'
import {
  codeOf,
  native,
  nativeExcept,
  newDirectory,
  pattern,
  removeDirectory,
  SOURCES_DISK,
} from './test-support.ts'

describe('native system calls', () => {
  let directory: string
  let file: DiskFile
  const disk = new RealDisk({ syscalls: native })

  beforeEach(async () => {
    directory = await newDirectory(SOURCES_DISK)
    file = await disk.open(join(directory, 'file'), { create: 'new' })
  })
  afterEach(async () => {
    await file.close()
    await removeDirectory(directory)
  })

  async function dropCache(syscalls: Syscalls): Promise<boolean> {
    const handle = await fs.open(file.path)
    try {
      return await syscalls.dropCache(handle.fd, 0, 0)
    } finally {
      await handle.close()
    }
  }

  /** The kernel may keep pages that it is asked to drop, when it is busy with them: it is asked again, not without end. */
  async function isGone(drop: () => Promise<unknown>, offset: number): Promise<boolean> {
    const probe = Buffer.alloc(4096)
    for (let asked = 0; asked < 100; asked++) {
      await drop()
      if (!file.readNow(probe, offset)) return true
    }
    return false
  }

  it('reads at once what is cached, and only that', async () => {
    const content = pattern(64 * KIB)
    await file.write([content], 0)
    const target = Buffer.alloc(4096)
    expect(file.readNow(target, 8192)).toBe(true)
    expect(target).toEqual(content.subarray(8192, 12_288))
    const view = Buffer.alloc(9000).subarray(17, 5017)
    expect(file.readNow(view, 333)).toBe(true)
    expect(view).toEqual(content.subarray(333, 5333))
    expect(file.readNow(target.subarray(0, 0), 0)).toBe(true)
    expect(file.readNow(target, 62 * KIB)).toBe(false)
    expect(file.readNow(target, 64 * KIB)).toBe(false)

    await file.datasync()
    expect(await dropCache(native)).toBe(true)
    expect(await isGone(() => dropCache(native), 8192)).toBe(true)
    expect(await file.read(target, 8192)).toBe(4096)
    expect(file.readNow(target, 8192)).toBe(true)
    expect(target).toEqual(content.subarray(8192, 12_288))
  })

  it('does not fill the page cache by reads from the medium', async () => {
    await file.write([pattern(64 * KIB)], 0)
    await file.datasync()
    const target = Buffer.alloc(4096)
    const readUncached = async (): Promise<void> => {
      await dropCache(native)
      expect(await file.readUncached(target, 0)).toBe(4096)
    }
    expect(await isGone(readUncached, 0)).toBe(true)
  })

  it('gives space back when it punches a hole', async () => {
    await file.write([pattern(4 * MIB)], 0)
    await file.datasync()
    const before = await file.allocatedBytes()
    await file.punchHole(MIB, 2 * MIB)
    expect(before - (await file.allocatedBytes())).toBe(2 * MIB)
    expect(await file.sizeBytes()).toBe(4 * MIB)
  })

  it('takes hundreds of calls for the thread pool at once', async () => {
    await file.write([pattern(4 * MIB)], 0)
    await Promise.all(Array.from({ length: 600 }, (_, i) => file.punchHole(i * 4096, 4096)))
    const target = Buffer.alloc(600 * 4096)
    await file.read(target, 0)
    expect(target.every((byte) => byte === 0)).toBe(true)
  })

  it('refuses to reserve more than a file may have', async () => {
    // not merely more than is free: ext4 would take all that is free before it says no, and fail everybody else
    expect(await codeOf(file.allocate(0, 2 ** 52))).toMatch(/^(NO_SPACE|DISK)$/)
  })
})

describe('a kernel that does less than it was asked', () => {
  let directory: string
  beforeEach(async () => {
    directory = await newDirectory(tmpdir())
  })
  afterEach(() => removeDirectory(directory))

  it.each([
    ['takes a part of a submission', (count: number) => Math.ceil(count / 3)],
    ['takes no submission', () => 0],
  ])('%s: everything is written all the same', async (_, part) => {
    const syscalls = nativeExcept({
      aioSubmit: async (context, count, blocks) =>
        part(count) === 0 ? -1 : native.aioSubmit(context, part(count), blocks),
    })
    const file = await new RealDisk({ syscalls }).open(join(directory, 'file'), { create: 'new' })
    const extents = Array.from({ length: 700 }, (_, i) => ({ offsetBytes: i * 5000, data: pattern(4096, i) }))
    await file.writeMany(extents)
    for (const { offsetBytes, data } of extents) {
      const target = Buffer.alloc(4096)
      await file.read(target, offsetBytes)
      expect(target.equals(data)).toBe(true)
    }
    await file.close()
  })
})

describe('plain ways', () => {
  it('never read at once', async () => {
    const directory = await newDirectory(tmpdir())
    const file = await new RealDisk({ syscalls: plainSyscalls }).open(join(directory, 'file'), {
      create: 'new',
    })
    await file.write([pattern(4096)], 0)
    expect(file.readNow(new Uint8Array(4096), 0)).toBe(false)
    await file.close()
    await removeDirectory(directory)
  })
})
