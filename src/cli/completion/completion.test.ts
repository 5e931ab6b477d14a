import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DaemonCommand } from '../program.ts'
import {
  backup,
  job,
  MasterDouble,
  problem,
  repository,
  schedule,
  server,
  snapshot,
  volume,
} from '../test-support/master-double.ts'
import { run } from '../test-support/run-cli.ts'

let master: MasterDouble
beforeAll(async () => {
  master = await new MasterDouble().listen()
  const volumes = [
    volume({ snapshots_count: 2 }),
    volume({ name: 'db2', health_state: 'unsafe' }),
    volume({ name: 'web' }),
  ]
  master.answers = {
    'GET /block/volumes': [200, { volumes, next_cursor: null }],
    'GET /block/servers': [200, { servers: [server(0), server(1)], next_cursor: null }],
    'GET /block/volume/db1/snapshots': [200, { snapshots: [snapshot(), snapshot({ name: 'sunday' })] }],
    'GET /block/schedules': [200, { schedules: [schedule()] }],
    'GET /block/repositories': [200, { repositories: [repository()] }],
    'GET /block/repositories/offsite/backups': [200, { backups: [backup()], next_cursor: null }],
    'GET /block/repositories/other/backups': [200, { backups: [backup({ id: 'o-1' })], next_cursor: null }],
    'GET /block/jobs': [200, { jobs: [job()], next_cursor: null }],
  }
})
afterAll(() => master.close())

const daemons: readonly DaemonCommand[] = [
  {
    name: 'server',
    description: 'serve',
    flags: [{ name: 'data', placeholder: 'DIR', help: 'where' }],
    run: async () => 0,
  },
]

/** The candidates for the last word, without their descriptions. */
async function complete(...words: string[]): Promise<string[]> {
  const environment = { BASALT_MASTER: master.url }
  const { code, out, err } = await run(['__complete', '--', ...words], { environment, daemons })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '')
}

describe('completion', () => {
  it('knows commands, those of daemons too', async () => {
    expect(await complete('vo')).toEqual(['volume'])
    expect(await complete('server', '')).toEqual(['list', 'get', 'cordon', 'uncordon', 'drain', 'remove'])
    expect(await complete('cluster', 'token', 'r')).toEqual(['revoke'])
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish'])
  })

  it('knows flags and their values', async () => {
    expect(await complete('server', '--d')).toEqual(['--data'])
    expect(await complete('volume', 'create', 'x', '--zone-s')).toEqual(['--zone-spread'])
    expect(await complete('volume', 'create', 'x', '--preset', '')).toEqual([
      'database',
      'general',
      'throughput',
    ])
    expect(await complete('volume', 'list', '-o', '')).toEqual(['wide'])
    expect(await complete('volume', 'create', '--size', '')).toEqual([])
  })

  it('knows the names that the master knows', async () => {
    expect(await complete('volume', 'get', '')).toEqual(['db1', 'db2', 'web'])
    expect(await complete('volume', 'get', 'db')).toEqual(['db1', 'db2'])
    expect(await complete('volume', 'move', 'db1', '--to', '')).toEqual(['s1', 's2'])
    expect(await complete('job', 'watch', '--json', '')).toEqual(['job-1'])
    expect(await complete('volume', 'get', 'db1', '')).toEqual([])
    expect(await complete('volume', 'create', '')).toEqual([])
    expect(master.asked.every(({ path }) => !path.includes('limit=500') || path.includes('servers'))).toBe(
      true,
    )
  })

  it('knows snapshots after the @, schedules, repositories and what is in them', async () => {
    expect(await complete('snapshot', 'get', '')).toEqual(['db1@'])
    expect(await complete('snapshot', 'show', 'db1@s')).toEqual(['db1@sunday'])
    expect(await complete('volume', 'clone', 'db1@')).toEqual(['db1@monday', 'db1@sunday'])
    expect(await complete('snapshot', 'get', 'nope@')).toEqual([])
    expect(await complete('snapshot', 'create', 'd')).toEqual(['db1@', 'db2@'])
    expect(await complete('snapshot', 'group', 'x', 'db1', 'web', 'd')).toEqual(['db1', 'db2'])
    expect(await complete('schedule', 'pause', '')).toEqual(['nightly'])
    expect(await complete('backup', 'list', '--repository', '')).toEqual(['offsite'])
    expect(await complete('backup', 'get', '')).toEqual(['b-1'])
    expect(await complete('backup', 'get', '--repository', 'other', '')).toEqual(['o-1'])
    expect(await complete('scrub', 'w')).toEqual(['web'])
  })

  it('finds the master by what stands on the line, and is silent when it does not answer', async () => {
    expect(await complete('volume', 'get', '--master', '127.0.0.1:1', '')).toEqual([])
    const kept = master.answers['GET /block/servers']
    master.answers['GET /block/servers'] = problem(401, 'ACCESS_DENIED', 'no')
    expect(await complete('server', 'get', '')).toEqual([])
    if (kept !== undefined) master.answers['GET /block/servers'] = kept
  })

  it('refuses a shell that it does not know', async () => {
    expect(await run(['completion', 'csh'])).toMatchObject({
      code: 2,
      err: "basalt: SHELL: 'csh' is not one of bash, zsh, fish\n",
    })
  })
})

describe('the scripts', () => {
  const directory = mkdtempSync(join(tmpdir(), 'basalt-completion-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0
  const scriptOf = async (shell: string): Promise<string> => (await run(['completion', shell])).out

  it.skipIf(!hasShell('bash'))('works in bash', async () => {
    // Stands for the program: says which words it was given.
    const program = join(directory, 'basalt')
    writeFileSync(program, '#!/bin/sh\nshift 2\nprintf "%s\\tabout it\\nwith space\\n" "$*"\n')
    chmodSync(program, 0o755)
    const shell = `${await scriptOf('bash')}
      COMP_WORDS=('${program}' volume get db) COMP_CWORD=3
      _basalt
      printf '%s\\n' "\${COMPREPLY[@]}"
      [[ $COMP_WORDBREAKS == *@* ]] || echo 'VOLUME@SNAPSHOT is one word'
      complete -p basalt`
    const out = execFileSync('bash', ['--norc', '-c', shell], { encoding: 'utf8' })
    expect(out.trim().split('\n')).toEqual([
      'volume get db',
      'with space',
      'VOLUME@SNAPSHOT is one word',
      'complete -o default -F _basalt basalt',
    ])
  })

  it.each(['bash', 'zsh', 'fish'])('are what %s can read', async (shell) => {
    const script = await scriptOf(shell)
    expect(script).toContain('__complete -- ')
    if (!hasShell(shell)) return
    const checked = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: '' })
  })
})
