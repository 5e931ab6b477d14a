/** `basalt target` as a process: what it says when it serves, how it refuses, how it stops. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { crc32c } from '../../../src/base/crc32c.ts'
import { login, patternAt } from './support/host.ts'
import { run, withBasalt } from './support/process.ts'
import { temporaryDirectory } from './support/volume.ts'

let directory: ReturnType<typeof temporaryDirectory>
let data: string
beforeEach(() => {
  directory = temporaryDirectory()
  data = `${directory.path}/data`
})
afterEach(() => directory.remove())

const ports = ['--iscsi', '127.0.0.1:0', '--nvme', '127.0.0.1:0', '--admin', '127.0.0.1:0']
const target = (...more: string[]): string[] => [
  'target',
  '--data',
  data,
  '--volume',
  'vol1',
  ...ports,
  ...more,
]
const getJson = async (address: string, path: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`http://${address}${path}`)).json()) as Record<string, unknown>

describe('a target that serves', () => {
  it('prints one ready line, logs JSON, answers, and ends with 0 on SIGTERM', async () => {
    await withBasalt(target('--size', '16MiB'), async (child) => {
      const ready = await child.ready()
      expect(ready).toEqual({
        ready: true,
        pid: expect.any(Number),
        volume: 'vol1',
        iqn: 'iqn.2026-11.io.basalt:vol1',
        iscsi: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
        portals: [ready.iscsi],
        nqn: 'nqn.2026-11.io.basalt:vol1',
        nvme: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
        nvmePortals: [ready.nvme],
        admin: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
      })
      expect(await getJson(ready.admin, '/healthz')).toEqual({ healthy: true, reasons: [] })
      const { server } = await getJson(ready.admin, '/status')
      expect(server).toMatchObject({ pid: ready.pid, state: 'serving' })
      const listed = await run(['target', 'list', '--admin', ready.admin])
      expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^vol1 +16MiB /m) })

      const { code, stdout, stderr } = await child.stop()
      expect(code).toBe(0)
      expect(stdout.trim().split('\n')).toHaveLength(1)
      const events = stderr
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event)
      expect(events).toContain('volume.created')
      expect(events.at(-1)).toBe('target.stopped')
    })
  })

  it('opens what is there without a size, in the next epoch and under the same server id', async () => {
    const seen: unknown[] = []
    for (const size of [['--size', '16MiB'], [], ['--size', '16384KiB']]) {
      await withBasalt(target(...size), async (child) => {
        const { admin } = await child.ready()
        const { server, volumes } = await getJson(admin, '/status')
        seen.push([
          (server as { id: string }).id,
          (volumes as { epoch: { number: number } }[])[0]?.epoch.number,
        ])
        expect((await child.stop()).code).toBe(0)
      })
    }
    const { id } = JSON.parse(readFileSync(`${data}/server.json`, 'utf8')) as { id: string }
    expect(seen).toEqual([
      [id, 1],
      [id, 2],
      [id, 3],
    ])
  })

  it('takes SIGHUP and says what it changed and what not', async () => {
    const config = `${directory.path}/basalt.yaml`
    writeFileSync(
      config,
      `data: ${data}\nvolume: vol1\nsize: 16MiB\niscsi: 127.0.0.1:0\nnvme: 127.0.0.1:0\nadmin: 127.0.0.1:0\n`,
    )
    await withBasalt(['target', '--config', config], async (child) => {
      await child.ready()
      writeFileSync(
        config,
        `data: ${data}\nvolume: vol2\niscsi: 127.0.0.1:0\nnvme: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog-level: debug\n`,
      )
      child.signal('SIGHUP')
      expect(await child.logged('config.reloaded')).toMatchObject({
        applied: 'log-level',
        needRestart: 'volume size',
      })
      writeFileSync(config, 'sise: 1\n')
      child.signal('SIGHUP')
      const failed = await child.logged('config.reload_failed')
      expect(failed.reason).toMatch(/basalt\.yaml:1:1: unknown key 'sise'; did you mean 'size'\?/)
      expect((await child.stop()).code).toBe(0)
    })
  })
})

describe('a target that cannot start', () => {
  async function refusal(args: readonly string[], code: number, sentence: RegExp | string): Promise<void> {
    const exit = await run(args)
    const lines = exit.stderr
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('{'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(sentence)
    expect(exit).toMatchObject({ code, stdout: '' })
  }

  it('names the flag that is missing or wrong', async () => {
    await refusal(['target', '--volume', 'vol1'], 2, /^basalt: --data is missing: .*BASALT_DATA/)
    await refusal(target('--size', '1000'), 2, /^basalt: --size 1000B \(1000 bytes\): size 1000 is outside/)
    await refusal(target('--sise', '1GiB'), 2, /^basalt: unknown option '--sise' \(Did you mean --size\?\)/)
    await refusal(target(), 3, /^basalt: --volume vol1: there is no such volume.*--size 10GiB$/)
    await refusal(
      target('--iscsi', '0.0.0.0:0', '--size', '16MiB'),
      6,
      /^basalt: --iscsi 0\.0\.0\.0:0 would let everybody/,
    )
  })

  it('refuses another size or block than the volume has, and a directory or port in use', async () => {
    await withBasalt(target('--size', '16MiB'), async (child) => {
      const { pid, iscsi, admin } = await child.ready()
      await refusal(
        target(),
        4,
        `basalt: --data ${data} is in use by process ${pid}; stop it, or give another directory`,
      )
      const other = ['--data', `${data}2`, '--size', '16MiB']
      await refusal([...target(...other), '--iscsi', iscsi], 4, new RegExp(`^basalt: .*${iscsi}`))
      await refusal(
        [...target(...other), '--admin', admin],
        4,
        new RegExp(`^basalt: --admin ${admin}: another process`),
      )
      await child.stop()
      await refusal(
        target('--size', '32MiB'),
        4,
        /^basalt: --size 32MiB \(33554432 bytes\): .* 16MiB \(16777216 bytes\)/,
      )
      await refusal(target('--logical-block', '4096'), 4, /^basalt: --logical-block 4096: .* with 512/)
    })
  })

  it('repairs one damaged copy of the superblock, refuses two, and an unknown version', async () => {
    await withBasalt(target('--size', '16MiB'), async (child) => {
      await child.ready()
      await child.stop()
      const [uuid] = readdirSync(`${data}/volumes`)
      const path = `${data}/volumes/${uuid}/super`
      const intact = readFileSync(path)
      const write = (change: (bytes: Buffer) => void): void => {
        const bytes = Buffer.from(intact)
        change(bytes)
        writeFileSync(path, bytes)
      }
      const slotBytes = intact.byteLength / 2

      write((bytes) => bytes.fill(0xff, 0, slotBytes))
      await withBasalt(target(), async (repaired) => {
        await repaired.ready()
        expect((await repaired.stop()).code).toBe(0)

        write((bytes) => bytes.fill(0xff))
        await refusal(target(), 6, new RegExp(`^basalt: ${path}: both copies of the superblock are damaged`))
        await refusal(target('--size', '16MiB'), 6, path)

        write((bytes) => {
          for (const slot of [bytes.subarray(0, slotBytes), bytes.subarray(slotBytes)]) raiseVersion(slot)
        })
        await refusal(
          target(),
          6,
          new RegExp(`^basalt: ${path} has a superblock version that this program does not know`),
        )
      })
    })
  })

  it('names the entries that a damaged log has lost, and goes on without them only when told to', async () => {
    await withBasalt(target('--size', '16MiB'), async (child) => {
      const { disk } = await login(await child.ready())
      for (let i = 1; i <= 3; i++) await disk.write(i * 8, 8, patternAt(i, 4096), { fua: true })
      await child.kill()
    })
    const [uuid] = readdirSync(`${data}/volumes`)
    const path = `${data}/volumes/${uuid}/log`
    const log = readFileSync(path)
    const at = log.indexOf(patternAt(2, 4096))
    log[at + 100] = (log[at + 100] ?? 0) ^ 1
    writeFileSync(path, log)
    await refusal(target(), 6, new RegExp(`^basalt: ${path}: entries 3 to \\d+ .* damaged; `))
    const { stderr } = await run(target())
    const range = /--accept-log-loss (3\.\.\d+)$/m.exec(stderr)?.[1] ?? ''
    await refusal(target('--accept-log-loss', '3..9'), 6, `--accept-log-loss ${range}`)
    await withBasalt(target('--accept-log-loss', range), async (child) => {
      const { disk, session } = await login(await child.ready())
      const content = new Uint8Array(4096)
      await disk.read(8, 8, content)
      expect(Buffer.from(content).equals(patternAt(1, 4096))).toBe(true)
      await session.logout()
      expect((await child.stop()).code).toBe(0)
    })
  })

  it('asks for --log-dir when the log is not with the volume', async () => {
    const logDir = ['--log-dir', `${directory.path}/logs`]
    await withBasalt(target('--size', '16MiB', ...logDir), async (child) => {
      await child.ready()
      await child.stop()
    })
    await refusal(target(), 3, /\/log.*; was it made with --log-dir\?$/)
    await withBasalt(target(...logDir), async (child) => {
      await child.ready()
      expect((await child.stop()).code).toBe(0)
    })
  })
})

/** Gives a superblock slot a version from the future, with a checksum that is right (docs/formats, envelope). */
function raiseVersion(slot: Buffer): void {
  slot.writeUInt16LE(99, 4)
  const body = slot.subarray(32, 32 + slot.readUInt32LE(16))
  slot.writeUInt32LE(crc32c(body, crc32c(slot.subarray(0, 28))), 28)
}
