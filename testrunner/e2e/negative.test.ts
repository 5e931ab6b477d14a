/** Scenarios that must not pass: for the right reason, at the right place, with its evidence, and nothing is left behind. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const BASALT = join(import.meta.dirname, '..', '..', 'basalt')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-negative-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly code: number | null
  readonly text: string
  readonly runs: string
}

let count = 0

/** `basalt run` of one file. `onText` is called with all that was printed so far. */
async function run(
  yaml: string,
  options: { readonly args?: readonly string[]; onText?(text: string, interrupt: () => void): void } = {},
): Promise<Ran> {
  const home = join(folder, `${++count}`, 'scenarios')
  const runs = join(folder, `${count}`, 'runs')
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'wrong.yaml'), yaml)
  const child = spawn(BASALT, ['run', join(home, 'wrong.yaml'), '--output', runs, ...(options.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const take = (chunk: Buffer): void => {
    text += chunk.toString()
    options.onText?.(text, () => child.kill('SIGINT'))
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, text, runs }
}

interface Result {
  readonly scenarios: readonly {
    readonly outcome: string
    readonly failure: { readonly code: string; readonly message: string; readonly evidence: unknown } | null
    readonly phases: readonly unknown[]
  }[]
}

const resultOf = ({ runs }: Ran): Result['scenarios'][0] => {
  const [file] = globSync(join(runs, '*', 'result.json'))
  const result = JSON.parse(readFileSync(file ?? '', 'utf8')) as Result
  const [scenario] = result.scenarios
  if (scenario === undefined) throw new Error('the result has no scenario')
  return scenario
}

/** No process names the run's folder, and the machines' folders are gone. */
function expectNothingLeft({ runs }: Ran): void {
  const commands = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ')
      } catch {
        // it has ended meanwhile
        return ''
      }
    })
  expect(commands.filter((command) => command.includes(runs))).toEqual([])
  expect(globSync(join(runs, '*', 'machines'))).toEqual([])
}

const HEAD = 'proves: It does not pass.\ntopology: {servers: 1, hosts: 1}\n'

describe('a scenario that cannot be right is refused before anything starts', () => {
  it('an unknown action, with its place and what was probably meant', async () => {
    const ran = await run(
      `${HEAD}phases:\n  - name: one\n    actions:\n      - action: server_kil\n        server: s1\n`,
    )
    expect(ran.code).toBe(2)
    expect(ran.text).toMatch(/wrong\.yaml:6:\d+: there is no action 'server_kil'.*server_kill/)
    expect(existsSync(ran.runs)).toBe(false)
  })

  it('a variable that nobody declared, in the file and on the command line', async () => {
    const undeclared = await run(
      `${HEAD}phases:\n  - name: one\n    actions:\n      - {action: print, text: "{{ nothing }}"}\n`,
    )
    expect(undeclared.code).toBe(2)
    expect(undeclared.text).toMatch(/wrong\.yaml:6:\d+: .*nothing/)
    const given = await run(
      `${HEAD}phases:\n  - name: one\n    actions:\n      - {action: print, text: x}\n`,
      {
        args: ['--var', 'sise=1GiB'],
      },
    )
    expect(given.code).toBe(2)
    expect(given.text).toMatch(/no scenario has a variable 'sise'/)
    expect(existsSync(given.runs)).toBe(false)
  })

  it('a variable whose value is not what an action takes', async () => {
    const ran = await run(
      `${HEAD}vars: {size: 1MiB}\nphases:\n  - name: one\n    actions:\n      - {action: volume_create, volume: v, size: "{{ size }}"}\n`,
      { args: ['--var', 'size=plenty'] },
    )
    expect(ran.code).toBe(2)
    expect(ran.text).toMatch(/wrong\.yaml:7:\d+: .*plenty/)
  })

  it('a YAML bomb, soon', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `  l${at + 1}: &l${at + 1} [${Array(10).fill(`*l${at}`)}]\n`,
    )
    const beganMs = Date.now()
    const ran = await run(`${HEAD}vars:\n  l0: &l0 [x, x]\n${levels.join('')}phases: []\n`)
    expect(ran.code).toBe(2)
    expect(ran.text).toMatch(/wrong\.yaml:\d+:\d+: /)
    expect(Date.now() - beganMs).toBeLessThan(10_000)
  })
})

describe('a scenario that fails says why, and cleans up', () => {
  it('data that is not what was acknowledged', async () => {
    const ran = await run(`${HEAD}phases:
  - name: write
    actions:
      - {action: volume_create, volume: v, size: 16MiB, replicas: 1}
      - {action: attach, volume: v}
      - {action: oracle_fill, volume: v, area: 1MiB}
      - {action: disk_write, volume: v, offset: 64KiB, length: 4KiB, seed: behind the oracle's back}
      - {action: oracle_verify, volume: v}
  - name: clean up
    always: true
    actions:
      - {action: print, text: this always runs}
`)
    expect(ran.code, ran.text).toBe(1)
    const { outcome, failure } = resultOf(ran)
    expect(outcome).toBe('failed')
    expect(failure?.code).toBe('DATA_MISMATCH')
    expect(JSON.stringify(failure?.evidence)).toContain('65536')
    expect(ran.text).toMatch(/wrong\.yaml:10:9/)
    expect(ran.text).toMatch(/✓ print/)
    expect(ran.text).toMatch(/0 passed, 1 failed, 0 skipped\n$/)
    expect(globSync(join(ran.runs, '*', 'artifacts', 's1', 's1.log'))).toHaveLength(1)
    expectNothingLeft(ran)
  })

  it('a step that hangs', async () => {
    const ran = await run(`${HEAD}phases:
  - name: wait
    actions:
      - {action: exec, machine: h1, command: "trap '' TERM; while :; do sleep 1; done", timeout: 2s}
  - name: never
    actions:
      - {action: print, text: this does not run}
`)
    expect(ran.code, ran.text).toBe(1)
    const { failure } = resultOf(ran)
    expect(failure?.code).toBe('TIMEOUT')
    expect(failure?.message).toMatch(/took longer than 2 ?s/)
    expect(ran.text).toMatch(/wrong\.yaml:6:9/)
    expectNothingLeft(ran)
  })

  it('a run that the user ends: phases that always run still do', async () => {
    let isEnded = false
    const ran = await run(
      `${HEAD}phases:
  - name: wait
    actions:
      - {action: print, text: now}
      - {action: sleep, for: 10m}
  - name: clean up
    always: true
    actions:
      - {action: print, text: this always runs}
`,
      {
        onText: (text, interrupt) => {
          if (isEnded || !text.includes('✓ print')) return
          isEnded = true
          interrupt()
        },
      },
    )
    expect(ran.code, ran.text).toBe(1)
    expect(resultOf(ran).failure?.code).toBe('CANCELLED')
    expect(ran.text.match(/✓ print/g)).toHaveLength(2)
    expectNothingLeft(ran)
  })
})
