import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Problem } from '../model/position.ts'
import { listScenarios, readScenario } from './read-scenario.ts'
import { catalog, memoryFiles } from './test-support.ts'

async function read(files: Readonly<Record<string, string>>): Promise<readonly Problem[]> {
  const request = { path: 'f.yaml', name: 'f', variables: {}, variant: 'default' }
  const result = await readScenario({ ...request, catalog, files: memoryFiles(files) })
  return 'problems' in result ? result.problems : []
}

const messages = async (files: Readonly<Record<string, string>>): Promise<string> =>
  (await read(files)).map(({ message }) => message).join('\n')

const step = '{action: print, text: x}'
const part = (...phases: string[]): string => `phases: [${phases.join(', ')}]`
const include = (name: number | string, at: string, extra = ''): string =>
  `{name: i${name}, include: ${at}${extra}}`

describe('bounds of a scenario', () => {
  it('holds its parts to a depth', async () => {
    const files: Record<string, string> = { 'f.yaml': `proves: x\n${part(include(0, 'p1.yaml'))}` }
    for (let i = 1; i <= 9; i++) files[`p${i}.yaml`] = part(include(0, `p${i + 1}.yaml`))
    expect(await messages(files)).toMatch(/more than 8 deep/)
    files['p8.yaml'] = part(`{name: end, actions: [${step}]}`)
    expect(await messages(files)).toBe('')
  })

  it('holds its parts to a number of files', async () => {
    const names = Array.from({ length: 64 }, (_, index) => `p${index}.yaml`)
    const files: Record<string, string> = {
      'f.yaml': `proves: x\nphases:\n${names.map((name, index) => `- ${include(index, name)}`).join('\n')}`,
    }
    for (const name of names) files[name] = part(`{name: end, actions: [${step}]}`)
    expect(await messages(files)).toBe('include: a scenario has at most 64 files')
  })

  it('holds its files to a size together', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `p${index}.yaml`)
    const files: Record<string, string> = {
      'f.yaml': `proves: x\nphases:\n${names.map((name, index) => `- ${include(index, name)}`).join('\n')}`,
    }
    const filler = `# ${'x'.repeat(1000)}\n`.repeat(60)
    for (const name of names) files[name] = filler + part(`{name: end, actions: [${step}]}`)
    expect(await messages(files)).toMatch(/more than 1MiB together/)
  })

  it('holds parts that include parts many times to a number of steps', async () => {
    const many = (at: string): string => part(...Array.from({ length: 12 }, (_, i) => include(i, at)))
    const steps = Array.from({ length: 30 }, () => step).join(', ')
    expect(
      await messages({
        'f.yaml': `proves: x\n${many('a.yaml')}`,
        ...{ 'a.yaml': many('b.yaml'), 'b.yaml': many('c.yaml') },
        'c.yaml': part(`{name: end, actions: [\n  ${steps.replaceAll('}, ', '},\n  ')}]}`),
      }),
    ).toMatch(/^more than \d+ (steps|phases)/)
  })

  it('holds parameters that grow from part to part to a size', async () => {
    const grow = `"${'{{ a }}'.repeat(50)}"`
    const files: Record<string, string> = {
      'f.yaml': `proves: x\nvars: {a: 0123456789}\n${part(include(0, 'p1.yaml', `,\n include_params: {a: ${grow}}`))}`,
    }
    for (let i = 1; i <= 7; i++) {
      const next = include(0, `p${i + 1}.yaml`, `,\n include_params: {a: ${grow}}`)
      files[`p${i}.yaml`] = `parameters: {a: x}\n${part(next)}`
    }
    files['p8.yaml'] =
      `parameters: {a: x}\n${part(`{name: end, actions: [{action: print, text: "{{ a }}"}]}`)}`
    expect(await messages(files)).toMatch(/templates are replaced/)
    for (const [path, text] of Object.entries(files)) {
      const list = `[${Array.from({ length: 50 }, () => '"{{ a }}"').join(', ')}]`
      files[path] = text.replace(grow, list)
    }
    expect(await messages(files)).toMatch(/templates are replaced/)
  })

  it('tells no more than a hundred problems', async () => {
    const lines = Array.from({ length: 500 }, (_, index) => `k${index}: 1`)
    expect(await read({ 'f.yaml': lines.join('\n') })).toHaveLength(100)
  })
})

describe('any file', () => {
  const word = fc.constantFrom(
    ...['proves', 'fault', 'tier', 'timeout', 'needs', 'vars', 'variants', 'ci', 'topology', 'phases'],
    ...['name', 'include', 'include_params', 'actions', 'action', 'print', 'text', 'set', 'value', 'save_as'],
    ...[
      'a.yaml',
      'f.yaml',
      '{{ a }}',
      '{{',
      'parameters',
      'default',
      'help',
      '__proto__',
      'constructor',
      'a',
    ],
  )
  const leaf = fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null), fc.string())
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 6, depthSize: 'large' },
      leaf,
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(word, tie('node'), { maxKeys: 5 }),
    ),
  })).node

  /** JSON is YAML: a tree that is nearly a scenario. */
  const nearly = fc
    .record(
      { phases: fc.array(tree), vars: tree, proves: leaf, topology: tree, fault: leaf },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value))

  const isTold = async (text: string, partText: string): Promise<void> => {
    const began = performance.now()
    const files = { 'f.yaml': text, 'a.yaml': partText }
    for (const { position, message } of await read(files)) {
      expect(position.line).toBeGreaterThan(0)
      expect(position.column).toBeGreaterThan(0)
      expect(message).not.toBe('')
    }
    await listScenarios('f.yaml', memoryFiles(files))
    expect(performance.now() - began).toBeLessThan(2_000)
  }

  it('is read or told about when it is nearly a scenario', async () => {
    await fc.assert(fc.asyncProperty(nearly, nearly, isTold), { numRuns: 300 })
  })

  it('is told about whatever its bytes are', async () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((one) => new TextDecoder().decode(one))
    const lines = fc.array(
      fc.oneof(word, fc.constantFrom(': ', '- ', '\n', '  ', '[', ']', '{', '}', ', ', '"')),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          bytes,
          lines.map((one) => one.join('')),
        ),
        nearly,
        isTold,
      ),
      {
        numRuns: 300,
      },
    )
  })
})
