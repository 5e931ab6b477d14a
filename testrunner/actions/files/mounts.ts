/** File systems on attached volumes: where they are mounted, and commands on the machines that have them. */
import type { Machine, Ran, RunOptions } from '../../backends/backend.ts'
import { StepFailure } from '../../model/failure.ts'
import type { Need } from '../../model/need.ts'
import type { ActionContext, World } from '../action.ts'
import { type AttachedName, diskOf } from '../hosts/attached.ts'
import { badArgument, couldNot } from '../shared/failures.ts'

export const FILE_SYSTEMS = ['ext4', 'xfs'] as const
export type FileSystem = (typeof FILE_SYSTEMS)[number]

export const KERNEL: readonly Need[] = ['kernel', 'root']

export interface Mount {
  readonly volume: string
  readonly machine: Machine
  readonly path: string
}

const keyOf = (volume: string, host: string): string => `mount of ${volume} at ${host}`

export const keepMount = ({ shared }: Pick<World, 'shared'>, mount: Mount): void => {
  shared.set(keyOf(mount.volume, mount.machine.name), mount)
}

export const dropMount = ({ shared }: Pick<World, 'shared'>, { volume, machine }: Mount): void => {
  shared.delete(keyOf(volume, machine.name))
}

/** Where the volume is mounted; undefined when it is not. */
export function findMount(world: World, { volume, host }: AttachedName): Mount | undefined {
  const hosts = host === undefined ? [...world.place.machines.keys()] : [host]
  return hosts.map((name) => world.shared.get(keyOf(volume, name)) as Mount | undefined).find(Boolean)
}

export function mountOf(world: World, name: AttachedName): Mount {
  const mount = findMount(world, name)
  if (mount !== undefined) return mount
  throw couldNot(`${name.volume} is not mounted at ${name.host ?? diskOf(world, name).host}`)
}

/** A path below the mount. ARGUMENT for one that leads out of it. */
export function pathIn({ path }: Pick<Mount, 'path'>, below: string): string {
  const parts = below.split('/').filter((part) => part !== '')
  if (parts.length === 0 || parts.includes('..'))
    throw badArgument(`'${below}' is not a path below the mount`)
  return `${path}/${parts.join('/')}`
}

export interface ToolOptions extends RunOptions {
  /** Exit codes that are no failure; 0 unless told. */
  readonly accept?: readonly number[]
}

/** Runs a tool to its end as root, with the step's signal. ACTION for another exit code; TIMEOUT when the step ended. */
export async function tool(
  { signal }: Pick<ActionContext, 'signal'>,
  machine: Machine,
  command: readonly string[],
  { accept = [0], ...options }: ToolOptions = {},
): Promise<Ran> {
  const ran = await machine.run(command, { asRoot: true, signal, ...options })
  if (ran.code !== null && accept.includes(ran.code)) return ran
  const evidence = {
    command: command.join(' '),
    code: ran.code,
    stderr: ran.stderr.slice(-2000),
    stdout: ran.stdout.slice(-2000),
  }
  if (signal.aborted || ran.isTimedOut)
    throw new StepFailure('TIMEOUT', `${command[0]} on ${machine.name} did not end`, evidence)
  const said = ran.stderr.trim().split('\n').at(-1) ?? ''
  throw couldNot(`${command[0]} on ${machine.name} ended with ${ran.code ?? 'a signal'}: ${said}`, evidence)
}
