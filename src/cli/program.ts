/**
 * The command line: commands, flags, help, and the translation of whatever goes wrong into one sentence on
 * stderr and an exit code. Daemon commands arrive as descriptions, so that this module knows none of them.
 */
import { Command, CommanderError, Option } from 'commander'
import { describeError } from './describe-error.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { addVolumeCommands, type Output } from './volume-commands.ts'

export interface FlagDescription {
  readonly name: string
  /** What follows the flag; undefined for a switch, which then has a `--no-` form too. */
  readonly placeholder: string | undefined
  readonly help: string
  readonly default?: string | undefined
  /** May be given several times; its value is then all of them with commas between. */
  readonly isList?: boolean
  /** Environment variable that gives the same. */
  readonly variable?: string
}

export type FlagValues = Readonly<Record<string, string | boolean | undefined>>

export interface DaemonCommand {
  /** One word, or two for a command of a group. */
  readonly name: string
  readonly description: string
  readonly flags: readonly FlagDescription[]
  /** Runs until the command is done; its exit code. */
  run(flags: FlagValues): Promise<number>
}

export interface CliOptions {
  readonly version: string
  readonly daemons: readonly DaemonCommand[]
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Runs the command that `args` (without the program's name) ask for; returns its exit code, never throws. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const { stdout, stderr, environment } = options
  let exitCode: number = EXIT.ok
  const program = new Command('basalt')
    .description('Basalt: disks that a kernel mounts over iSCSI, kept in a write-ahead log with checksums')
    .version(options.version, '--version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`basalt: ${text.replace(/^error: /, '').replace(/\n\(/, ' (')}`),
    })
  for (const daemon of options.daemons) {
    addDaemonCommand(program, daemon, async (flags) => {
      exitCode = await daemon.run(flags)
    })
  }
  addVolumeCommands(program, stdout, environment)
  program
    .command('version')
    .description('print the version')
    .action(() => stdout.write(`basalt ${options.version} (Node.js ${process.version})\n`))

  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has already printed its sentence, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    stderr.write(`basalt: ${describeError(error, { stack: wantsStack(args, environment) })}\n`)
    return exitCodeOf(error)
  }
}

function addDaemonCommand(
  program: Command,
  daemon: DaemonCommand,
  run: (flags: FlagValues) => Promise<void>,
): void {
  const [first = '', second] = daemon.name.split(' ')
  const command = (
    second === undefined ? program.command(first) : group(program, first).command(second)
  ).description(daemon.description)
  for (const flag of daemon.flags) {
    const notes = [
      ...(flag.default === undefined ? [] : [`default: ${flag.default}`]),
      ...(flag.variable === undefined ? [] : [`env: ${flag.variable}`]),
    ]
    const help = notes.length === 0 ? flag.help : `${flag.help} (${notes.join(', ')})`
    if (flag.placeholder !== undefined) {
      const option = new Option(`--${flag.name} <${flag.placeholder}>`, help)
      if (flag.isList === true) option.argParser(joined)
      command.addOption(option)
      continue
    }
    command.addOption(new Option(`--${flag.name}`, help))
    command.addOption(new Option(`--no-${flag.name}`).hideHelp())
  }
  command.action(async (given: FlagValues) => {
    await run(Object.fromEntries(daemon.flags.map(({ name }) => [name, given[camelCase(name)]])))
  })
}

/** The group of this name, which others may have made. */
const group = (program: Command, name: string): Command =>
  program.commands.find((command) => command.name() === name) ?? program.command(name)

const joined = (text: string, before?: string): string => (before === undefined ? text : `${before},${text}`)

const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/** Known before flags are parsed, for their parsing may be what failed. */
const wantsStack = (args: readonly string[], environment: CliOptions['environment']): boolean =>
  args.some((arg, i) => arg === '--log-level=debug' || (arg === 'debug' && args[i - 1] === '--log-level')) ||
  environment.BASALT_LOG_LEVEL === 'debug'
