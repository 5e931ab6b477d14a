/**
 * What may stand at the cursor, from the same tables as the help: commands, flags, values of flags, and names that the
 * master knows. A master that does not answer at once, or does not let us in, has no names: a shell that waits or
 * prints errors at the Tab key is worse than one that completes less.
 */
import type { Argument, Command, Option } from 'commander'
import { isBlockError } from '../../base/errors.ts'
import { nameKindOf, namesOf } from '../../client/wire/names.ts'
import type { Environment, FlagValues } from '../command.ts'
import { connectTo } from '../services.ts'
import { SHELLS } from './scripts.ts'

const ANSWER_MS_MAX = 1500
/** Below the words that shells print without asking. */
const NAMES_MAX = 100

/** Candidates for the last of `words` (it may be empty), one a line, with a description after a tab where there is one. */
export async function candidates(
  program: Command,
  words: readonly string[],
  environment: Environment,
): Promise<string[]> {
  const place = read(program, words.slice(0, -1))
  const typed = words.at(-1) ?? ''
  const found = await offers(place, typed, environment)
  return found.filter((line) => line.startsWith(typed))
}

interface Place {
  readonly command: Command
  /** Flag whose value comes next. */
  readonly option: Option | undefined
  /** How many arguments stand before the cursor. */
  readonly args: number
  readonly flags: FlagValues
}

/** Where in the commands the cursor is, by the words before it. */
function read(program: Command, words: readonly string[]): Place {
  let command = program
  let option: Option | undefined
  let args = 0
  const flags: Record<string, string> = {}
  for (const word of words) {
    if (option !== undefined) {
      flags[option.name()] = word
      option = undefined
    } else if (word.startsWith('-')) {
      const [name, value] = word.split('=', 2)
      const known = command.options.find(({ short, long }) => name === short || name === long)
      if (value !== undefined && known !== undefined) flags[known.name()] = value
      else if (known?.required === true) option = known
    } else {
      const next = args === 0 ? command.commands.find((sub) => isCalled(sub, word)) : undefined
      if (next === undefined) args++
      else command = next
    }
  }
  return { command, option, args, flags }
}

const isCalled = (command: Command, word: string): boolean =>
  command.name() === word || command.aliases().includes(word)

async function offers(place: Place, typed: string, environment: Environment): Promise<string[]> {
  const { command, option, args } = place
  if (option !== undefined) return valuesOf(option, typed, place.flags, environment)
  if (typed.startsWith('-')) return flagsOf(command)
  const last = command.registeredArguments.at(-1)
  const argument = command.registeredArguments[args] ?? (last?.variadic === true ? last : undefined)
  if (argument !== undefined) return valuesOf(argument, typed, place.flags, environment)
  return args > 0 ? [] : command.commands.map((sub) => line(sub.name(), sub.summary() || sub.description()))
}

const flagsOf = (command: Command): string[] => [
  ...command.options.flatMap(({ hidden, long, description }) =>
    hidden || long === undefined || long === null ? [] : [line(long, description)],
  ),
  line('--help', 'display help for command'),
]

async function valuesOf(
  place: Argument | Option,
  typed: string,
  flags: FlagValues,
  environment: Environment,
): Promise<string[]> {
  if (place.argChoices !== undefined) return [...place.argChoices]
  const placeholder = 'flags' in place ? (/<([\w@]+)>/.exec(place.flags)?.[1] ?? '') : place.name()
  if (placeholder === 'SHELL') return [...SHELLS]
  const kind = nameKindOf(placeholder)
  if (kind === undefined) return []
  const repository = typeof flags.repository === 'string' ? flags.repository : environment.BASALT_REPOSITORY
  try {
    const api = await connectTo('master', flags, environment, ANSWER_MS_MAX)
    const names = await namesOf(api, kind, { typed, limit: NAMES_MAX, repository: repository || undefined })
    return names.slice(0, NAMES_MAX).map(([name, about]) => line(name, about))
  } catch (error) {
    if (isBlockError(error)) return []
    throw error
  }
}

const line = (word: string, about: string): string =>
  `${word}\t${(about.split('\n')[0] ?? '').replace(/\p{Cc}+/gu, ' ')}`
