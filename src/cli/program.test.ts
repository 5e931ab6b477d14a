import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BlockError } from '../base/errors.ts'
import { type DaemonCommand, type FlagValues, runCli } from './program.ts'

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(
  args: readonly string[],
  more: { daemon?: DaemonCommand; environment?: Record<string, string> } = {},
): Promise<Run> {
  let out = ''
  let err = ''
  const code = await runCli(args, {
    version: '1.2.3',
    daemons: more.daemon === undefined ? [] : [more.daemon],
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    environment: more.environment ?? {},
  })
  return { code, out, err }
}

function daemon(body: (flags: FlagValues) => number): DaemonCommand {
  return {
    name: 'target',
    description: 'serve',
    flags: [
      { name: 'data', placeholder: 'DIR', help: 'where', variable: 'BASALT_DATA' },
      { name: 'log-level', placeholder: 'LEVEL', help: 'how much', default: 'info' },
      { name: 'read-only', placeholder: undefined, help: 'no writes' },
    ],
    run: async (flags) => body(flags),
  }
}

describe('the program', () => {
  it('prints help and version', async () => {
    const help = await run(['--help'], { daemon: daemon(() => 0) })
    expect(help).toMatchObject({ code: 0, err: '' })
    expect(help.out).toMatch(/Usage: basalt/)
    const ofTarget = await run(['target', '--help'], { daemon: daemon(() => 0) })
    expect(ofTarget.out).toMatch(/--data <DIR> +where \(env: BASALT_DATA\)/)
    expect(ofTarget.out).toMatch(/--log-level <LEVEL> +how much \(default: info\)/)
    expect(ofTarget.out).not.toContain('--no-read-only')
    expect((await run(['version'])).out).toMatch(/^basalt 1\.2\.3 \(Node\.js v\d+/)
    expect((await run(['--version'])).out).toBe('1.2.3\n')
  })

  it.each([
    [['target', '--dat', 'x'], "basalt: unknown option '--dat' (Did you mean --data?)\n"],
    [['targte'], "basalt: unknown command 'targte' (Did you mean target?)\n"],
    [['target', '--data'], "basalt: option '--data <DIR>' argument missing\n"],
    [
      ['target', 'more'],
      "basalt: unknown command 'target more'; there are snapshot, backup, list, show, space, checkpoint, scrub, export, import, and without any of them it serves\n",
    ],
  ])('answers the usage error %j with one sentence and exit code 2', async (args, sentence) => {
    expect(await run(args, { daemon: daemon(() => 0) })).toEqual({ code: 2, out: '', err: sentence })
  })

  it('gives a daemon exactly the flags that were given', async () => {
    let seen: FlagValues = {}
    const target = daemon((flags) => {
      seen = flags
      return 5
    })
    expect((await run(['target', '--data', '/d', '--no-read-only'], { daemon: target })).code).toBe(5)
    expect(seen).toEqual({ data: '/d', 'log-level': undefined, 'read-only': false })
    await run(['target', '--read-only'], { daemon: target })
    expect(seen['read-only']).toBe(true)
    await run(['target'], { daemon: target })
    expect(seen['read-only']).toBeUndefined()
  })

  it('takes a command under the name of a daemon for what it is, with flags of its own', async () => {
    let runs = 0
    const target = daemon(() => ++runs)
    const stray = await run(['target', '--data', '/d', 'list'], { daemon: target })
    expect(stray).toMatchObject({
      code: 2,
      err: "basalt: --data stands before the command; write 'basalt target list --data ...'\n",
    })
    const asked = await run(['target', 'list', '--admin', '127.0.0.1:1'], { daemon: target })
    expect(asked).toMatchObject({ code: 5, err: expect.stringContaining('http://127.0.0.1:1') })
    expect(runs).toBe(0)
    const { out } = await run(['target', '--help'], { daemon: target })
    expect(out).toMatch(
      /serve\nWith a command, ask a target that runs\..*Commands, which serve nothing:.*\n +list/s,
    )
  })

  it('has daemons of two words under the noun of the first', async () => {
    const init = { ...daemon(() => 3), name: 'cluster init' }
    expect((await run(['cluster', 'init', '--data', '/d'], { daemon: init })).code).toBe(3)
    expect((await run(['cluster', '--help'], { daemon: init })).out).toMatch(/^ +init .*^ +status /ms)
  })

  it('shows an error as one sentence, with its stack only at log level debug', async () => {
    const target = daemon(() => {
      throw new BlockError('IN_USE', '/d is in use by process 7')
    })
    const plain = await run(['target'], { daemon: target })
    expect(plain).toEqual({ code: 4, out: '', err: 'basalt: /d is in use by process 7\n' })
    expect((await run(['target', '--log-level', 'debug'], { daemon: target })).err).toMatch(/\n +at /)
    expect(
      (await run(['target'], { daemon: target, environment: { BASALT_LOG_LEVEL: 'debug' } })).err,
    ).toMatch(/\n +at /)
  })
})

describe('commands that ask a target', () => {
  const volume = {
    name: 'vol1',
    uuid: '0e6d3b9a-5f3c-4d2e-8a44-2f6f0a6a9c11',
    state: 'serving',
    health: 'degraded',
    reasons: ['2 blocks fail their checksum'],
    sizeBytes: 1 << 30,
    logicalBlockBytes: 512,
    readOnly: false,
    reopens: 1,
    epoch: { number: 3, id: '00000000000000ff' },
    lsn: { appended: 9, committed: 9, durable: 8, checkpoint: 7 },
    log: { sizeBytes: 1000, usedBytes: 250 },
    dirtyBlocks: 4,
    pressure: 'normal',
    space: {
      extentsBytes: 1024,
      mapBytes: 512,
      logBytes: 512,
      versionsBytes: 0,
      otherBytes: 0,
      totalBytes: 2048,
      freeBytes: 1 << 20,
    },
    nvme: { nqn: 'nqn.2026-11.io.basalt:vol1', portals: [{ address: '127.0.0.1:4420' }], sessions: [] },
    iscsi: {
      iqn: 'iqn.2026-11.io.basalt:vol1',
      portals: [
        { address: '127.0.0.1:3260', portalGroupTag: 1 },
        { address: '127.0.0.1:3261', portalGroupTag: 2 },
      ],
      sessions: [{ initiator: 'iqn.a', address: '10.0.0.1:5' }],
    },
    extra: 'kept for --json',
  }
  const scrub = { running: false, passes: 1, verifiedBytes: 4096, errors: 0, badBlocks: [] }
  const seen: string[] = []
  let answers: Record<string, [status: number, body: unknown]> = {}
  let server: Server
  let admin: string
  const directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trim())
      const [status, body] = answers[`${request.method} ${request.url}`] ?? [404, { title: 'Not found' }]
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const address = server.address()
    admin = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    answers = {
      'GET /block/volumes': [200, { volumes: [volume] }],
      'GET /block/volumes/vol1': [200, volume],
      'GET /block/volumes/vol1/space': [200, volume.space],
      'POST /block/volumes/vol1/checkpoint': [200, { checkpointLsn: 9 }],
      'POST /block/volumes/vol1/scrub': [202, scrub],
      'GET /block/volumes/busy': [
        503,
        { title: 'Unavailable', detail: 'the volume is not open', code: 'CLOSED' },
      ],
      'GET /block/volumes/odd': [200, { ...volume, name: 7 }],
      'GET /block/volumes/html': [502, '<html>'],
    }
  })
  afterAll(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })

  it('lists volumes as a table', async () => {
    const { code, out } = await run(['target', 'list', '--admin', admin])
    expect(code).toBe(0)
    expect(out).toBe(
      'NAME  SIZE  USED  STATE    HEALTH    SESSIONS  IQN\n' +
        'vol1  1GiB  2KiB  serving  degraded         1  iqn.2026-11.io.basalt:vol1\n',
    )
  })

  it('shows one volume, by name or as the only one, and all of it as JSON', async () => {
    const { out } = await run(['target', 'show', '--admin', `http://${admin}`])
    expect(out).toMatch(/^health +degraded\n +2 blocks fail their checksum$/m)
    expect(out).toMatch(/^log +250B of 1000B \(25%\), pressure normal$/m)
    const json = await run(['target', 'show', 'vol1', '--json'], { environment: { BASALT_ADMIN: admin } })
    expect(JSON.parse(json.out)).toEqual(volume)
  })

  it('shows space, checkpoints and scrubs', async () => {
    expect((await run(['target', 'space', '--admin', admin])).out).toMatch(/^total +2KiB \(2048 bytes\)$/m)
    expect((await run(['target', 'checkpoint', '--admin', admin])).out).toBe('checkpoint at LSN 9\n')
    expect((await run(['target', 'scrub', '--wait', '--admin', admin])).out).toMatch(/^passes +1$/m)
    answers['POST /block/volumes/vol1/scrub'] = [202, { ...scrub, errors: 2, badBlocks: [5, 6] }]
    const bad = await run(['target', 'scrub', '--wait', '--admin', admin])
    expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('the scrub found 2 bad blocks') })
  })

  it.each([
    ['none', 3, 'basalt: Not found\n'],
    ['busy', 5, 'basalt: the volume is not open\n'],
    ['html', 5, /answered HTTP 502/],
    ['odd', 1, /does not understand \(\/name must be string\); is it a basalt API/],
    ['../x', 2, /^basalt: NAME: '\.\.\/x' is not a volume name/],
  ])('turns the failure for %s into exit code %i and a sentence', async (name, code, sentence) => {
    const result = await run(['target', 'show', name, '--admin', admin])
    expect(result.code).toBe(code)
    expect(result.err).toMatch(sentence)
  })

  it('says what to do when nobody answers', async () => {
    const { code, err } = await run(['target', 'list', '--admin', '127.0.0.1:1'])
    expect(code).toBe(5)
    expect(err).toMatch(/no answer from http:\/\/127.0.0.1:1; is basalt running there\?/)
    expect((await run(['target', 'list', '--admin', 'http://'])).code).toBe(2)
  })

  it('sends the token of --admin-token-file', async () => {
    const file = join(directory, 'token')
    writeFileSync(file, 'secret-token\n')
    await run(['target', 'list', '--admin', admin, '--admin-token-file', file])
    expect(seen.at(-1)).toBe('GET /block/volumes Bearer secret-token')
    const missing = await run(['target', 'list', '--admin', admin, '--admin-token-file', `${file}x`])
    expect(missing).toMatchObject({ code: 3, err: expect.stringContaining(`cannot read ${file}x`) })
  })
})
