import { describe, expect, it } from 'vitest'
import { catalog, memoryFiles } from '../reading/test-support.ts'
import { actionsCommand } from './actions.ts'
import { actionsMarkdown, describeActions } from './describe-actions.ts'
import { parseVariables } from './given-variables.ts'
import { listCommand } from './list.ts'
import type { ReadingPorts } from './ports.ts'
import { validateCommand } from './validate.ts'

const GOOD = `
proves: It prints.
tier: core
vars: {text: hello}
variants: {loud: {text: HELLO}}
ci: [default]
phases:
  - name: print
    actions: [{action: print, text: "{{ text }}"}]
`
const BAD =
  'proves: It fails.\nphases: [{name: a, actions: [{action: prnt}, {action: sleep, duration: 3}]}]\n'

function portsOf(
  files: Readonly<Record<string, string>>,
): ReadingPorts & { told(): string; complained(): string } {
  const out: string[] = []
  const err: string[] = []
  return {
    ...{ catalog, files: memoryFiles(files), outputWidth: undefined },
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    told: () => out.join(''),
    complained: () => err.join(''),
  }
}

const files = { 'scenarios/good.yaml': GOOD, 'scenarios/x/bad.yaml': BAD }
const plain = { variables: {}, isJson: false }

describe('validate', () => {
  it('ends with 0 when all is well', async () => {
    const ports = portsOf({ 'scenarios/good.yaml': GOOD })
    expect(await validateCommand({ ...plain, paths: ['scenarios'] }, ports)).toBe(0)
    expect(ports.told()).toBe('scenarios/good.yaml: valid, 1 step, 2 variants\n1 valid, 0 invalid\n')
  })

  it('tells all problems of all files, and ends with 2', async () => {
    const ports = portsOf(files)
    expect(await validateCommand({ ...plain, paths: ['scenarios/good.yaml', 'scenarios/x'] }, ports)).toBe(2)
    expect(ports.told().split('\n')).toEqual([
      'scenarios/good.yaml: valid, 1 step, 2 variants',
      "scenarios/x/bad.yaml:2:39: there is no action 'prnt'; did you mean 'print'?",
      expect.stringMatching(/^scenarios\/x\/bad\.yaml:2:72: duration: '3' is not a duration/),
      '1 valid, 1 invalid',
      '',
    ])
  })

  it('gives the same as JSON', async () => {
    const ports = portsOf(files)
    expect(await validateCommand({ ...plain, isJson: true, paths: ['scenarios'] }, ports)).toBe(2)
    expect(JSON.parse(ports.told())).toMatchObject([
      { name: 'good', variants: ['default', 'loud'], steps: 1, problems: [] },
      { name: 'x/bad', problems: [{ position: { line: 2, column: 39 } }, {}] },
    ])
  })

  it('tries variables with the scenarios that have them', async () => {
    const two = { 'scenarios/a.yaml': GOOD, 'scenarios/b.yaml': GOOD.replace('vars: {', 'vars: {size: 1, ') }
    const paths = ['scenarios']
    const given = (text: string) => ({ ...plain, paths, variables: parseVariables([text]) })
    expect(await validateCommand(given('size=2'), portsOf(two))).toBe(0)
    const wrong = portsOf(two)
    expect(await validateCommand(given('size=big'), wrong)).toBe(2)
    expect(wrong.told()).toMatch(
      /b\.yaml:4:8: variable size: 'big' is not a number, like its default\n1 valid, 1 inv/,
    )
    const unknown = portsOf(two)
    expect(await validateCommand(given('sise=2'), unknown)).toBe(2)
    expect(unknown.complained()).toBe("--var: no scenario has a variable 'sise'; did you mean 'size'?\n")
    expect(parseVariables(['a=b=c'])).toEqual({ a: 'b=c' })
    expect(() => parseVariables(['=x'])).toThrow(/is not NAME=VALUE/)
  })

  it('ends with 2 when there is nothing to validate', async () => {
    const ports = portsOf({ 'scenarios/_parts/a.yaml': '' })
    expect(await validateCommand({ ...plain, paths: ['scenarios'] }, ports)).toBe(2)
    expect(ports.complained()).toBe('there is no scenario in scenarios\n')
    expect(await validateCommand({ ...plain, paths: ['none.yaml'] }, ports)).toBe(2)
    expect(ports.told()).toMatch(/none\.yaml:1:1: none\.yaml does not exist/)
  })
})

describe('list', () => {
  it('shows what there is', async () => {
    const ports = portsOf(files)
    expect(await listCommand({ path: 'scenarios', isJson: false }, ports)).toBe(0)
    expect(ports.told()).toBe(
      'NAME   TIER  VARIANTS      CI       PROVES\n' +
        'good   core  default,loud  default  It prints.\n' +
        'x/bad  core  default       -        It fails.\n',
    )
  })

  it('ends with 2 when there is nothing to list', async () => {
    const ports = portsOf({ 'scenarios/_parts/a.yaml': '' })
    expect(await listCommand({ path: 'scenarios', isJson: false }, ports)).toBe(2)
    expect([ports.told(), ports.complained()]).toEqual(['', 'there is no scenario in scenarios\n'])
  })

  it('ends with 2 when a file says nothing of itself', async () => {
    const ports = portsOf({ 'scenarios/a.yaml': 'tier: x', 'scenarios/good.yaml': GOOD })
    expect(await listCommand({ path: 'scenarios', isJson: true }, ports)).toBe(2)
    expect(JSON.parse(ports.told())).toMatchObject([{ name: 'a' }, { name: 'good', ci: ['default'] }])
    expect(ports.complained()).toMatch(/^scenarios\/a\.yaml:1:1: a scenario says what it proves/)
  })
})

describe('actions', () => {
  it('shows one action with all its parameters', async () => {
    const ports = portsOf({})
    expect(await actionsCommand({ name: 'volume_create', isJson: false }, ports)).toBe(0)
    expect(ports.told()).toBe(`volume_create: Makes a volume and waits until it is ready.
  saves    the volume as the API shows it
  timeout  10s
  - name       its name (text, required)
  - size       of the volume (size, required)
  - replicas   of the volume (integer, default 2)
  - transport  how hosts reach it (one of iscsi, nvme, default iscsi)
  - zones      where replicas may be (list of text, optional)
`)
  })

  it('shows all by groups, as JSON too', async () => {
    const ports = portsOf({})
    expect(await actionsCommand({ name: undefined, isJson: true }, ports)).toBe(0)
    const names = (JSON.parse(ports.told()) as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(['print', 'set', 'sleep', 'volume_create', 'server_kill', 'assert_equal'])
  })

  it('tells what was probably meant', async () => {
    const ports = portsOf({})
    expect(await actionsCommand({ name: 'volume_creat', isJson: false }, ports)).toBe(2)
    expect(ports.complained()).toBe("there is no action 'volume_creat'; did you mean 'volume_create'?\n")
  })

  it('is a page of documentation', () => {
    const page = actionsMarkdown(describeActions(catalog))
    expect(page).toContain(
      '\n## Volume\n\n### volume_create\n\nMakes a volume and waits until it is ready. Saves',
    )
    expect(page).toContain('\n| `replicas` | integer | default 2 | of the volume |\n')
    expect(page).toContain('Does harm. Needs `root`. Timeout 10s.')
  })
})
