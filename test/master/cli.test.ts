/** The CLI against the master's real HTTP API: what one sends the other takes, and what it answers is understood. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { COMMANDS } from '../../src/cli/commands/all.ts'
import { type Run, type RunOptions, run as runCli } from '../../src/cli/test-support/run-cli.ts'
import { eventRecord, jobRecord, type TestMaster, testMaster } from './scripted-master.ts'

let test: TestMaster
let url: string
let directory: string
beforeEach(async () => {
  test = await testMaster()
  url = await test.app.listen({ host: '127.0.0.1', port: 0 })
  test.master.job = (id) => {
    test.master.volumeNames = ['new', 'vol1']
    return jobRecord({ id, state: 'succeeded' })
  }
  test.master.record(eventRecord(1))
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
  writeFileSync(join(directory, 'secret'), 'abcdefghijkl\n')
})
afterEach(async () => {
  rmSync(directory, { recursive: true })
  await test.app.close()
})

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...args.replace('DIR', directory).split(' '), '--master', url], options)

/** A use of every command; those of tokens have their own test, for the first one locks everybody else out. */
const USES = [
  'volume create new --size 1GiB --preset database --replicas 2 --durability sync_all --min-in-sync 1 --logical-block 4096 --log-size 64MiB --disk-type ssd --zone a --zone b --zone-spread required --rack-spread preferred --iops 5 --iops-burst 6 --bandwidth 1MiB --bandwidth-burst none',
  'volume create new --size 1GiB --durability best_effort --max-lag-entries 9 --max-lag 5s --no-wait',
  'volume create vol1 --size 1GiB',
  'volume list -o wide --server host-a --health degraded --limit 3',
  'volume get vol1',
  'volume delete vol1 --yes',
  'volume expand vol1 2GiB',
  'volume plan new --size 1GiB',
  'volume resolve new --size 1GiB',
  'volume preflight vol1',
  'volume attach-info vol1',
  'volume promote vol1 --dry-run',
  'volume promote vol1 --to host-a --force --yes --reason test',
  'volume move vol1 --to host-b',
  'volume move vol1 --from host-a --no-wait',
  'volume access vol1',
  'volume access vol1 --initiator iqn.2026-11.org.example:h --chap-user u --chap-secret-file DIR/secret --no-dhchap',
  'volume access vol1 --any-initiator --no-chap --no-dhchap',
  'volume qos vol1',
  'volume qos vol1 --iops 7 --bandwidth none',
  'server list -o wide',
  'server get host-a',
  'server cordon host-a',
  'server uncordon host-a',
  'server drain host-a',
  'server remove host-a --yes --force',
  'cluster status',
  'cluster events --volume vol1 --limit 2',
  'cluster events --server host-a --after 0',
  'cluster rebalance --dry-run',
  'cluster rebalance',
  'cluster recover --yes --force',
  'job list --state running',
  'job get job-1',
  'job watch job-1',
  'job cancel job-1',
]

describe('every command', () => {
  it('is used here', () => {
    const missing = COMMANDS.filter(({ service, words }) => service === 'master' && words[1] !== 'token')
      .map(({ words }) => words.join(' '))
      .filter((words) => !USES.some((use) => `${use} `.startsWith(`${words} `)))
    expect(missing).toEqual([])
  })

  it.each(USES)('%s', async (use) => {
    // What the master drops of a request or an answer would show as a failure of one of both.
    for (const json of ['', ' --json']) {
      const { code, out, err } = await run(use + json)
      expect({ code, err: /^basalt: /.test(err) ? err : '' }).toEqual({ code: 0, err: '' })
      expect(out).not.toMatch(/undefined|NaN|\[object/)
      if (json !== '' && !use.startsWith('job watch')) expect(JSON.parse(out)).toBeTypeOf('object')
    }
  })
})

it('makes, lists and revokes tokens, and is refused without one from then on', async () => {
  const made = JSON.parse((await run('cluster token create root --role admin --json')).out) as {
    id: string
    token: string
  }
  expect(await run('volume list')).toMatchObject({ code: 6, err: expect.stringMatching(/--token-file\n$/) })
  const environment = { BASALT_TOKEN: made.token }
  const viewer = (
    await run('cluster token create eve --role viewer --expires 1h', { environment })
  ).out.trim()
  expect((await run('cluster token list', { environment })).out).toMatch(/eve +viewer/)
  expect((await run('volume list', { environment: { BASALT_TOKEN: viewer } })).code).toBe(0)
  const refused = await run('volume delete vol1 --yes', { environment: { BASALT_TOKEN: viewer } })
  expect(refused).toMatchObject({ code: 6, err: expect.stringMatching(/a token of a role that may/) })
  expect((await run('cluster token revoke eve', { environment })).code).toBe(0)
  expect((await run('volume list', { environment: { BASALT_TOKEN: viewer } })).code).toBe(6)
})

it('tells a refusal as unsafe from a conflict', async () => {
  test.master.failure = new BlockError('CONFLICT', 'LSN 7 to 9 may be lost', { facts: { unsafe: true } })
  expect(await run('volume promote vol1')).toMatchObject({
    code: 6,
    err: expect.stringMatching(
      /^rejected +host-c: it is not connected(?:.|\n)*\nbasalt: LSN 7 to 9 may be lost\n$/m,
    ),
  })
  test.master.failure = new BlockError('CONFLICT', 'it is there with another size')
  expect((await run('volume create vol1 --size 1GiB')).code).toBe(4)
})

it('lists 1,000 volumes in pages', async () => {
  test.master.volumeNames = Array.from({ length: 1000 }, (_, i) => `vol-${String(i).padStart(4, '0')}`)
  const { out } = await run('volume list --json')
  expect((JSON.parse(out) as { name: string }[]).map(({ name }) => name)).toEqual(test.master.volumeNames)
})

it('follows events as they are recorded', async () => {
  let recorded = 1
  const { code, out } = await run('cluster events --follow --json', {
    onOutput: (text, interrupt) => {
      if (text.includes('"number":4,')) interrupt()
      else if (recorded < 4) setImmediate(() => test.master.record(eventRecord(++recorded)))
    },
  })
  expect(code).toBe(0)
  const numbers = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { number: number }).number)
  expect(numbers).toEqual([1, 2, 3, 4])
})
