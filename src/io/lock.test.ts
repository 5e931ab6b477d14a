import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RealDisk } from './disk.ts'
import { CASES, codeOf, native, nativeExcept, newDirectory, removeDirectory } from './test-support.ts'

describe.each(CASES)('a lock on $name', ({ root, syscalls }) => {
  let directory: string
  let disk: RealDisk

  beforeEach(async () => {
    directory = await newDirectory(root)
    disk = new RealDisk({ syscalls })
  })
  afterEach(() => removeDirectory(directory))

  const at = (name: string): string => join(directory, name)

  it('is refused while it is held, and can be had again', async () => {
    const lock = await disk.lock(at('lock'))
    const error = await disk.lock(at('lock')).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'IN_USE', facts: { path: at('lock'), pid: process.pid } })
    expect(error.message).toContain(at('lock'))
    await Promise.all([lock.release(), lock.release()])
    const again = await disk.lock(at('lock'))
    await again.release()
    expect(await codeOf(disk.lock(at('nowhere/lock')))).toBe('NOT_FOUND')
  })

  it('is refused while another process holds it, whichever way, and ends with that process', async () => {
    for (const way of ['native', 'plain']) {
      const child = spawn(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import { RealDisk } from ${JSON.stringify(join(import.meta.dirname, 'disk.ts'))}
           import { loadSyscalls, plainSyscalls } from ${JSON.stringify(join(import.meta.dirname, 'syscalls.ts'))}
           const syscalls = ${JSON.stringify(way)} === 'native' ? loadSyscalls() : plainSyscalls
           await new RealDisk({ syscalls }).lock(${JSON.stringify(at('lock'))})
           process.stdout.write('locked')
           setInterval(() => undefined, 1000)`,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const exited = once(child, 'exit')
      await once(child.stdout, 'data')
      const error = await disk.lock(at('lock')).catch((caught) => caught)
      expect(error).toMatchObject({ code: 'IN_USE', facts: { pid: child.pid } })
      child.kill('SIGKILL')
      await exited
      const lock = await disk.lock(at('lock'))
      await lock.release()
    }
  })

  it('goes to one of many at a time, and to the next when it is released', async () => {
    await fs.writeFile(at('lock'), 'not what a lock file holds')
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => disk.lock(at('lock'))))
      const taken = results.filter((result) => result.status === 'fulfilled')
      expect(taken.length).toBe(1)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'IN_USE' })
      }
      await taken[0]?.value.release()
    }
    const names = await disk.list(directory)
    expect(names.filter((name) => !/^lock(\.\d+)?$/.test(name))).toEqual([])
    expect(names.length).toBeLessThanOrEqual(2)
  })

  it('is not kept by a file that names a process of another boot, or none', async () => {
    const self = {
      pid: process.pid,
      startTicks: '1',
      bootId: await disk.bootId(),
      pidNamespace: await fs.readlink('/proc/self/ns/pid'),
    }
    for (const holder of [self, { ...self, bootId: 'another' }, { ...self, pid: 2 ** 22 + 1 }, {}, null, 7]) {
      await fs.writeFile(at('lock'), JSON.stringify(holder))
      await fs.writeFile(at('lock.9'), JSON.stringify(holder))
      await (await disk.lock(at('lock'))).release()
    }
  })

  it('is kept by a file that names a process that cannot be seen from here', async () => {
    const holder = { pid: 1, startTicks: '1', bootId: await disk.bootId(), pidNamespace: 'pid:[1]' }
    await fs.writeFile(at('lock.3'), JSON.stringify(holder))
    expect(await codeOf(disk.lock(at('lock')))).toBe('IN_USE')
    await disk.remove(at('lock.3'))
    await (await disk.lock(at('lock'))).release()
  })
})

describe('a lock', () => {
  let directory: string
  beforeEach(async () => {
    directory = await newDirectory(tmpdir())
  })
  afterEach(() => removeDirectory(directory))

  it('is made of files where the kernel refuses, and both kinds respect each other', async () => {
    const disk = new RealDisk({ syscalls: nativeExcept({ tryLock: () => 'unsupported' }) })
    const path = join(directory, 'lock')
    const lock = await disk.lock(path)
    expect(await codeOf(disk.lock(path))).toBe('IN_USE')
    expect(await codeOf(new RealDisk({ syscalls: native }).lock(path))).toBe('IN_USE')
    await lock.release()
    const other = await new RealDisk({ syscalls: native }).lock(path)
    expect(await codeOf(disk.lock(path))).toBe('IN_USE')
    await other.release()
    await (await disk.lock(path)).release()
  })
})
