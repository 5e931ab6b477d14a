/** The CLI against the master's real HTTP API: what one sends the other takes, and what it answers is understood. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { COMMANDS } from '../../src/cli/commands/all.ts'
import { type Run, type RunOptions, run as runCli } from '../../src/cli/test-support/run-cli.ts'
import { USES, wordsOf } from './cli-uses.ts'
import { type TestMaster, testMaster } from './scripted-master.ts'
import { endedJob } from './scripted-snapshots.ts'
import { eventRecord } from './scripted-views.ts'

let test: TestMaster
let url: string
let directory: string
beforeEach(async () => {
  test = await testMaster()
  url = await test.app.listen({ host: '127.0.0.1', port: 0 })
  // what is asked for is done at the first look
  test.master.job = (id) => {
    test.master.volumeNames = ['copy', 'new', 'vol1']
    return endedJob({ ...test.master.begun, id })
  }
  test.master.record(eventRecord(1))
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
  const files = {
    secret: 'abcdefghijkl',
    secret2: 'abcdefghijklm',
    session: 'temporary',
    key: 'ab'.repeat(32),
    dhchap: dhchapSecret(1),
    dhchap2: dhchapSecret(2),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), `${text}\n`)
})
afterEach(async () => {
  rmSync(directory, { recursive: true })
  await test.app.close()
})

/** A key of bytes that all are `fill`, and its checksum. */
function dhchapSecret(fill: number): string {
  const bytes = Buffer.alloc(36, fill)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32)
  return `DHHC-1:00:${bytes.toString('base64')}:`
}

const run = (args: string, options: RunOptions = {}): Promise<Run> =>
  runCli([...wordsOf(args.replaceAll('DIR', directory)), '--master', url], options)

const COMMANDS_HERE = COMMANDS.filter(({ service, words }) => service === 'master' && words[1] !== 'token')
/** Lines of the command. */
const usesOf = (words: readonly string[]): string[] =>
  USES.map(({ line }) => line).filter((line) => `${line} `.startsWith(`${words.join(' ')} `))

describe('every command', () => {
  it('is used here', () => {
    const missing = COMMANDS_HERE.filter(({ words }) => usesOf(words).length === 0)
    expect(missing.map(({ words }) => words.join(' '))).toEqual([])
  })

  it('is used with every flag that it has', () => {
    const missing = COMMANDS_HERE.flatMap(({ words, flags = [] }) => {
      const used = usesOf(words).flatMap(wordsOf)
      return flags
        .map(({ name }) => `--${name}`)
        .filter((flag) => !used.includes(flag) && !(flag === '--output' && used.includes('-o')))
        .map((flag) => `${words.join(' ')} ${flag}`)
    })
    // it goes on until somebody ends it, and has a test of its own
    expect(missing).toEqual(['cluster events --follow'])
  })

  // What the master drops of a request or an answer would show as a failure of one of both.
  it.each(USES.map((use) => [use.line, use] as const))('%s', async (line, { asks, exitCode = 0 }) => {
    for (const json of ['', ' --json']) {
      test.master.calls.length = 0
      test.master.volumeNames = ['vol1']
      const { code, out, err } = await run(line + json)
      expect(code, err).toBe(exitCode)
      expect(/^basalt: /m.test(err), err).toBe(exitCode !== 0)
      expect(out).not.toMatch(/undefined|NaN|\[object/)
      if (json !== '' && !line.startsWith('job watch')) expect(JSON.parse(out)).toBeTypeOf('object')
      if (asks !== undefined) expect(withoutCallers(test.master.calls)).toContainEqual(asks)
    }
  })
})

/** Who asked is the second part of a call that changes something. */
const withoutCallers = (calls: readonly unknown[][]): unknown[][] =>
  calls.map((call) => call.filter((part, at) => at !== 1 || !isCaller(part)))
const isCaller = (part: unknown): boolean => typeof part === 'object' && part !== null && 'actor' in part

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
