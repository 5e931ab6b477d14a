import fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import { RealDisk } from './disk.ts'
import { CASES, codeOf, newDirectory, pattern, removeDirectory } from './test-support.ts'

describe.each(CASES)('RealDisk on $name', ({ root, syscalls }) => {
  let directory: string
  let disk: RealDisk

  beforeEach(async () => {
    directory = await newDirectory(root)
    disk = new RealDisk({ syscalls })
  })
  afterEach(() => removeDirectory(directory))

  const at = (name: string): string => join(directory, name)

  it('opens only what is there, makes what is missing, refuses what exists', async () => {
    expect(await codeOf(disk.open(at('a'), { create: 'never' }))).toBe('NOT_FOUND')
    const made = await disk.open(at('a'), { create: 'new' })
    await made.write([pattern(10)], 0)
    expect(await codeOf(disk.open(at('a'), { create: 'new' }))).toBe('CONFLICT')
    const again = await disk.open(at('a'), { create: 'missing' })
    expect(await again.sizeBytes()).toBe(10)
    expect(again.path).toBe(at('a'))
    await Promise.all([made.close(), again.close()])
    const { mode } = await fs.stat(at('a'))
    expect(mode & 0o777).toBe(0o600)
  })

  it('reports an error with path, errno and cause', async () => {
    await fs.writeFile(at('plain'), '')
    const error = await disk.open(at('plain/below'), { create: 'missing' }).catch((caught) => caught)
    expect(error).toBeInstanceOf(BlockError)
    expect(error).toMatchObject({ code: 'DISK', facts: { path: at('plain/below'), errno: 'ENOTDIR' } })
    expect(error.cause).toMatchObject({ code: 'ENOTDIR', syscall: 'open' })
    expect(error.message).toContain(at('plain/below'))
  })

  it('makes directories with their parents, lists sorted, tells what exists', async () => {
    await disk.makeDirectory(at('x/y'))
    await disk.makeDirectory(at('x/y'))
    for (const name of ['b', 'a', 'c']) await fs.writeFile(at(`x/y/${name}`), '')
    expect(await disk.list(at('x/y'))).toEqual(['a', 'b', 'c'])
    expect(await disk.exists(at('x/y/a'))).toBe(true)
    expect(await disk.exists(at('x/y/d'))).toBe(false)
    expect(await disk.exists(at('x/y/a/below'))).toBe(false)
    expect(await codeOf(disk.list(at('z')))).toBe('NOT_FOUND')
    expect(await codeOf(disk.makeDirectory(at('x/y/a')))).toBe('CONFLICT')
  })

  it('renames, removes with all in it, and removes what is missing without an error', async () => {
    await disk.makeDirectory(at('x/y'))
    await disk.rename(at('x'), at('z'))
    expect(await disk.list(directory)).toEqual(['z'])
    expect(await codeOf(disk.rename(at('x'), at('w')))).toBe('NOT_FOUND')
    await disk.remove(at('z'))
    await disk.remove(at('z'))
    expect(await disk.list(directory)).toEqual([])
  })

  it('syncs a directory', async () => {
    await disk.syncDirectory(directory)
    expect(await codeOf(disk.syncDirectory(at('x')))).toBe('NOT_FOUND')
  })

  it('tells space and boot id', async () => {
    const { freeBytes, totalBytes } = await disk.space(directory)
    expect(freeBytes).toBeGreaterThan(0)
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes)
    expect(await codeOf(disk.space(at('x')))).toBe('NOT_FOUND')
    expect(await disk.bootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })
})
