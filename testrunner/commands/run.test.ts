import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { scenario } from '../engine/test-support.ts'
import type { RunnerPorts, RunOptions } from './options.ts'
import { runAll } from './run.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'basalt-run-'))
})
afterEach(() => rm(directory, { recursive: true }))

const optionsOf = (more: Partial<RunOptions> = {}): RunOptions => ({
  ...{ paths: ['s'], backend: 'local', nodes: undefined, variables: {}, variant: undefined, tier: undefined },
  ...{ isCi: false, isJson: false, junit: undefined, html: undefined, baseline: undefined },
  ...{ output: directory, isKept: false, ...more },
})

/** A run of three scenarios for which the place lacks root; the user stops it after `stopAfter` of them. */
async function run(options: RunOptions, stopAfter = Number.POSITIVE_INFINITY) {
  const told: string[] = []
  const complained: string[] = []
  let interrupt = (): void => undefined
  const ports = {
    ...{ clock: new ManualClock(), random: { integer: () => 7 }, version: '0.1.0' },
    stdout: { write: (text: string) => told.push(text) },
    stderr: { write: (text: string) => complained.push(text) },
    onInterrupt: (listener: () => void) => {
      interrupt = listener
      return () => undefined
    },
  } as unknown as RunnerPorts
  const missing = async () => ['root'] as const
  const backend = { name: 'local', missing, open: () => Promise.reject(new Error('not here')) } as const
  const scenarios = ['a', 'b', 'c'].map((name) => scenario([], { name }))
  const results: string[] = []
  await runAll(
    { scenarios, backend },
    options,
    ports,
    () => null,
    ({ name }) => {
      results.push(name)
      if (results.length === stopAfter) interrupt()
    },
  )
  return { told: told.join(''), complained: complained.join(''), results }
}

it('counts scenarios that a stopped run did not begin', async () => {
  const { told, results } = await run(optionsOf(), 1)
  expect(results).toEqual(['a'])
  expect(told).toMatch(/\nskipped c in .*: stopped before it began\n.*\n0 passed, 0 failed, 3 skipped\n$/)
  const bundle = /report: (.*)\/report\.html/.exec(told)?.[1] ?? ''
  const result = JSON.parse(await readFile(join(bundle, 'result.json'), 'utf8'))
  expect(result.scenarios).toMatchObject([
    { name: 'a', reason: expect.stringMatching(/lacks root/) },
    { name: 'b', outcome: 'skipped', reason: 'stopped before it began', isUnfinished: false },
    { name: 'c', outcome: 'skipped', proves: 'It works.' },
  ])
})

it('ends its JSON with where the bundle is, and counts', async () => {
  const { told, complained } = await run(optionsOf({ isJson: true }))
  const lines = told.trimEnd().split('\n')
  const last = JSON.parse(lines.at(-1) ?? '')
  expect(last).toEqual({
    ...{ type: 'run-ended', passed: 0, failed: 0, skipped: 3, kept: null },
    bundle: expect.stringContaining(directory),
  })
  const events = await readFile(join(last.bundle, 'events.jsonl'), 'utf8')
  expect(events.trimEnd().split('\n')).toEqual(lines.slice(0, -1))
  expect(complained).toBe('0 passed, 0 failed, 3 skipped\n')
})

it('says where the data and logs of machines stay', async () => {
  const { told } = await run(optionsOf({ isKept: true }))
  const [, kept = '', bundle = ''] = /\nkept: (.*)\nreport: (.*)\/report\.html\n/.exec(told) ?? []
  expect(kept).toBe(join(bundle, 'machines'))
  expect(await readdir(kept)).toEqual(['1', '2', '3'])
  const output = join(directory, 'other')
  await mkdir(output)
  const json = await run(optionsOf({ isKept: true, isJson: true, output }))
  expect(JSON.parse(json.told.trimEnd().split('\n').at(-1) ?? '').kept).toMatch(/\/machines$/)
})
