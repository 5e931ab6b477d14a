/** The commands that ask a cluster or a target over HTTP, with all that this takes. */
import type { Command } from 'commander'
import { addCommand, addNoun } from './build-command.ts'
import { Call, type Environment, type Output } from './command.ts'
import { COMMANDS, NOUNS } from './commands/all.ts'
import { connectTo, flagsOf } from './services.ts'
import type { Terminal } from './terminal.ts'

export interface ClientSurroundings {
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: Environment
  readonly terminal: Terminal
}

/** Adds the groups that commands belong to. */
export function addNouns(program: Command): void {
  for (const noun of NOUNS) addNoun(program, noun)
}

/** Adds the commands, to their groups where they have one. */
export function addCommands(program: Command, surroundings: ClientSurroundings): void {
  for (const command of COMMANDS) {
    const { service } = command
    addCommand(program, command, [...(command.flags ?? []), ...flagsOf(service)], (args, flags) =>
      command.run(
        new Call({
          args,
          flags,
          ...surroundings,
          connect: () => connectTo(service, flags, surroundings.environment),
        }),
      ),
    )
  }
}
