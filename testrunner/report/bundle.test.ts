import { appendFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reportCommand } from '../commands/report.ts'
import { ArtifactNames, safePath } from './artifact-names.ts'
import { RunBundle } from './bundle.ts'
import { gitState, type RunFacts, sha256 } from './manifest.ts'
import { failedRun } from './test-support.ts'

const FACTS: RunFacts = {
  ...{
    productVersion: '0.1.0',
    git: null,
    node: 'v26',
    kernel: '6.1',
    backend: 'local',
    nodes: [],
    facts: {},
  },
}
const BEGAN_MS = Date.UTC(2026, 10, 22, 7, 43, 5)

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'basalt-bundle-'))
})
afterEach(() => rm(directory, { recursive: true }))

const open = (more: Partial<Parameters<typeof RunBundle.open>[0]> = {}) =>
  RunBundle.open({
    ...{ directory, runId: 'ab12', beganMs: BEGAN_MS, facts: FACTS, hasSeveral: false, ...more },
  })
const read = (bundle: RunBundle, path: string) => readFile(join(bundle.path, path), 'utf8')

describe('a bundle', () => {
  it('has manifest, scenario, events, results, page and artifacts', async () => {
    const bundle = await open()
    expect(bundle.path).toBe(join(directory, '20261122-074305-ab12'))
    const files = [
      { path: 'scenarios/ha/failover.yaml', text: 'proves: it' },
      { path: 'scenarios/_parts/volume.yaml', text: 'phases: []' },
    ]
    await bundle.addScenario('ha/failover', files)
    expect(await bundle.saveArtifact('ha/failover', 's1/server.log', 'lines', 'log of s1')).toEqual({
      ...{ path: 'artifacts/s1/server.log', about: 'log of s1' },
    })
    for (const event of failedRun()) bundle.sink(event)
    expect(bundle.totals).toEqual({ passed: 0, failed: 1, skipped: 0 })
    const junitPath = join(directory, 'junit.xml')
    await bundle.finish({ junitPath })
    expect((await readdir(bundle.path)).sort()).toEqual([
      ...['artifacts', 'events.jsonl', 'manifest.json', 'parts', 'report.html', 'result.json', 'result.xml'],
      'scenario.yaml',
    ])
    const manifest = JSON.parse(await read(bundle, 'manifest.json'))
    expect(manifest).toMatchObject({ version: 1, runId: 'ab12', began: '2026-11-22T07:43:05.000Z' })
    expect(manifest.files).toEqual([
      {
        ...{ scenario: 'ha/failover', copy: 'scenario.yaml', sha256: sha256('proves: it') },
        path: files[0]!.path,
      },
      {
        ...{ scenario: 'ha/failover', copy: 'parts/volume.yaml', sha256: sha256('phases: []') },
        path: files[1]!.path,
      },
    ])
    expect(await read(bundle, 'result.xml')).toContain('timestamp="2026-11-22T07:43:05.000Z"')
    expect(await readFile(junitPath, 'utf8')).toBe(await read(bundle, 'result.xml'))
    const lines = (await read(bundle, 'events.jsonl')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(failedRun())
  })

  it('has a folder for each of several scenarios', async () => {
    const bundle = await open({ hasSeveral: true })
    const file = { path: 'x.yaml', text: '' }
    await bundle.addScenario('ha/x', [file])
    await bundle.addScenario('ha-x', [file])
    expect(await bundle.saveArtifact('ha-x', 'a', '', '')).toMatchObject({ path: 'ha-x-2/artifacts/a' })
    expect((await readdir(bundle.path)).sort()).toEqual(['events.jsonl', 'ha-x', 'ha-x-2', 'manifest.json'])
    await bundle.finish()
  })

  it('is not opened where one is', async () => {
    const first = await open()
    await expect(open()).rejects.toThrow('EEXIST')
    await first.finish()
  })

  it('keeps the end of what is too long, and no more than all may have', async () => {
    const bundle = await open({ limits: { eachBytes: 4, allBytes: 6 } })
    const save = (content: string) => bundle.saveArtifact('x', 'log', content, 'log')
    expect(await save('123456')).toEqual({ path: 'artifacts/log', about: 'log (the last 4B of 6B)' })
    expect(await read(bundle, 'artifacts/log')).toBe('3456')
    expect(await save('abc')).toEqual({ path: 'artifacts/log-2', about: 'log (the last 2B of 3B)' })
    expect(await save('x')).toBeNull()
    await bundle.finish()
  })

  it('writes nothing outside of itself', async () => {
    const bundle = await open()
    for (const path of ['../../out', '/etc/out', '..', 'a/../../../out', '.ssh/out', 'x\0y', '']) {
      const kept = await bundle.saveArtifact('../../..', path, 'x', '')
      expect((await stat(join(bundle.path, kept!.path))).isFile()).toBe(true)
      expect(kept!.path).toMatch(/^artifacts\/(?:[A-Za-z0-9_@-][A-Za-z0-9._@-]*\/?)+$/)
    }
    expect(await readdir(directory)).toEqual(['20261122-074305-ab12'])
    await bundle.finish()
  })
})

describe('names of artifacts', () => {
  it('never meet, whatever they are called', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'A', 'a/b', 'a/b/c', 'a-2'))),
        (wanted) => {
          const names = new ArtifactNames()
          const claimed = wanted.map((one) => names.claim(one).toLowerCase())
          expect(new Set(claimed).size).toBe(claimed.length)
          for (const one of claimed) expect(claimed.some((other) => other.startsWith(`${one}/`))).toBe(false)
        },
      ),
    )
  })

  it('stay as they are when they are harmless', () => {
    expect(safePath('s1/server.log')).toBe('s1/server.log')
    expect(safePath('ha-failover@nvme')).toBe('ha-failover@nvme')
  })
})

describe('scenario report', () => {
  const run = async (bundle: string, isJson = false) => {
    const told = { stdout: '', stderr: '' }
    const writer = (name: keyof typeof told) => ({
      write: (text: string) => {
        told[name] += text
      },
    })
    const ports = { stdout: writer('stdout'), stderr: writer('stderr') }
    const code = await reportCommand({ bundle, isJson }, ports)
    return { code, out: told.stdout, error: told.stderr }
  }

  it('makes the report of a run that was killed while it wrote', async () => {
    const bundle = await open()
    for (const event of failedRun().slice(0, 10)) bundle.sink(event)
    await appendFile(join(bundle.path, 'events.jsonl'), '{"type":"log","te')
    const told = await run(bundle.path)
    expect(told).toMatchObject({ code: 0, error: expect.stringContaining('1 line is no event') })
    expect(told.out).toBe(`report: ${join(bundle.path, 'report.html')}\n0 passed, 1 failed, 0 skipped\n`)
    expect(await read(bundle, 'report.html')).toContain('the run ended before the scenario did')
    await bundle.finish()
  })

  it('makes the same as the run itself', async () => {
    const bundle = await open()
    for (const event of failedRun()) bundle.sink(event)
    await bundle.finish()
    const files = ['result.json', 'result.xml', 'report.html']
    const before = await Promise.all(files.map((file) => read(bundle, file)))
    await run(bundle.path)
    expect(await Promise.all(files.map((file) => read(bundle, file)))).toEqual(before)
  })

  it('prints result.json when it is asked to', async () => {
    const bundle = await open()
    for (const event of failedRun()) bundle.sink(event)
    expect((await run(bundle.path, true)).out).toBe(await read(bundle, 'result.json'))
    await bundle.finish()
  })

  it('refuses what is no bundle', async () => {
    expect(await run(directory)).toMatchObject({ code: 2, error: expect.stringContaining('is no bundle') })
  })
})

it('knows the commit of the sources, or that there is none', async () => {
  expect(await gitState(directory)).toBeNull()
  const git = await gitState(import.meta.dirname)
  if (git !== null) expect(git.commit).toMatch(/^[0-9a-f]{40}$/)
})
