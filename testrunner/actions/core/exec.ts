/** A program on one of the machines. */
import { parseJson } from '../../../src/client/http/api-client.ts'
import type { Machine } from '../../backends/backend.ts'
import { StepFailure } from '../../model/failure.ts'
import { integer, listOf, machineName, optional, text, truth, withDefault } from '../../model/parameters.ts'
import type { Value } from '../../model/value.ts'
import { defineAction, type World } from '../action.ts'
import { badArgument, notAsStated } from '../shared/failures.ts'

const OUTPUT_CHARS = 4000

export const EXEC = defineAction({
  name: 'exec',
  group: 'core',
  summary: 'Run a program on a machine and look at its exit code and its output',
  parameters: {
    machine: withDefault(machineName('machine that runs it: m1, s1, h1, …'), 'm1'),
    command: listOf(text('program and arguments; one text alone is for the shell')),
    code: withDefault(integer('exit code that it must have', 0, 255), 0),
    contains: optional(text('must be in its standard output')),
    as_root: withDefault(truth('run it as root'), false),
  },
  result: '{code, stdout, stderr}, and json when its output is JSON',
  run: async ({ world, signal }, { machine, command, code, contains, as_root: asRoot }) => {
    const argv = command.length === 1 ? ['/bin/sh', '-c', command[0] ?? ''] : command
    const ran = await machineOf(world, machine).run(argv, { signal, asRoot })
    if (signal.aborted)
      throw new StepFailure('TIMEOUT', `${argv.join(' ')} did not end`, {
        stdout: ran.stdout.slice(-OUTPUT_CHARS),
      })
    const seen = {
      code: ran.code,
      stdout: ran.stdout.slice(-OUTPUT_CHARS),
      stderr: ran.stderr.slice(-OUTPUT_CHARS),
    }
    if (ran.code !== code)
      throw notAsStated(`the exit code is ${ran.code ?? 'a signal'}, not ${code}`, { code }, seen)
    if (contains !== undefined && !ran.stdout.includes(contains))
      throw notAsStated('the output does not have the text', { contains }, seen)
    const json = parseJson(ran.stdout) as Value | undefined
    return json === undefined ? seen : { ...seen, json }
  },
})

export function machineOf({ place }: World, name: string): Machine {
  const machine = place.machines.get(name)
  if (machine !== undefined) return machine
  throw badArgument(`there is no machine ${name}; there are ${[...place.machines.keys()].join(', ')}`)
}
