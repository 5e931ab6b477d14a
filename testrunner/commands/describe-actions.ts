/** What the catalog of actions says of each, in the order of groups and then of names: for people, programs and documentation. */
import { ACTION_GROUPS, type ActionCatalog, type ActionGroup, type ActionSpec } from '../model/action-spec.ts'
import { NEEDS, type Need } from '../model/need.ts'
import type { Parameter } from '../model/parameter.ts'
import type { Value } from '../model/value.ts'

export interface ActionDescription {
  readonly name: string
  readonly group: ActionGroup
  readonly summary: string
  readonly parameters: readonly ParameterDescription[]
  /** What save_as saves; null for nothing. */
  readonly result: string | null
  readonly needs: readonly Need[]
  readonly timeoutMs: number
  readonly isFault: boolean
}

interface ParameterDescription {
  readonly name: string
  readonly kind: string
  readonly help: string
  readonly isRequired: boolean
  /** Null for none. */
  readonly default: Value
}

export function describeActions(catalog: ActionCatalog): readonly ActionDescription[] {
  const rank = (spec: ActionSpec): number => ACTION_GROUPS.indexOf(spec.group)
  return [...catalog.values()]
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
    .map(({ name, group, summary, parameters, result, needs, timeoutMs, isFault }) => ({
      ...{ name, group, summary, result, needs, timeoutMs, isFault },
      parameters: Object.entries(parameters).map(([key, parameter]) => describeParameter(key, parameter)),
    }))
}

const describeParameter = (name: string, parameter: Parameter<unknown>): ParameterDescription => ({
  ...{ name, kind: parameter.kind, help: parameter.help, isRequired: parameter.isRequired },
  default: parameter.default ?? null,
})

/** One action for a terminal; ends with a line break. */
export function actionText(action: ActionDescription): string {
  const width = Math.max(0, ...action.parameters.map(({ name }) => name.length))
  const lines = [
    `${action.name}: ${action.summary}.`,
    ...(action.isFault ? ['  does harm'] : []),
    ...(action.result === null ? [] : [`  saves    ${action.result}`]),
    ...(action.needs.length === 0 ? [] : [`  needs    ${action.needs.join(', ')}`]),
    `  timeout  ${asWritten(action.timeoutMs)}`,
    ...action.parameters.map((one) => `  - ${one.name.padEnd(width)}  ${one.help} (${kindText(one)})`),
  ]
  return `${lines.join('\n')}\n`
}

const kindText = (one: ParameterDescription): string => `${one.kind}, ${defaultText(one)}`

function defaultText(one: ParameterDescription): string {
  if (one.isRequired) return 'required'
  return one.default === null ? 'optional' : `default ${valueText(one.default)}`
}

const valueText = (value: Value): string =>
  typeof value === 'string' && value !== '' ? value : JSON.stringify(value)

/** All of them as a page of documentation. */
export function actionsMarkdown(actions: readonly ActionDescription[]): string {
  const groups = ACTION_GROUPS.filter((group) => actions.some((action) => action.group === group))
  const sections = groups.flatMap((group) => [
    `## ${group[0]?.toUpperCase()}${group.slice(1)}`,
    ...actions.filter((action) => action.group === group).map(actionMarkdown),
  ])
  return `${[INTRODUCTION, needsMarkdown(), ...sections].join('\n\n')}\n`
}

const INTRODUCTION = `# Actions of scenarios

<!-- Written by \`npm run docs:actions\` from the table of actions. -->

What the steps of a scenario may do; [scenarios.md](scenarios.md) tells how they are written. Besides its parameters
every step may have \`id\`, \`because_of\`, \`save_as\`, \`retry\`, \`timeout\` and \`ignore_error\`. \`basalt scenario
actions\` shows the same.`

function needsMarkdown(): string {
  const rows = Object.entries(NEEDS).map(([need, help]) => `| \`${need}\` | ${cell(help)} |`)
  return `An action that needs something which a place lacks makes the scenario skipped there:\n\n| need | what it is |\n|---|---|\n${rows.join('\n')}`
}

function actionMarkdown(action: ActionDescription): string {
  const facts = [
    ...(action.isFault ? ['Does harm.'] : []),
    ...(action.result === null ? [] : [`Saves ${action.result}.`]),
    ...(action.needs.length === 0 ? [] : [`Needs ${action.needs.map((need) => `\`${need}\``).join(', ')}.`]),
    `Timeout ${asWritten(action.timeoutMs)}.`,
  ]
  const rows = action.parameters.map(
    (one) => `| \`${one.name}\` | ${cell(one.kind)} | ${cell(defaultText(one))} | ${cell(one.help)} |`,
  )
  const table =
    rows.length === 0 ? '' : `\n\n| parameter | kind | default | |\n|---|---|---|---|\n${rows.join('\n')}`
  return `### ${action.name}\n\n${action.summary}. ${facts.join(' ')}${table}`
}

/** Text within a row of a table. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** As a file would say it. */
function asWritten(ms: number): string {
  for (const [unit, factor] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`
  }
  return `${ms}ms`
}
