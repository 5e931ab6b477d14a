import { describe, expect, it } from 'vitest'
import { BlockError } from '../../src/base/errors.ts'
import { CATALOG } from '../actions/all.ts'
import type { FileSource } from '../reading/source-files.ts'
import { countInterrupts } from './interrupts.ts'
import { type Selection, selectScenarios } from './select-scenarios.ts'
import { failureOf, RunningWorld } from './world.ts'

const scenario = (more: string): string => `proves: It prints.
${more}
topology: {servers: 1}
phases:
  - name: one
    actions:
      - {action: print, text: x}
`

const FILES: Readonly<Record<string, string>> = {
  's/ha/one.yaml': scenario(
    'tier: ha\nvars: {size: 1MiB}\nvariants: {big: {size: 2MiB}}\nci: [default, big]',
  ),
  's/two.yaml': scenario('tier: core'),
  't/two.yaml': scenario('tier: core'),
  's/_parts/_three.yaml': 'not: a scenario\n',
}

const files: FileSource = {
  read: async (path) => {
    const text = FILES[path]
    if (text === undefined) throw new BlockError('NOT_FOUND', `${path} does not exist`)
    return text
  },
  list: async (path) => {
    const names = Object.keys(FILES)
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => name.slice(path.length + 1).split('/'))
    const first = new Map(names.map(([name = '', ...rest]) => [name, rest.length > 0]))
    return [...first].sort().map(([name, isDirectory]) => ({ name, isDirectory }))
  },
  isDirectory: async (path) => Object.keys(FILES).some((name) => name.startsWith(`${path}/`)),
}

const ALL: Selection = { paths: ['s'], variables: {}, variant: undefined, tier: undefined, isCi: false }

const selected = async (more: Partial<Selection>): Promise<readonly string[]> => {
  const { scenarios, problems } = await selectScenarios({ ...ALL, ...more }, { files, catalog: CATALOG })
  expect(problems).toEqual([])
  return scenarios.map(({ name, variant }) => `${name}@${variant}`)
}

describe('which scenarios are run', () => {
  it('the plain variant of each', async () => {
    expect(await selected({})).toEqual(['ha/one@default', 'two@default'])
  })

  it('a variant of those that have it, all of them, those of the CI set, those of a tier', async () => {
    expect(await selected({ variant: 'big' })).toEqual(['ha/one@big'])
    expect(await selected({ variant: 'all' })).toEqual(['ha/one@default', 'ha/one@big', 'two@default'])
    expect(await selected({ isCi: true })).toEqual(['ha/one@default', 'ha/one@big'])
    expect(await selected({ tier: 'core' })).toEqual(['two@default'])
  })

  it('each file once, however often it is named', async () => {
    expect(await selected({ paths: ['s', 's/two.yaml'] })).toHaveLength(2)
  })

  it('is an error when reports could not tell two of them apart', async () => {
    const paths = ['s/two.yaml', 't']
    await expect(selected({ paths })).rejects.toThrow('s/two.yaml and t/two.yaml are both called two: ')
  })

  it('says which filter left nothing, and what there is', async () => {
    const two = { paths: ['s/two.yaml'] }
    const told: readonly (readonly [Partial<Selection>, string])[] = [
      [{ variant: 'none' }, "--variant: no scenario in s has a variant 'none'; there are: big, default"],
      [{ ...two, variant: 'big' }, "--variant: two has no variant 'big'; it has: default"],
      [
        { isCi: true, variant: 'x' },
        "--variant: ha/one has no variant 'x' in the CI set; it has: big, default",
      ],
      [{ ...two, isCi: true }, '--ci: no scenario in s/two.yaml is in the CI set: none has the key ci'],
      [
        { tier: 'core', isCi: true },
        "--ci: no scenario of tier 'core' in s is in the CI set: none has the key ci",
      ],
      [{ tier: 'soak' }, "--tier: no scenario of tier 'soak' in s; there are: core, ha"],
      [{ paths: ['s/_parts'], tier: 'soak' }, 'there is no scenario in s/_parts'],
    ]
    for (const [given, message] of told) {
      await expect(selected(given)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
    }
  })

  it('is an error when no scenario has a variable that is given', async () => {
    await expect(selected({ variables: { sise: '1' } })).rejects.toThrow(/no scenario has a variable 'sise'/)
  })
})

it('the first interrupt ends in good order, the second one at once', () => {
  let interrupt = (): void => undefined
  const said: string[] = []
  const interrupts = countInterrupts(
    (listener) => {
      interrupt = listener
      return () => undefined
    },
    (text) => void said.push(text),
  )
  const state = (): readonly boolean[] => [interrupts.first.aborted, interrupts.second.aborted]
  expect(state()).toEqual([false, false])
  interrupt()
  expect(state()).toEqual([true, false])
  interrupt()
  interrupt()
  expect(state()).toEqual([true, true])
  expect(said).toHaveLength(2)
})

describe('the end of a scenario', () => {
  it('undoes the last thing first, and goes on after one that failed', async () => {
    const world = new RunningWorld({} as ConstructorParameters<typeof RunningWorld>[0])
    const done: string[] = []
    for (const what of ['a', 'b', 'c']) {
      world.atEnd(what, async () => {
        if (what === 'b') throw new Error('stuck')
        done.push(what)
      })
    }
    const told: string[] = []
    await world.clean(1000, (what, failure) => void told.push(`${what} ${failure?.message ?? 'done'}`))
    expect(done).toEqual(['c', 'a'])
    expect(told).toEqual(['c done', 'b stuck', 'a done'])
  })

  it('does not wait for what never ends', async () => {
    const failure = await failureOf(() => new Promise<void>(() => undefined), 5)
    expect(failure?.code).toBe('TIMEOUT')
  })

  it('knows which harm is on', () => {
    const { harm } = new RunningWorld({} as ConstructorParameters<typeof RunningWorld>[0])
    expect([harm.isOn, harm.wasOn]).toEqual([false, false])
    harm.begin('s1 down')
    harm.begin('s1 down')
    expect([harm.end('s1 down'), harm.end('s1 down')]).toEqual([true, false])
    expect([harm.isOn, harm.wasOn]).toEqual([false, true])
  })
})
