/** Hosts and the volumes that they have attached. */
import type { Disk, Host } from '../../hosts/disk.ts'
import { text, withDefault } from '../../model/parameters.ts'
import type { World } from '../action.ts'
import { badArgument, couldNot } from './failures.ts'

export const hostName = withDefault(text('the host: h1, h2, …'), 'h1')

export function hostOf({ hosts }: World, name: string): Host {
  const host = hosts.get(name)
  if (host !== undefined) return host
  throw badArgument(`there is no host ${name}; there are ${[...hosts.keys()].join(', ')}`)
}

/** ACTION when the host has not attached it. */
export function diskOf(world: World, host: string, volume: string): Disk {
  const { disks } = hostOf(world, host)
  const disk = disks.find((one) => one.volume === volume)
  if (disk !== undefined) return disk
  const there = disks.map((one) => one.volume).join(', ') || 'nothing'
  throw couldNot(`${host} has not attached ${volume}; it has ${there}`)
}
