import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { manifests } from './src/manifests.ts'
import { PORTS, USER_ID } from './src/names.ts'
import { defaultOptions } from './src/options.ts'

const ROOT = new URL('..', import.meta.url).pathname
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '')
const UNITS = globSync('deploy/systemd/*.service', { cwd: ROOT })

interface Copy {
  readonly sources: readonly string[]
  readonly to: string
}
/** What instructions copy from the repository. */
const copiesOf = (dockerfile: string): Copy[] =>
  [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].map(([, words = '']) => {
    const paths = words.split(' ')
    return { sources: paths.slice(0, -1), to: paths.at(-1) ?? '' }
  })

/** Paths from a line of an ignore file are kept by `!path`; everything else goes. */
const KEPT = readFileSync(join(ROOT, 'deploy/docker/Dockerfile.dockerignore'), 'utf8')
  .split('\n')
  .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))

const has = (command: string, ...args: string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function inTemporary<T>(use: (directory: string) => Promise<T> | T): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'basalt-image-'))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** The first line that `child` prints. */
async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('it printed nothing')
}

/** What the manifests tell a half of the driver. */
function driverArgs(name: string): readonly string[] {
  const objects = manifests(defaultOptions('0.0.0')).flatMap((file) => [...file.objects])
  const found = objects.find(
    ({ kind, metadata }) => metadata?.name === name && /^(Deployment|DaemonSet)$/.test(kind),
  )
  const { spec } = found as unknown as {
    spec: { template: { spec: { containers: { name: string; args: string[] }[] } } }
  }
  return spec.template.spec.containers.find((container) => container.name === 'driver')?.args ?? []
}

describe('the Dockerfile', () => {
  it('copies what there is, and what the ignore file lets through', () => {
    const sources = copiesOf(DOCKERFILE).flatMap((copy) => copy.sources)
    expect(sources).toContain('src')
    for (const source of sources) {
      const path = source.replace(/\/$/, '')
      expect(existsSync(join(ROOT, path)), path).toBe(true)
      expect(KEPT).toContain(path)
    }
    expect(KEPT.filter((path) => !sources.some((source) => source.replace(/\/$/, '') === path))).toEqual([])
  })

  it('has the user of the manifests, and ports of the product', () => {
    expect([...DOCKERFILE.matchAll(/--[gu]id (\d+)/g)].map(([, id]) => Number(id))).toEqual([
      USER_ID,
      USER_ID,
      USER_ID,
    ])
    expect(DOCKERFILE).toContain(`USER ${USER_ID}:${USER_ID}`)
    const exposed = /^EXPOSE (.+)$/m.exec(DOCKERFILE)?.[1]?.split(' ').map(Number)
    expect(exposed?.sort()).toEqual(Object.values(PORTS).sort())
  })

  it('makes an image in which master and driver start', { timeout: 120_000 }, async () => {
    await inTemporary(async (directory) => {
      const image = join(directory, 'opt')
      mkdirSync(image)
      for (const { sources, to } of copiesOf(DOCKERFILE)) {
        if (!to.startsWith('.')) continue
        for (const source of sources) {
          const target = to === './' ? join(image, source) : join(image, to)
          cpSync(join(ROOT, source), target, {
            recursive: true,
            filter: (path) => !path.endsWith('.test.ts'),
          })
        }
      }
      symlinkSync(join(ROOT, 'node_modules'), join(image, 'node_modules'))
      const basalt = join(image, 'basalt')
      const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string })
        .version
      expect(execFileSync(basalt, ['--version'], { encoding: 'utf8' })).toContain(version)
      const folder = join(directory, 'c')
      execFileSync(basalt, ['cluster', 'init', '--dir', folder, '--master', '127.0.0.1', '--server', 's1'])
      // the API by the certificate of the node, as in the manifests
      const keys = ['cert', 'key'].flatMap((kind) => [
        `--http-tls-${kind}`,
        join(folder, `master/node.${kind === 'cert' ? 'crt' : 'key'}`),
      ])
      const flags = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', '--log-level', 'error', ...keys]
      const master = spawn(basalt, ['master', '--config', join(folder, 'master/master.yaml'), ...flags], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const ready = JSON.parse(await firstLine(master)) as { ready: boolean; http: string }
        expect(ready.ready).toBe(true)
        // how the token of the CSI controller is made: the admin's comes by stdin and stands in no command
        const at = ['--master', `https://${ready.http}`, '--ca', join(folder, 'master/ca.crt')]
        const words = [
          'cluster',
          'token',
          'create',
          'csi',
          '--role',
          'operator',
          '--token-file',
          '/dev/stdin',
        ]
        const piped = ['-c', 'cat "$0" | "$@"', join(folder, 'admin.token'), basalt, ...words, ...at]
        const token = execFileSync('sh', piped, { encoding: 'utf8', stdio: 'pipe' })
        expect(token).toMatch(/^basalt_\S+\n$/)

        // both halves of the driver, told what they are told in the manifests, but for addresses and places
        writeFileSync(join(folder, 'token'), token, { mode: 0o600 })
        cpSync(join(folder, 'master/ca.crt'), join(folder, 'ca.crt'))
        const places: readonly (readonly [RegExp, string])[] = [
          [/^--master=.*/, `--master=https://${ready.http}`],
          [/^--http=.*/, '--http=127.0.0.1:0'],
          [/\/etc\/basalt/, folder],
          [/\/csi\/csi\.sock/, join(directory, 'csi.sock')],
          [/\/var\/lib\/basalt-csi/, join(directory, 'state')],
          [/\$\(NODE_NAME\)/, 'node-a'],
        ]
        for (const name of ['basalt-csi-controller', 'basalt-csi-node']) {
          const args = driverArgs(name).map((arg) =>
            places.reduce((text, [from, to]) => text.replace(from, to), arg),
          )
          const driver = spawn(basalt, args, { stdio: ['ignore', 'pipe', 'ignore'] })
          try {
            const line = JSON.parse(await firstLine(driver)) as { driver: string; http: string | null }
            expect(line.driver).toBe('csi.basalt.io')
            for (const path of line.http === null ? [] : ['/healthz', '/metrics']) {
              expect((await fetch(`http://${line.http}${path}`)).status, path).toBe(200)
            }
            driver.kill('SIGTERM')
            expect(await once(driver, 'exit'), name).toEqual([0, null])
          } finally {
            driver.kill('SIGKILL')
          }
        }
        master.kill('SIGTERM')
        expect(await once(master, 'exit')).toEqual([0, null])
      } finally {
        master.kill('SIGKILL')
      }
    })
  })

  const packages = [...DOCKERFILE.matchAll(/apt-get install -y --no-install-recommends (.+?) && /g)].flatMap(
    ([, names = '']) => names.trim().split(/\s+/),
  )
  it('names packages', () => {
    expect(packages).toEqual(
      expect.arrayContaining([
        'libatomic1',
        'open-iscsi',
        'nvme-cli',
        'e2fsprogs',
        'xfsprogs',
        'multipath-tools',
      ]),
    )
  })
  it.skipIf(!has('apt-cache', 'show', 'libatomic1'))('names packages that Debian has', () => {
    for (const name of packages) expect(has('apt-cache', 'show', name), name).toBe(true)
  })
})

describe('tools of the host', () => {
  const script = join(ROOT, 'deploy/docker/host-tools/on-host')
  const run = (
    tool: string,
    root: string,
    ...args: string[]
  ): Promise<{ code: number; out: string; err: string }> =>
    inTemporary((directory) => {
      symlinkSync(script, join(directory, tool))
      const env = { ...process.env, BASALT_HOST_ROOT: root, SECRET: 'x' }
      try {
        const out = execFileSync(join(directory, tool), args, { encoding: 'utf8', env, stdio: 'pipe' })
        return { code: 0, out, err: '' }
      } catch (error) {
        const { status, stderr } = error as { status: number; stderr: string }
        return { code: status, out: '', err: stderr }
      }
    })

  it.skipIf(process.getuid?.() !== 0)(
    "are the machine's where it has them, with nothing of our environment",
    async () => {
      expect(await run('printf', '/', '%s|', 'a b', '$(id)')).toMatchObject({ code: 0, out: 'a b|$(id)|' })
      const { out } = await run('printenv', '/')
      expect(
        out
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => line.split('=')[0])
          .sort(),
      ).toEqual(['LC_ALL', 'PATH'])
      expect(await run('false', '/')).toMatchObject({ code: 1 })
    },
  )

  it("are the image's where the machine has none, and a sentence where neither has one", async () => {
    expect(await run('printf', '/nonexistent', '%s', 'a')).toMatchObject({ code: 0, out: 'a' })
    expect(await run('no-such-tool', '/nonexistent')).toMatchObject({
      code: 127,
      err: expect.stringContaining('no-such-tool'),
    })
  })

  it('are named after the tools', () => {
    expect(globSync('*', { cwd: join(ROOT, 'deploy/docker/host-tools') }).sort()).toEqual([
      'iscsiadm',
      'modprobe',
      'multipath',
      'multipathd',
      'on-host',
    ])
  })
})

describe('the units', () => {
  it('are those of the daemons, and start what there is', () => {
    expect(UNITS).toHaveLength(4)
    for (const unit of UNITS) {
      const text = readFileSync(join(ROOT, unit), 'utf8')
      expect(text, unit).toMatch(/^ExecStart=\/opt\/basalt\/basalt (master|server|target|csi) /m)
      expect(text, unit).toMatch(/^Type=exec$/m)
    }
  })

  it.skipIf(!has('systemd-analyze', '--version'))('are understood by systemd', async () => {
    await inTemporary((directory) => {
      for (const unit of UNITS) {
        const name = unit.replace(/^.*\//, '').replace('@.', '@vol1.')
        // the program has to be there
        const text = readFileSync(join(ROOT, unit), 'utf8').replaceAll(
          '/opt/basalt/basalt',
          join(ROOT, 'basalt'),
        )
        const path = join(directory, name)
        writeFileSync(path, text)
        const said = execFileSync('systemd-analyze', ['verify', '--man=no', path], {
          encoding: 'utf8',
          stdio: 'pipe',
        })
        expect(said, unit).toBe('')
      }
    })
  })

  it.skipIf(!has('systemd-analyze', '--version'))('would be refused by systemd with a mistake', async () => {
    await inTemporary((directory) => {
      const path = join(directory, 'broken.service')
      writeFileSync(path, '[Service]\nExecStart=/nonexistent/basalt\n')
      expect(has('systemd-analyze', 'verify', '--man=no', path)).toBe(false)
    })
  })
})
