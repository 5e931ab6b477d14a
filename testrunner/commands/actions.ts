/** `basalt scenario actions`: what steps can do, from the table that files are checked against. */
import { BlockError } from '../../src/base/errors.ts'
import { suggest } from '../../src/config/suggest.ts'
import { ACTIONS, CATALOG } from '../actions/all.ts'
import { ACTION_GROUPS, type ActionSpec } from '../model/action-spec.ts'
import type { Parameter } from '../model/parameter.ts'
import type { Output } from './options.ts'

export interface ActionsOptions {
  readonly name: string | undefined
  readonly format: 'text' | 'json' | 'markdown'
}

/** NOT_FOUND for an action that there is not. */
export async function actionsCommand(
  { name, format }: ActionsOptions,
  { stdout }: { readonly stdout: Output },
): Promise<number> {
  const shown = name === undefined ? ACTIONS : [specOf(name)]
  if (format === 'json') stdout.write(`${JSON.stringify(shown.map(described), undefined, 2)}\n`)
  else if (format === 'markdown') stdout.write(actionsPage(shown))
  else stdout.write(name === undefined ? overview(shown) : shown.map(inFull).join('\n'))
  return 0
}

function specOf(name: string): ActionSpec {
  const found = CATALOG.get(name)
  if (found !== undefined) return found
  const near = suggest(name, [...CATALOG.keys()])
  const hint = near === undefined ? "'basalt scenario actions' lists them" : `did you mean ${near}?`
  throw new BlockError('NOT_FOUND', `there is no action ${name.slice(0, 80)}; ${hint}`)
}

const described = ({ name, group, summary, result, needs, timeoutMs, isFault, parameters }: ActionSpec) => ({
  ...{ name, group, summary, result, needs, timeout_ms: timeoutMs, is_fault: isFault },
  parameters: Object.entries(parameters).map(([parameter, { kind, help, isRequired, default: value }]) => ({
    ...{ name: parameter, kind, help, required: isRequired },
    ...(value !== undefined && { default: value }),
  })),
})

const inGroups = (specs: readonly ActionSpec[]) =>
  ACTION_GROUPS.map((group) => ({ group, specs: specs.filter((spec) => spec.group === group) })).filter(
    (one) => one.specs.length > 0,
  )

function overview(specs: readonly ActionSpec[]): string {
  const width = Math.max(...specs.map(({ name }) => name.length))
  return inGroups(specs)
    .map(({ group, specs: some }) => {
      const lines = some.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`)
      return `${group}:\n${lines.join('')}`
    })
    .join('\n')
}

/** What of a parameter goes behind its kind. */
const condition = ({ isRequired, default: value }: Parameter<unknown>): string =>
  isRequired ? 'required' : value === undefined ? 'optional' : `default ${JSON.stringify(value)}`

function inFull(spec: ActionSpec): string {
  const parameters = Object.entries(spec.parameters).map(
    ([name, parameter]) => `  ${name}: ${parameter.kind}, ${condition(parameter)}\n      ${parameter.help}\n`,
  )
  return [
    `${spec.name} (${spec.group})\n  ${spec.summary}.\n\n`,
    ...(parameters.length === 0 ? ['  It takes no arguments.\n'] : parameters),
    ...facts(spec).map((fact) => `\n  ${fact}\n`),
  ].join('')
}

const facts = ({ result, needs, timeoutMs, isFault }: ActionSpec): readonly string[] => [
  ...(result === null ? [] : [`save_as saves ${result}.`]),
  ...(needs.length === 0 ? [] : [`Needs ${needs.join(', ')}.`]),
  ...(isFault ? ['It does harm.'] : []),
  `Ends after ${timeoutMs / 1000} s unless the step says otherwise.`,
]

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The page of docs: one table for each action. */
function actionsPage(specs: readonly ActionSpec[]): string {
  const sections = inGroups(specs).map(({ group, specs: some }) => {
    const actions = some.map((spec) => {
      const rows = Object.entries(spec.parameters).map(
        ([name, parameter]) =>
          `| \`${name}\` | ${cell(parameter.kind)} | ${cell(condition(parameter))} | ${cell(parameter.help)} |\n`,
      )
      const head = '\n| argument | kind | | meaning |\n| --- | --- | --- | --- |\n'
      const table = rows.length === 0 ? '' : `${head}${rows.join('')}`
      return `### ${spec.name}\n\n${spec.summary}. ${facts(spec).join(' ')}\n${table}`
    })
    return `## ${group[0]?.toUpperCase()}${group.slice(1)}\n\n${actions.join('\n')}`
  })
  return `# Actions of scenarios\n\nMade by \`npm run docs:actions\` from the table of actions; \`basalt scenario actions\` prints the same.\n\n${sections.join('\n')}`
}
