import { describe, expect, it } from 'vitest'
import type { Variables } from '../model/scenario.ts'
import { problemText } from './problems.ts'
import { readScenario } from './read-scenario.ts'
import { catalog, memoryFiles } from './test-support.ts'

type Given = { variables?: Variables; variant?: string; parts?: Readonly<Record<string, string>> }

async function problems(
  text: string,
  { variables = {}, variant = 'default', parts = {} }: Given = {},
): Promise<string[]> {
  const files = memoryFiles({ 'f.yaml': text, ...parts })
  const result = await readScenario({ path: 'f.yaml', name: 'f', catalog, variables, variant, files })
  return 'problems' in result ? result.problems.map(problemText) : []
}

/** A scenario with one phase of steps; the steps begin at line 4. */
const steps = (...lines: string[]): string =>
  `proves: It works.\nphases:\n  [{name: p, actions: [\n ${lines.join(',\n ')}\n  ]}]\n`
const head = (...lines: string[]): string =>
  `${lines.join('\n')}\nproves: It works.\nphases: [{name: p, actions: [{action: print, text: x}]}]\n`

const ok = '{action: print, text: x}'
const kill = '{action: server_kill, id: k, server: s1}'

describe('what is wrong with a file', () => {
  it('is nothing in a good one', async () => {
    expect(await problems(steps(ok))).toEqual([])
  })

  it.each<[string, string, string | RegExp, Given?]>([
    ['a file of nothing', '', 'f.yaml:1:1: a scenario is a group of keys, not nothing'],
    ['a list', '- a', 'f.yaml:1:1: a scenario is a group of keys, not a list'],
    ['no phases', 'proves: x', 'f.yaml:1:1: there are no phases'],
    ['malformed YAML', 'a: [1', /^f\.yaml:1:\d+: /],
    [
      'a template without quotes',
      'vars: {n: 1}\ntimeout: {{ n }}',
      /^f\.yaml:2:\d+: .*; put a text that begins with \{\{ in quotes$/,
    ],
    ['an alias', 'a: &x 1\nb: *x', 'f.yaml:2:4: aliases (*x) are not allowed here'],
    ['an unknown key', head('teir: ha'), "f.yaml:1:1: a scenario has no key 'teir'; did you mean 'tier'?"],
    ['an unknown tier', head('tier: haha'), /^f\.yaml:1:7: tier: must be one of core, /],
    ['nothing proved', 'phases: [{name: p, actions: [{action: print, text: x}]}]', /says what it proves/],
    ['a bare timeout', head('timeout: 30'), /^f\.yaml:1:10: timeout: '30' is not a duration/],
    ['no time at all', head('timeout: 0s'), 'f.yaml:1:10: timeout: must be between 1ms and 168h'],
    ['an unknown need', head('needs: [moon]'), /^f\.yaml:1:8: needs: must be one of root, /],
    ['two masters', head('topology: {masters: 2}'), 'f.yaml:1:21: masters: must be 1 or 3'],
    ['no servers', head('topology: {servers: 0}'), 'f.yaml:1:21: servers: must be between 1 and 16'],
    ['few zones', head('topology: {zones: [a]}'), 'f.yaml:1:12: zones: 1 are named for 3 servers'],
    [
      'a disk of no server',
      head('topology: {disks: {s4: 1GiB}}'),
      "f.yaml:1:20: disks: no server is named 's4'; there are s1, s2, s3",
    ],
    ['a flag with dashes', head('topology: {server_flags: {--x: 1}}'), /flags are written without dashes$/],
    [
      'a variant not in the CI set',
      head('ci: [nvme]'),
      "f.yaml:1:6: ci: there is no variant 'nvme'; there are default",
    ],
    [
      'a variant that sets what is not there',
      head('vars: {size: 1}', 'variants: {a: {sise: 2}}'),
      "f.yaml:2:16: variant a has no key 'sise'; did you mean 'size'?",
    ],
    [
      'a variant of another kind',
      head('vars: {size: 1}', 'variants: {a: {size: big}}'),
      "f.yaml:2:22: variable size: 'big' is not a number, like its default",
    ],
    ['a variable named round', head('vars: {round: 1}'), /^f\.yaml:1:8: 'round' is the number/],
    ['a variable of no name', head('vars: {A-b: 1}'), /^f\.yaml:1:8: vars: 'A-b' is not a name: /],
    ['a variable without default', head('vars: {a: {help: x}}'), 'f.yaml:1:8: a has no default'],
    [
      'a variable made of another',
      head('vars: {a: 1, b: "{{ a }}"}'),
      /^f\.yaml:1:17: .*templates are not read/,
    ],
    [
      'a given variable that is not there',
      head('vars: {size: 1}'),
      "f.yaml:1:1: the scenario has no variable 'sizes', which was given; did you mean 'size'?",
      { variables: { sizes: '2' } },
    ],
    [
      'a given variable of another kind',
      head('vars: {size: 1}'),
      "f.yaml:1:8: variable size: 'big' is not a number, like its default",
      { variables: { size: 'big' } },
    ],
    [
      'an unknown variant asked for',
      head('variants: {nvme: {}}'),
      "f.yaml:1:1: there is no variant 'nvm'; did you mean 'nvme'?",
      { variant: 'nvm' },
    ],
    [
      'an empty phase',
      'proves: x\nphases:\n  - name: p',
      'f.yaml:3:5: a phase has actions, or includes a part',
    ],
    ['a phase without name', `proves: x\nphases:\n  - actions: [${ok}]`, 'f.yaml:3:5: a phase has a name'],
    [
      'actions that are no list',
      'proves: x\nphases:\n  - {name: p, actions: x}',
      /actions is a list, not text/,
    ],
    [
      'two phases of a name',
      `proves: x\nphases:\n  - {name: p, actions: [${ok}]}\n  - {name: p, actions: [${ok}]}`,
      "f.yaml:4:5: two phases are named 'p'",
    ],
    [
      'too many rounds',
      `proves: x\nphases: [{name: p, repeat: 101, actions: [${ok}]}]`,
      'f.yaml:2:28: repeat: must be between 1 and 100',
    ],
    [
      'too much trimmed',
      `proves: x\nphases: [{name: p, trim_pct: 50, actions: [${ok}]}]`,
      'f.yaml:2:30: trim_pct: must be between 0 and 49',
    ],
    [
      'an unknown aggregate',
      `proves: x\nphases: [{name: p, aggregate: max, actions: [${ok}]}]`,
      'f.yaml:2:31: aggregate: must be one of median, mean, none',
    ],
    ['a step that is text', steps('print'), 'f.yaml:4:2: a step is a group of keys, not text'],
    ['a step without action', steps('{text: x}'), 'f.yaml:4:2: a step names its action'],
    [
      'an unknown action',
      steps('{action: prnt, text: x}'),
      "f.yaml:4:11: there is no action 'prnt'; did you mean 'print'?",
    ],
    [
      'an unknown argument',
      steps('{action: print, txet: x, text: y}'),
      "f.yaml:4:18: a step print has no key 'txet'; did you mean 'text'?",
    ],
    ['a missing argument', steps('{action: print}'), 'f.yaml:4:2: print: text is missing: what to print'],
    [
      'a bad size',
      steps('{action: volume_create, name: v, size: big}'),
      /^f\.yaml:4:41: size: 'big' is not a size/,
    ],
    [
      'a bad duration',
      steps('{action: sleep, duration: 3}'),
      /^f\.yaml:4:28: duration: '3' is not a duration/,
    ],
    [
      'an unknown name',
      steps('{action: set, value: 1, save_as: saved}', '{action: print, text: "to {{ savd.x }}"}'),
      "f.yaml:5:24: nothing is named 'savd' here; did you mean 'saved'?",
    ],
    [
      'a name deep in a value',
      steps('{action: set, value: {a: [1, "{{ x }}"]}}'),
      /^f\.yaml:4:31: nothing is named 'x' here; there are round/,
    ],
    [
      'a name saved later',
      steps('{action: print, text: "{{ a }}"}', '{action: set, value: 1, save_as: a}'),
      /'a'/,
    ],
    [
      'a broken template',
      steps('{action: print, text: "{{ a"}'),
      /^f\.yaml:4:24: '\{\{ a' is not a template/,
    ],
    [
      'a saved name that is a variable',
      `vars: {a: 1}\n${steps('{action: set, value: 1, save_as: a}')}`,
      "f.yaml:5:26: 'a' is a variable; save the result under another name",
    ],
    ['nothing to save', steps('{action: print, text: x, save_as: a}'), /print has no result to save$/],
    [
      'a timeout known in the run',
      steps('{action: print, text: x, timeout: "{{ round }}s"}'),
      /before the run/,
    ],
    [
      'what is saved twice at once',
      'proves: x\nphases:\n- name: p\n  parallel: true\n  actions:\n' +
        '  - {action: set, value: 1, save_as: a}\n  - {action: set, value: 2, save_as: a}',
      "f.yaml:7:29: 'a' is saved twice in a parallel phase; which is last is chance",
    ],
    [
      'what is used at once',
      'proves: x\nphases:\n- name: p\n  parallel: true\n  actions:\n' +
        '  - {action: set, value: 1, save_as: a}\n  - {action: print, text: "{{ a }}"}',
      /^f\.yaml:7:27: nothing is named 'a' here/,
    ],
    [
      'two steps of an id',
      steps('{action: print, id: a, text: x}', '{action: print, id: a, text: x}'),
      /:5:18: two/,
    ],
    ['a fault that is no step', `fault: a\n${steps(ok)}`, /^f\.yaml:1:1: fault: no step has the id 'a'/],
    [
      'a fault that does no harm',
      `fault: a\n${steps('{action: print, id: a, text: x}')}`,
      "f.yaml:1:1: fault: print, the step 'a', does no harm",
    ],
    [
      'harm that is not named',
      steps(kill),
      /^f\.yaml:4:2: server_kill does harm and the scenario names no fault/,
    ],
    ['a fault without effect', `fault: k\n${steps(kill)}`, /^f\.yaml:1:1: fault: no step shows that 'k'/],
    [
      'a cause that is no step',
      `fault: k\n${steps(kill, '{action: print, text: x, because_of: k}', '{action: print, text: x, because_of: kk}')}`,
      "f.yaml:7:27: because_of: no step has the id 'kk'; there are k",
    ],
    [
      'an include of nothing',
      'proves: x\nphases: [{name: p, include: a.yaml}]',
      'f.yaml:2:20: include: a.yaml does not exist',
    ],
    [
      'an include of elsewhere',
      'proves: x\nphases: [{name: p, include: /etc/passwd}]',
      /relative to this one$/,
    ],
    [
      'an include and actions',
      `proves: x\nphases: [{name: p, include: a.yaml, actions: []}]`,
      /^f\.yaml:2:37: a phase that includes a part has no key 'actions'/,
      { parts: { 'a.yaml': `phases: [{name: p, actions: [${ok}]}]` } },
    ],
    [
      'a file that includes itself',
      'proves: x\nphases: [{name: p, include: f.yaml}]',
      'f.yaml:2:20: the file includes itself: f.yaml → f.yaml',
    ],
    [
      'a parameter that is not there',
      'proves: x\nphases: [{name: p, include: a.yaml, include_params: {sice: 1}}]',
      "f.yaml:2:54: the part has no parameter 'sice'; did you mean 'size'?",
      { parts: { 'a.yaml': `parameters: {size: 1}\nphases: [{name: p, actions: [${ok}]}]` } },
    ],
    [
      'a parameter that is missing',
      'proves: x\nphases: [{name: p, include: a.yaml}]',
      "f.yaml:2:20: the part's parameter size is missing: of it",
      { parts: { 'a.yaml': `parameters: {size: {help: of it}}\nphases: [{name: p, actions: [${ok}]}]` } },
    ],
    [
      'a part that uses what is not its own',
      'proves: x\nvars: {size: 1}\nphases: [{name: p, include: a.yaml}]',
      "a.yaml:1:52: nothing is named 'size' here (included at f.yaml:3:10); there are round; save_as names the result of a step for those after it",
      { parts: { 'a.yaml': `phases: [{name: p, actions: [{action: print, text: "{{ size }}"}]}]` } },
    ],
    [
      'a bad value handed to a part',
      'proves: x\nphases:\n- {name: p, include: a.yaml, include_params: {size: big}}',
      /^a\.yaml:2:\d+: size: 'big' is not a size.*\(included at f\.yaml:3:3\)$/,
      {
        parts: {
          'a.yaml':
            'parameters: {size: {help: x}}\nphases: [{name: p, actions: [{action: volume_create, name: v, size: "{{ size }}"}]}]',
        },
      },
    ],
  ])('names %s', async (_, text, expected, given) => {
    const found = await problems(text, given)
    expect(found[0]).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
  })

  it('is a machine that the topology does not have, or one of another kind', async () => {
    const named = (server: string, more = ''): string =>
      steps(`{action: server_kill, id: k, server: ${server}${more}}`)
    const missing = async (text: string, variant = 'default'): Promise<string[]> =>
      (await problems(text, { variant })).filter((line) => line.includes(' is named '))
    expect(await missing(named('s4'))).toEqual([
      "f.yaml:4:39: server: no server is named 's4'; there are s1, s2, s3",
    ])
    expect(await missing(named('h1'))).toEqual([expect.stringMatching(/^f\.yaml:4:39: server: no server/)])
    for (const good of ['s3', 'leader:v', '3f00c1', '"{{ round }}"', 's3, also: [m1, h1, s3]']) {
      expect(await missing(named(good))).toEqual([])
    }
    const two = 'vars: {n: 3, who: s3}\nvariants: {less: {n: 2}}\ntopology: {servers: "{{ n }}", hosts: 0}\n'
    const text = `${two}${named('"{{ who }}"', ', also: ["{{ round }}", h1, m1]')}`
    expect(await missing(text)).toHaveLength(1)
    expect(await missing(text, 'less')).toEqual([
      "f.yaml:7:39: server: no server is named 's3'; there are s1, s2",
      "f.yaml:7:58: also: no machine is named 'h1'; there are m1, s1, s2",
    ])
    expect(await missing(`topology: {servers: 0}\n${named('s9')}`)).toEqual([])
  })

  it('is told all at once, from the top', async () => {
    const text = `${steps('{action: prnt}', '{action: print}', '{action: sleep, duration: x}')}teir: x\n`
    expect((await problems(text)).map((line) => line.slice(0, 12))).toEqual([
      ...['f.yaml:4:11:', 'f.yaml:5:2: ', 'f.yaml:6:28:', 'f.yaml:8:1: '],
    ])
  })

  it('is one thing where a fault is misspelt', async () => {
    const text = `fault: k\n${steps('{action: server_kil, id: k}', '{action: print, text: x, because_of: k}')}`
    expect(await problems(text)).toEqual([expect.stringMatching(/did you mean 'server_kill'\?$/)])
  })

  it('is told once where one thing makes others wrong', async () => {
    const part =
      'parameters: {n: {help: x}}\nphases: [{name: q, repeat: "{{ n }}", actions: [{action: print, text: "{{ n }}"}]}]'
    const text = 'proves: x\nphases: [{name: p, include: a.yaml, include_params: {n: "{{ oops }}"}}]'
    expect(await problems(text, { parts: { 'a.yaml': part } })).toHaveLength(1)
  })
})
