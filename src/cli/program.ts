/**
 * The command line: commands, flags, help, and the translation of whatever goes wrong into one sentence on
 * stderr and an exit code. Daemon commands arrive as descriptions, so that this module knows none of them.
 */
import { Command, CommanderError } from 'commander'
import { addDaemon, addNoun, addPlain, DAEMONS } from './build-command.ts'
import type {
  ArgumentDescription,
  Environment,
  FlagDescription,
  FlagValues,
  Noun,
  Output,
} from './command.ts'
import { completionScript, SHELLS } from './completion/scripts.ts'
import { describeError } from './describe-error.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { processTerminal, type Terminal } from './terminal.ts'

export type { ArgumentDescription, FlagDescription, FlagValues, Noun } from './command.ts'

export interface DaemonCommand {
  /** One word, or two for a command of a group. */
  readonly name: string
  readonly description: string
  readonly flags: readonly FlagDescription[]
  readonly args?: readonly ArgumentDescription[]
  /** Runs until the command is done; its exit code. `args`: all that stand behind its name. */
  run(flags: FlagValues, args: readonly string[]): Promise<number>
}

export interface CliOptions {
  readonly version: string
  readonly daemons: readonly DaemonCommand[]
  /** Groups that daemon commands of two words belong to, beside those of the commands that ask clusters. */
  readonly nouns?: readonly Noun[]
  /** The commands that ask clusters are neither offered nor loaded. */
  readonly daemonsOnly?: boolean
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: Environment
  /** The process's own unless given. */
  readonly terminal?: Terminal
}

/** What the scripts of `basalt completion` call, with the words of the line up to the cursor. */
const COMPLETE = '__complete'

/** Runs the command that `args` (without the program's name) ask for; returns its exit code, never throws. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const { stdout, stderr, environment } = options
  let exitCode: number = EXIT.ok
  const clients = options.daemonsOnly === true ? undefined : await import('./client-commands.ts')
  const program = buildProgram(options, clients, (code) => {
    exitCode = code
  })
  try {
    if (args[0] === COMPLETE) {
      const { candidates } = await import('./completion/candidates.ts')
      const lines = await candidates(program, args.slice(args[1] === '--' ? 2 : 1), environment)
      stdout.write(lines.map((line) => `${line}\n`).join(''))
      return EXIT.ok
    }
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has already printed its sentence, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    stderr.write(`basalt: ${describeError(error, { stack: wantsStack(args, environment) })}\n`)
    return exitCodeOf(error)
  }
}

type ClientCommands = typeof import('./client-commands.ts')

/** The parser of the commands. `ended` gets the exit code of one that has its own. */
function buildProgram(
  options: CliOptions,
  clients: ClientCommands | undefined,
  ended: (exitCode: number) => void,
): Command {
  const { stdout, stderr, environment, terminal = processTerminal() } = options
  const program = new Command('basalt')
    .description('Basalt: replicated disks that a kernel mounts over iSCSI')
    .version(options.version, '--version')
    .exitOverride()
    .helpCommand(false)
    // Flags belong to the command that stands before them: `target --admin` is not `target list --admin`.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => terminal.outputWidth ?? 100,
      getErrHelpWidth: () => terminal.progressWidth ?? 100,
      outputError: (text, write) => write(`basalt: ${text.replace(/^error: /, '').replace(/\n\(/, ' (')}`),
    })
  const addDaemons = (isOfGroup: boolean): void => {
    for (const daemon of options.daemons.filter(({ name }) => name.includes(' ') === isOfGroup)) {
      addDaemon(program, daemon, async (flags, args) => ended(await daemon.run(flags, args)))
    }
  }
  addDaemons(false)
  clients?.addNouns(program)
  for (const noun of options.nouns ?? []) addNoun(program, noun, DAEMONS)
  addDaemons(true)
  clients?.addCommands(program, { stdout, stderr, environment, terminal })
  addPlain(program, 'completion', 'print what makes a shell complete the words of this program')
    .argument('<SHELL>', SHELLS.join(', '))
    .action((shell: string) => {
      stdout.write(completionScript(shell, COMPLETE))
    })
  addPlain(program, 'version', 'print the version').action(() => {
    stdout.write(`basalt ${options.version} (Node.js ${process.version})\n`)
  })
  return program
}

/** Known before flags are parsed, for their parsing may be what failed. */
const wantsStack = (args: readonly string[], environment: Environment): boolean =>
  args.some((arg, i) => arg === '--log-level=debug' || (arg === 'debug' && args[i - 1] === '--log-level')) ||
  environment.BASALT_LOG_LEVEL === 'debug'
