import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { diskFiles } from './disk-files.ts'
import { listScenarios } from './list-scenarios.ts'
import { problemText } from './problems.ts'
import { scenarioName } from './scenario-paths.ts'
import { memoryFiles } from './test-support.ts'

describe('listScenarios', () => {
  const files = memoryFiles({
    'x/scenarios/ha/failover.yaml':
      'proves: A.\nfault: k\ntier: ha\nci: [nvme]\nvars: {n: {default: 1, help: how many}}\nvariants: {nvme: {n: 2}}',
    'x/scenarios/smoke.yaml': 'proves: B.\ntier: none',
    'x/scenarios/_parts/volume.yaml': 'phases: []',
    'x/scenarios/ha/_draft.yaml': '',
    'x/scenarios/notes.md': '',
    'other/a.yml': 'a: [',
  })

  it('tells what there is below a folder, without its parts', async () => {
    const heads = await listScenarios('x', files)
    expect(heads.map(({ name }) => name)).toEqual(['ha/failover', 'smoke'])
    expect(heads[0]).toMatchObject({
      ...{ path: 'x/scenarios/ha/failover.yaml', proves: 'A.', tier: 'ha', fault: 'k', problems: [] },
      ...{ variants: ['default', 'nvme'], ci: ['nvme'] },
      variables: [{ name: 'n', default: 1, help: 'how many' }],
    })
    expect(heads[1]?.problems.map(problemText)).toEqual([
      expect.stringMatching(/smoke\.yaml:2:7: tier: must/),
    ])
  })

  it('names scenarios below the nearest folder of that name', async () => {
    expect((await listScenarios('x/scenarios/ha', files)).map(({ name }) => name)).toEqual(['ha/failover'])
    expect((await listScenarios('./x/scenarios/smoke.yaml', files)).map(({ name }) => name)).toEqual([
      'smoke',
    ])
    const [other] = await listScenarios('other', files)
    expect(other).toMatchObject({ name: 'a', proves: '', problems: [{ position: { line: 1 } }] })
  })

  it('gives a file one name, from wherever it is listed', async () => {
    const deep = memoryFiles({ 'a/scenarios/b/scenarios/c/d.yaml': '', 'a/e/scenarios.yml': '' })
    for (const path of ['.', 'a', 'a/scenarios', 'a/scenarios/b/scenarios/c', 'a/../a/scenarios/b']) {
      const named = await listScenarios(path, deep)
      expect(named.find((head) => head.path.endsWith('/d.yaml'))?.name).toBe('c/d')
    }
    expect((await listScenarios('a/e', deep)).map(({ name }) => name)).toEqual(['scenarios'])
  })

  it('looks for that folder above the one where the command runs, too', () => {
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue('/p/scenarios/ha')
    expect([scenarioName('failover.yaml', '.'), scenarioName('./x/../a.yml', 'x')]).toEqual([
      'ha/failover',
      'ha/a',
    ])
    cwd.mockRestore()
  })

  it('leaves out the copies that runs made of their scenarios, unless they are named', async () => {
    const run = 'y/out/20261122-074305-abc'
    const bundle = { [`${run}/manifest.json`]: '{}', [`${run}/events.jsonl`]: '' }
    const own = { 'y/a.yaml': 'proves: A.', 'y/b/manifest.json': '{}', 'y/b/c.yaml': 'proves: C.' }
    const copies = { [`${run}/scenario.yaml`]: 'proves: A.', [`${run}/c/scenario.yaml`]: 'proves: C.' }
    const all = memoryFiles({ ...bundle, ...own, ...copies })
    expect((await listScenarios('y', all)).map(({ path }) => path)).toEqual(['y/a.yaml', 'y/b/c.yaml'])
    expect(await listScenarios(run, all)).toHaveLength(2)
  })

  it('tells of a file that is not there', async () => {
    const [none] = await listScenarios('none.yaml', files)
    expect(none?.problems.map(problemText)).toEqual(['none.yaml:1:1: none.yaml does not exist'])
  })
})

describe('diskFiles', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scenarios-'))
    await writeFile(join(folder, 'b.yaml'), 'proves: B.')
    await writeFile(join(folder, 'a.yaml'), new Uint8Array([0xff, 0xfe]))
    await writeFile(join(folder, 'large.yaml'), '#'.repeat(70_000))
  })
  afterAll(async () => await rm(folder, { recursive: true }))

  it('lists and reads scenarios, and tells of files that are no text, too large, or no files', async () => {
    const heads = await listScenarios(folder, diskFiles)
    expect(heads.map(({ name, problems }) => [name, problems[0]?.message ?? ''])).toEqual([
      ['a', expect.stringMatching(/is not UTF-8 text/)],
      ['b', ''],
      ['large', expect.stringMatching(/is larger than 65536 bytes/)],
    ])
    await expect(diskFiles.read('/dev/zero')).rejects.toThrow(/is not a file/)
    await expect(diskFiles.list(join(folder, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await diskFiles.isDirectory(join(folder, 'none'))).toBe(false)
  })
})
