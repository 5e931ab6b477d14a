/** The disks that hosts have attached, and how steps name them. */
import type { Machine } from '../../backends/backend.ts'
import type { Disk, Host } from '../../hosts/disk.ts'
import { machineName, optional } from '../../model/parameters.ts'
import type { World } from '../action.ts'
import { badArgument, couldNot } from '../shared/failures.ts'
import { volumeName } from '../shared/volumes.ts'

/** Of every step that works on an attached volume. */
export const ATTACHED = {
  volume: volumeName('name of an attached volume'),
  host: optional(
    machineName('the machine that has it attached: h1, h2, …; the first one that has, unless told', ['h']),
  ),
} as const

export interface AttachedName {
  readonly volume: string
  readonly host: string | undefined
}

/** `name` undefined: the first host. */
export function hostOf({ hosts }: World, name: string | undefined): Host {
  const found = name === undefined ? hosts.values().next().value : hosts.get(name)
  if (found !== undefined) return found
  throw badArgument(
    name === undefined
      ? 'the topology has no hosts'
      : `there is no host ${name}; there are ${[...hosts.keys()].join(', ')}`,
  )
}

export function disksOf(world: World, { volume, host }: AttachedName): readonly Disk[] {
  const hosts = host === undefined ? [...world.hosts.values()] : [hostOf(world, host)]
  return hosts.flatMap(({ disks }) => disks.filter((disk) => disk.volume === volume))
}

/** ACTION when nobody has it attached. */
export function diskOf(world: World, name: AttachedName): Disk {
  const disk = disksOf(world, name)[0]
  if (disk !== undefined) return disk
  throw couldNot(`${name.volume} is not attached${name.host === undefined ? '' : ` at ${name.host}`}`)
}

/** A disk as a kernel has it, and the machine whose kernel that is. */
export interface KernelDisk {
  readonly disk: Disk
  readonly machine: Machine
  readonly devicePath: string
}

export function kernelDiskOf(world: World, name: AttachedName): KernelDisk {
  const disk = diskOf(world, name)
  const machine = world.place.machines.get(disk.host)
  if (machine === undefined) throw couldNot(`there is no machine ${disk.host}`)
  if (disk.devicePath === null)
    throw couldNot(`${disk.host} attaches ${disk.volume} in user space: there is no device`)
  return { disk, machine, devicePath: disk.devicePath }
}

export const describeDisk = (disk: Disk) => ({
  volume: disk.volume,
  host: disk.host,
  transport: disk.transport,
  device: disk.devicePath,
  size_bytes: disk.sizeBytes,
  logical_block_bytes: disk.logicalBlockBytes,
})
