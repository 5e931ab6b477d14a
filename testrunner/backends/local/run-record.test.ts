import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RealRandom } from '../../../src/io/random.ts'
import { Ports } from './ports.ts'
import { processesWith, treeOf } from './process-tree.ts'
import { RunRecords } from './run-record.ts'

let folder: string
const random = new RealRandom()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-records-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('records of runs', () => {
  it('belong to one run of a name, until it ends', async () => {
    const records = await RunRecords.open(folder)
    await records.begin('r1')
    await expect(records.begin('r1')).rejects.toThrow('there is a run r1 already')
    await records.end('r1')
    await records.begin('r1')
  })

  it('are left alone while their runner lives', async () => {
    const records = await RunRecords.open(folder)
    await (await records.begin('r1')).willRemove(join(folder, 'kept'))
    mkdirSync(join(folder, 'kept'))
    const said: string[] = []
    await records.sweep((text) => said.push(text))
    expect(said).toEqual([])
    expect(existsSync(join(folder, 'kept'))).toBe(true)
  })

  it('say what to undo of a run whose runner is gone, the last thing first', async () => {
    const records = await RunRecords.open(folder)
    const runId = `gone-${random.integer(1_000_000)}`
    const record = await records.begin(runId)
    const out = join(folder, 'out')
    await record.willUndo(['sh', '-c', `echo first >> ${out}`])
    await record.willUndo(['sh', '-c', `echo second >> ${out}`])
    await record.willRemove(join(folder, 'place'))
    mkdirSync(join(folder, 'place', 'deep'), { recursive: true })
    expect(await records.claim('port-1', runId)).toBe(true)
    // no process has this number together with this start
    const path = join(folder, `${runId}.json`)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(text), runner: { pid: process.pid, startTicks: 1 } }))
    const left = spawn('sleep', ['1000'], { env: { ...process.env, SCENARIO_RUN: runId } })
    const ended = once(left, 'exit')
    await once(left, 'spawn')

    await records.sweep(() => undefined)
    expect((await ended)[1]).toBe('SIGKILL')
    expect(readFileSync(out, 'utf8')).toBe('second\nfirst\n')
    expect(existsSync(join(folder, 'place'))).toBe(false)
    expect(await records.claim('port-1', 'r2')).toBe(true)
  })
})

describe('ports of a run', () => {
  it('are not given to another, and free again when the run ends', async () => {
    const records = await RunRecords.open(folder)
    const ports = new Ports(
      (name) => records.claim(name, 'r1'),
      (name) => records.release(name),
      random,
    )
    const given = await ports.reserve(20)
    expect(new Set(given).size).toBe(20)
    for (const port of given) expect(await records.claim(`port-${port}`, 'r2')).toBe(false)
    await records.end('r1')
    expect(readdirSync(join(folder, 'claims'))).toEqual([])
  })
})

describe('the tree of a process', () => {
  it('has what it started, also what is in a session of its own', async () => {
    const mark = `tree-${random.integer(1_000_000)}`
    const root = spawn('sh', ['-c', 'setsid sleep 1000 & sleep 1000 & echo $$; wait'], {
      detached: true,
      env: { ...process.env, SCENARIO_RUN: mark },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(root.stdout, 'data')
    const ended = once(root, 'exit')
    const pid = root.pid ?? 0
    await eventually(() => treeOf([pid]).length === 3 && processesWith(`SCENARIO_RUN=${mark}`).length === 3)
    expect([...treeOf([pid])].sort()).toEqual([...processesWith(`SCENARIO_RUN=${mark}`)].sort())
    for (const one of treeOf([pid])) process.kill(one, 'SIGKILL')
    await ended
  })
})

async function eventually(holds: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; ) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('it does not come to hold')
}
