import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RealClock } from '../../io/clock.ts'
import { RealDisk } from '../../io/disk.ts'
import { RealRandom } from '../../io/random.ts'
import { codeOf, native, newDirectory, removeDirectory } from '../../io/test-support.ts'
import { registryConformance } from './conformance.ts'
import { SqliteRegistry } from './sqlite-registry.ts'

const COMMITTER = join(import.meta.dirname, '../../../test/support/registry-committer/main.ts')

const open = (path: string, sizeBytesMax?: number): Promise<SqliteRegistry> =>
  SqliteRegistry.open({
    path,
    disk: new RealDisk({ syscalls: native }),
    random: new RealRandom(),
    clock: new RealClock({ syscalls: native }),
    ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
  })

registryConformance('SQLite', async () => {
  const directory = await newDirectory(tmpdir())
  return {
    open: () => open(join(directory, 'master', 'registry.sqlite')),
    remove: () => removeDirectory(directory),
  }
})

describe('the SQLite registry', () => {
  let directory: string
  let path: string

  beforeEach(async () => {
    directory = await newDirectory(tmpdir())
    path = join(directory, 'registry.sqlite')
  })
  afterEach(() => removeDirectory(directory))

  /** Changes the closed file behind the registry's back. */
  function tamper(sql: string): void {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }

  async function make(records = 1): Promise<void> {
    const registry = await open(path)
    for (let i = 0; i < records; i++) {
      await registry.commit({ checks: [], writes: [{ key: `k/${i}`, value: { i } }] })
    }
    await registry.close()
  }

  it('refuses a file of another format and says which release to use', async () => {
    await make()
    tamper('UPDATE registry SET format = 2')
    await expect(open(path)).rejects.toMatchObject({
      code: 'UNKNOWN_FORMAT',
      message: expect.stringContaining('format 2'),
    })
  })

  it('refuses the database of another program, and leaves it as it is', async () => {
    tamper('CREATE TABLE theirs (a)')
    const before = await fs.readFile(path)
    expect(await codeOf(open(path))).toBe('UNKNOWN_FORMAT')
    expect((await fs.readFile(path)).equals(before)).toBe(true)
  })

  it('refuses a file that is no database, and one without its tables', async () => {
    await fs.writeFile(path, 'not a database, but longer than the header of one would be: '.repeat(20))
    expect(await codeOf(open(path))).toBe('CORRUPT')
    await fs.rm(path)
    await make()
    tamper('DROP TABLE records')
    expect(await codeOf(open(path))).toBe('CORRUPT')
  })

  it('names the record whose bytes changed', async () => {
    await make(3)
    tamper(`UPDATE records SET value = '{"i":7}' WHERE key = 'k/1'`)
    const registry = await open(path)
    await expect(registry.read('k/')).rejects.toMatchObject({ code: 'CORRUPT', facts: { key: 'k/1' } })
    expect((await registry.read('k/2')).length).toBe(1)
    await registry.close()
  })

  it('gives the lock back when the file cannot be opened', async () => {
    await fs.writeFile(path, 'x'.repeat(5000))
    expect(await codeOf(open(path))).toBe('CORRUPT')
    await fs.rm(path)
    await (await open(path)).close()
  })

  it('is readable by its owner only', async () => {
    const registry = await open(path)
    await registry.commit({ checks: [], writes: [{ key: 'a', value: {} }] })
    for (const name of await fs.readdir(directory)) {
      expect((await fs.stat(join(directory, name))).mode & 0o777).toBe(0o600)
    }
    await registry.close()
  })

  it('names the path that is in use', async () => {
    const registry = await open(path)
    await expect(open(path)).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(path),
    })
    await registry.close()
  })

  it('answers NO_SPACE when the file may not grow, writes nothing of it, and goes on with what fits', async () => {
    const registry = await open(path, 256 * 1024)
    const large = { text: 'x'.repeat(200_000) }
    await registry.commit({ checks: [], writes: [{ key: 'a', value: { n: 1 } }] })
    const commit = registry.commit({
      checks: [],
      writes: [
        { key: 'a', value: { n: 2 } },
        { key: 'b', value: large },
        { key: 'c', value: large },
      ],
    })
    expect(await codeOf(commit)).toBe('NO_SPACE')
    expect(registry.seq).toBe(1)
    expect((await registry.read('')).map(({ key, value }) => [key, value])).toEqual([['a', { n: 1 }]])
    expect((await registry.commit({ checks: [], writes: [{ key: 'a', value: { n: 3 } }] })).kind).toBe(
      'committed',
    )
    await registry.close()
  })

  it('can be copied with VACUUM INTO while it is open', async () => {
    const registry = await open(path)
    await registry.commit({ checks: [], writes: [{ key: 'a', value: { n: 1 } }] })
    const copy = join(directory, 'copy.sqlite')
    const db = new DatabaseSync(path, { readOnly: true })
    db.exec(`VACUUM INTO '${copy}'`)
    db.close()
    await registry.commit({ checks: [], writes: [{ key: 'a', value: { n: 2 } }] })
    const restored = await open(copy)
    expect([restored.id, restored.seq]).toEqual([registry.id, 1])
    expect((await restored.read('a'))[0]?.value).toEqual({ n: 1 })
    await restored.close()
    await registry.close()
  })

  it('lets the process go on while a commit waits for the file', async () => {
    const registry = await open(path)
    const db = new DatabaseSync(path)
    db.exec('BEGIN IMMEDIATE')
    let isDone = false
    const commit = registry.commit({ checks: [], writes: [{ key: 'a', value: {} }] }).then((outcome) => {
      isDone = true
      return outcome
    })
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(isDone).toBe(false)
    db.exec('ROLLBACK')
    db.close()
    expect((await commit).kind).toBe('committed')
    await registry.close()
  })

  it('has everything that a process acknowledged before SIGKILL, whole transactions only', async () => {
    let acknowledged = 0
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [COMMITTER, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      const enough = acknowledged + 5 + round * 7
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged = Number(line)
        if (acknowledged >= enough && child.exitCode === null) child.kill('SIGKILL')
      }
      await ended
      const registry = await open(path)
      const [first, second] = await registry.read('pair/')
      expect(first?.value).toEqual(second?.value)
      expect(Number(first?.value.n)).toBeGreaterThanOrEqual(acknowledged)
      expect(registry.seq).toBe(first?.revision)
      await registry.close()
      acknowledged = Number(first?.value.n)
    }
  })

  it('closes itself when a commit fails on the disk, and the next opening finds what was acknowledged', async () => {
    // In a child whose files may not grow beyond 256 KiB: SQLite's write fails with EFBIG.
    const child = spawn(
      'bash',
      ['-c', `ulimit -f 256; exec "${process.execPath}" "${COMMITTER}" "${path}" 60000`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) lines.push(line)
    expect(lines.slice(-2)).toEqual(['TIMED_OUT', 'CLOSED'])
    const acknowledged = Number(lines.at(-3))
    expect(acknowledged).toBeGreaterThan(0)
    const registry = await open(path)
    const [first, second] = await registry.read('pair/')
    expect(first?.value).toEqual(second?.value)
    expect(Number(first?.value.n)).toBeGreaterThanOrEqual(acknowledged)
    await registry.close()
  })
})
