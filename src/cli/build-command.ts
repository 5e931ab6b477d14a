/** From descriptions of commands to the parser's objects, which also print the help. */
import { Argument, type Command, Option } from 'commander'
import type { ArgumentDescription, CommandDescription, FlagDescription, FlagValues, Noun } from './command.ts'

export const DAEMONS = 'Commands that serve and measure:'
const MASTER = 'Commands over the API of the master:'
const OTHERS = 'Others:'

/** Adds a command that asks no service: right under the program, or with two words in its name under a noun. */
export function addDaemon(
  program: Command,
  daemon: {
    readonly name: string
    readonly description: string
    readonly flags: readonly FlagDescription[]
    readonly args?: readonly ArgumentDescription[]
  },
  run: (flags: FlagValues, args: readonly string[]) => Promise<void>,
): void {
  const words = daemon.name.split(' ')
  const parent = parentOf(program, words)
  const command = parent.command(words.at(-1) ?? '').description(daemon.description)
  if (parent === program) command.helpGroup(DAEMONS)
  for (const flag of daemon.flags) {
    command.addOption(optionOf(flag))
    if (flag.placeholder === undefined) command.addOption(new Option(`--no-${flag.name}`).hideHelp())
  }
  for (const argument of daemon.args ?? []) command.addArgument(argumentOf(argument))
  // What stands between the flags may be meant as one of the commands that share its name.
  if (daemon.args === undefined) command.allowExcessArguments()
  command.action(async () => {
    const [stray] = command.args
    if (stray !== undefined && daemon.args === undefined) refuseStray(command, stray)
    await run(valuesOf(daemon.flags, command.opts()), command.args)
  })
}

function refuseStray(command: Command, stray: string): never {
  const names = command.commands.map((sub) => sub.name()).filter((name) => name !== 'help')
  if (names.length === 0) {
    const count = command.args.length
    command.error(
      `error: too many arguments for '${command.name()}'. Expected 0 arguments but got ${count}: ${command.args.join(', ')}.`,
    )
  }
  command.error(
    `error: unknown command '${command.name()} ${stray}'; there are ${names.join(', ')}, and without any of them it serves`,
  )
}

/** Adds `noun`, or finds the daemon of that name: `basalt server` serves, `basalt server list` asks the master. */
export function addNoun(program: Command, noun: Noun, group = MASTER): void {
  const parent = parentOf(program, noun.words)
  const name = noun.words.at(-1) ?? ''
  const there = parent.commands.find((command) => command.name() === name)
  if (there !== undefined) {
    there.enablePositionalOptions().usage('[options] | [command]')
    const serves = there.description()
    there.description(`${serves}\nWith a command, ${noun.summary}.`)
    there.summary(`${serves}; with a command, ${noun.summary}`).helpCommand(false)
    there.commandsGroup('Commands, which serve nothing:')
    if (noun.more !== undefined) there.addHelpText('after', `\n${noun.more}`)
    return
  }
  const command = parent.command(name).description(noun.summary).helpCommand(false)
  if (parent === program) command.helpGroup(group)
  if (noun.more !== undefined) command.addHelpText('after', `\n${noun.more}`)
}

/** Adds what `description` says under its noun. */
export function addCommand(
  program: Command,
  description: CommandDescription,
  flags: readonly FlagDescription[],
  run: (args: Readonly<Record<string, string | undefined>>, flags: FlagValues) => Promise<void>,
): void {
  const command = parentOf(program, description.words)
    .command(description.words.at(-1) ?? '')
    .description(description.summary)
  if (command.parent === program) command.helpGroup(MASTER)
  const alias = ALIASES[command.name()]
  if (alias !== undefined) command.alias(alias)
  const args = description.args ?? []
  for (const argument of args) command.addArgument(argumentOf(argument))
  for (const flag of flags) command.addOption(optionOf(flag))
  command.action(async (...given: unknown[]) => {
    refuseFlagsBefore(command)
    const values = args.map(({ name }, index): [string, string | undefined] => {
      const value = given[index]
      if (Array.isArray(value)) return [name, value.join(',')]
      return [name, typeof value === 'string' ? value : undefined]
    })
    await run(Object.fromEntries(values), valuesOf(flags, command.opts()))
  })
}

/** What the parser took for flags of the daemon would be lost without a word. */
function refuseFlagsBefore(command: Command): void {
  const parent = command.parent
  const [flag] = Object.keys(parent?.opts() ?? {})
  if (parent === null || flag === undefined) return
  const long = parent.options.find((option) => option.attributeName() === flag)?.long ?? flag
  const words = `${parent.name()} ${command.name()}`
  command.error(`error: ${long} stands before the command; write 'basalt ${words} ${long} ...'`)
}

/** Adds a command of the program's own. */
export const addPlain = (program: Command, name: string, summary: string): Command =>
  program.command(name).description(summary).helpGroup(OTHERS)

function parentOf(program: Command, words: readonly string[]): Command {
  let parent = program
  for (const word of words.slice(0, -1)) {
    parent = parent.commands.find((command) => command.name() === word) ?? parent
  }
  return parent
}

function argumentOf({ name, help, isOptional, isList }: ArgumentDescription): Argument {
  const words = isList === true ? `${name}...` : name
  return new Argument(isOptional === true ? `[${words}]` : `<${words}>`, help)
}

/** Both words are what people try; each command has one of them as its name. */
const ALIASES: Readonly<Record<string, string>> = { get: 'show', show: 'get' }

const SHORT: Readonly<Record<string, string>> = { output: '-o, ', yes: '-y, ', follow: '-f, ' }

function optionOf(flag: FlagDescription): Option {
  const notes = [
    ...(flag.default === undefined ? [] : [`default: ${flag.default}`]),
    ...(flag.variable === undefined ? [] : [`env: ${flag.variable}`]),
  ]
  const help = notes.length === 0 ? flag.help : `${flag.help} (${notes.join(', ')})`
  const value = flag.placeholder === undefined ? '' : ` <${flag.placeholder}>`
  const option = new Option(`${SHORT[flag.name] ?? ''}--${flag.name}${value}`, help)
  if (flag.choices !== undefined) option.choices([...flag.choices])
  if (flag.isList === true) option.argParser(joined)
  return option
}

/** Exactly what was given, by the flags' own names. */
const valuesOf = (flags: readonly FlagDescription[], given: FlagValues): FlagValues =>
  Object.fromEntries(
    flags.map(({ name, placeholder }) => {
      // The parser takes `--no-x` for the opposite of an `x` that is on by default.
      const isNegation = placeholder === undefined && name.startsWith('no-')
      return [name, isNegation ? given[camelCase(name.slice(3))] === false : given[camelCase(name)]]
    }),
  )

const joined = (text: string, before?: string): string => (before === undefined ? text : `${before},${text}`)

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
