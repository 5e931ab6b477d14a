import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const REPOSITORY = join(import.meta.dirname, '../..')
/** Writes the URL of each module to a file, which takes it whether or not somebody reads meanwhile. */
const spyOf = (file: string): string =>
  `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  import { openSync, writeSync } from 'node:fs'
  const file = openSync(${JSON.stringify(file)}, 'w')
  registerHooks({ load(url, context, next) { writeSync(file, url + '\\n'); return next(url, context) } })
`)}`

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csi-start-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Paths in the repository of what a driver has loaded when it serves. */
async function loadedBy(...flags: readonly string[]): Promise<readonly string[]> {
  const file = join(folder, 'loaded')
  const child = spawn(
    process.execPath,
    [
      ...['--import', spyOf(file), join(REPOSITORY, 'src/bin/basalt.ts'), 'csi', '--node-id', 'node-a'],
      ...['--endpoint', `unix://${join(folder, 'csi.sock')}`, '--state-dir', join(folder, 'state'), ...flags],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const closed = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  try {
    const [ready] = await Promise.race([once(lines, 'line'), closed.then(() => ['"it ended"'])])
    expect(JSON.parse(ready)).toMatchObject({ ready: true, node: 'node-a' })
  } finally {
    child.kill('SIGKILL')
    await closed
  }
  const urls = readFileSync(file, 'utf8').split('\n')
  return urls.filter((url) => url.startsWith('file:')).map((url) => url.split(`${REPOSITORY}/`)[1] ?? url)
}

const of = (loaded: readonly string[], folders: readonly string[]): readonly string[] =>
  loaded.filter((path) => folders.some((name) => path.startsWith(`${name}/`)))

describe('what a driver loads', () => {
  // a driver that was killed is what pods wait for: everything that it loads makes them wait longer
  const OF_OTHERS = [
    ...['node_modules/typebox', 'node_modules/fastify', 'node_modules/prom-client', 'node_modules/yaml'],
    ...[
      'src/client',
      'src/cli/commands',
      'src/csi/controller',
      'src/csi/host/fake',
      'src/master',
      'src/server',
    ],
  ]

  it('at a node is what a node needs', async () => {
    const loaded = await loadedBy('--mode', 'node')
    expect(of(loaded, ['src/csi/node', 'src/csi/host/real'])).not.toEqual([])
    expect(of(loaded, OF_OTHERS)).toEqual([])
  })

  it('is more when it is asked for more', async () => {
    const loaded = await loadedBy('--mode', 'node', '--http', '127.0.0.1:0')
    expect(of(loaded, ['node_modules/fastify', 'node_modules/prom-client'])).not.toEqual([])
    expect(of(loaded, ['src/client', 'src/csi/controller', 'src/master'])).toEqual([])
  })
})
