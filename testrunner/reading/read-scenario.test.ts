import { describe, expect, it } from 'vitest'
import type { Scenario, Variables } from '../model/scenario.ts'
import { readScenario } from './read-scenario.ts'
import { catalog, memoryFiles } from './test-support.ts'

const MAIN = 'scenarios/ha/failover.yaml'

const VOLUME = `
parameters:
  name: {default: v1}
  size: {help: of the volume}
  zones: {default: null}
phases:
  - name: volume
    actions:
      - {action: volume_create, name: "{{ name }}", size: "{{ size }}", zones: "{{ zones }}", save_as: volume}
      - {action: print, text: "{{ volume.id }} of {{ size }}"}
`

const FAILOVER = `
proves: Writes go on after the primary is killed.
fault: kill
tier: ha
timeout: 3m
needs: [partition]
vars:
  size: 64MiB
  rounds: {default: 2, help: how often}
  transport: iscsi
variants:
  nvme: {transport: nvme}
ci: [default, nvme]
topology:
  servers: 3
  zones: [a, b, c]
  server_flags: {drain-timeout: 2s, verbose: true}
  disks: {s1: 256MiB}
phases:
  - name: set up
    include: ../_parts/volume.yaml
    include_params: {size: "{{ size }}"}
  - name: harm
    repeat: "{{ rounds }}"
    aggregate: median
    actions:
      - action: set
        value: {at: "{{ volume.leader.server }}"}
        save_as: leader
      - action: server_kill
        id: kill
        server: "{{ leader.at }}"
        retry: 2
        timeout: 20s
      - action: assert_equal
        because_of: kill
        actual: "{{ transport }}-{{ volume.epoch }}"
        expected: x
        ignore_error: true
  - name: clean up
    always: true
    actions:
      - {action: print, text: "round {{ round }}"}
`

const read = async (
  files: Readonly<Record<string, string>>,
  { variables = {}, variant = 'default' }: { variables?: Variables; variant?: string } = {},
): Promise<Scenario> => {
  const result = await readScenario({
    ...{ path: MAIN, name: 'ha/failover', catalog, variables, variant, files: memoryFiles(files) },
  })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 2))
  return result.scenario
}

describe('readScenario', () => {
  const files = { [MAIN]: FAILOVER, 'scenarios/_parts/volume.yaml': VOLUME }

  it('reads everything that a file says', async () => {
    const scenario = await read(files)
    expect(scenario).toMatchObject({
      ...{ name: 'ha/failover', tier: 'ha', fault: 'kill', variant: 'default', timeoutMs: 180_000 },
      proves: 'Writes go on after the primary is killed.',
      needs: ['root', 'partition', 'small-disk'],
      variables: { size: '64MiB', rounds: 2, transport: 'iscsi' },
      topology: {
        ...{ servers: 3, masters: 1, hosts: 1, zones: ['a', 'b', 'c'], masterFlags: {} },
        serverFlags: { 'drain-timeout': '2s', verbose: 'true' },
        diskBytes: { s1: 256 * 1024 * 1024 },
      },
    })
    expect(scenario.files.map(({ path }) => path)).toEqual([MAIN, 'scenarios/_parts/volume.yaml'])
    expect(scenario.phases.map(({ name, repeat, isAlways }) => [name, repeat, isAlways])).toEqual([
      ['set up: volume', 1, false],
      ['harm', 2, false],
      ['clean up', 1, true],
    ])
    expect(scenario.phases[1]).toMatchObject({ aggregate: 'median', trimPercent: 20, isParallel: false })
  })

  it('puts in what is known and leaves what steps save', async () => {
    const { phases } = await read(files, { variables: { size: '1GiB' } })
    const steps = phases.flatMap((phase) => phase.steps)
    expect(steps.map((step) => step.arguments)).toEqual([
      { name: 'v1', size: '1GiB' },
      { text: '{{ volume.id }} of 1GiB' },
      { value: { at: '{{ volume.leader.server }}' } },
      { server: '{{ leader.at }}' },
      { actual: 'iscsi-{{ volume.epoch }}', expected: 'x' },
      { text: 'round {{ round }}' },
    ])
    expect(steps[3]).toMatchObject({ id: 'kill', retries: 2, timeoutMs: 20_000, becauseOf: null })
    expect(steps[4]).toMatchObject({ becauseOf: 'kill', isErrorIgnored: true, saveAs: null })
  })

  it('remembers where steps and arguments stand, also in parts', async () => {
    const { phases } = await read(files)
    expect(phases[0]?.steps[0]).toMatchObject({
      position: { file: 'scenarios/_parts/volume.yaml', line: 9, column: 9 },
      argumentPositions: { size: { file: 'scenarios/_parts/volume.yaml', line: 9, column: 59 } },
    })
  })

  it('sets what a variant sets, and then what the user gives', async () => {
    expect((await read(files, { variant: 'nvme' })).variables.transport).toBe('nvme')
    const given = { transport: 'iscsi', rounds: '7' }
    expect((await read(files, { variant: 'nvme', variables: given })).variables).toEqual({
      ...{ size: '64MiB', rounds: 7, transport: 'iscsi' },
    })
  })

  it('keeps what a user gives plain text, braces and all', async () => {
    const { phases } = await read(files, { variables: { transport: '{{ size }}' } })
    expect(phases[1]?.steps[2]?.arguments.actual).toBe('{{ "{{" }} size }}-{{ volume.epoch }}')
  })

  it('hands parts on what is saved, to whatever depth', async () => {
    const outer = `
parameters: {at: {help: where}}
phases:
  - {name: inner, include: inner.yaml, include_params: {who: "{{ at.leader }}", greeting: "to {{ at.leader }}"}}
`
    const inner = `
parameters: {who: {help: whom}, greeting: hello}
phases:
  - name: say
    actions:
      - {action: print, text: "{{ greeting }}: {{ who.name }}"}
      - {action: set, value: "{{ who }}", save_as: inside}
`
    const main = `
proves: It is handed on.
phases:
  - name: a
    actions: [{action: set, value: {leader: {name: s1}}, save_as: volume}]
  - {name: b, always: true, include: ../_parts/outer.yaml, include_params: {at: "{{ volume.x }}"}}
  - name: c
    actions: [{action: print, text: "{{ inside.name }}"}]
`
    const { phases } = await read({
      ...{ [MAIN]: main, 'scenarios/_parts/outer.yaml': outer, 'scenarios/_parts/inner.yaml': inner },
    })
    expect(phases.map((phase) => [phase.name, phase.isAlways])).toEqual([
      ['a', false],
      ['b: inner: say', true],
      ['c', false],
    ])
    expect(phases[1]?.steps.map((step) => step.arguments)).toEqual([
      { text: 'to {{ volume.x.leader }}: {{ volume.x.leader.name }}' },
      { value: '{{ volume.x.leader }}' },
    ])
  })
})
