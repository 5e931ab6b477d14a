/** The file system under a server's data gets full. Only one of limited size: never that of the machine. */
import type { Daemon } from '../../cluster/cluster.ts'
import { size, withDefault } from '../../model/parameters.ts'
import { defineAction, type World } from '../action.ts'
import { badArgument, couldNot } from '../shared/failures.ts'
import { endHarm } from '../shared/harm.ts'
import { serverName, serverOf } from '../shared/servers.ts'
import { doHarm } from './damage.ts'

const isFull = ({ name }: Daemon): string => `${name} disk full`
const ballastOf = ({ dataPath }: Daemon): string => `${dataPath}/ballast`

export interface FreeSpace {
  readonly totalBytes: number
  readonly freeBytes: number
}

/** Of `df -B1 --output=size,avail PATH`. */
export function parseFree(stdout: string): FreeSpace | undefined {
  const [, totalBytes, freeBytes] = /(\d+)\s+(\d+)\s*$/.exec(stdout) ?? []
  return totalBytes === undefined
    ? undefined
    : { totalBytes: Number(totalBytes), freeBytes: Number(freeBytes) }
}

async function freeOf({ machine, dataPath }: Daemon): Promise<FreeSpace> {
  const { stdout, stderr } = await machine.run(['df', '-B1', '--output=size,avail', dataPath])
  const free = parseFree(stdout)
  if (free === undefined)
    throw couldNot(`df of ${dataPath} on ${machine.name} says nothing: ${stderr.trim()}`)
  return free
}

/** ACTION unless it is the file system that the topology asked for. */
async function limitedSpace({ scenario }: World, daemon: Daemon): Promise<FreeSpace> {
  const wanted = scenario.topology.diskBytes[daemon.name]
  if (wanted === undefined)
    throw badArgument(`${daemon.name} has no disk of its own: the topology's disks must name its size`)
  const free = await freeOf(daemon)
  if (free.totalBytes > 1.5 * wanted)
    throw couldNot(
      `the file system of ${daemon.name} has ${free.totalBytes} bytes, not ${wanted}; it is not filled`,
    )
  return free
}

export const diskFill = defineAction({
  name: 'disk_fill',
  group: 'fault',
  summary: "Fill the file system under a server's data; the topology has to give it a limited one",
  parameters: { server: serverName(), leave: withDefault(size('what stays free'), '0') },
  result: 'server, free_bytes that are left',
  needs: ['small-disk'],
  isFault: true,
  async run(context, { server, leave }) {
    const { world } = context
    const daemon = await serverOf(context, server)
    const before = await limitedSpace(world, daemon)
    if (before.freeBytes <= leave) throw couldNot(`${daemon.name} has ${before.freeBytes} bytes free already`)
    world.atEnd(`${daemon.name} has room`, () => daemon.machine.remove(ballastOf(daemon)))
    doHarm(context, isFull(daemon))
    const bytes = before.freeBytes - leave
    // more of an old file is there to stay: dd appends, and ends when the file system is full
    const dd = `dd if=/dev/zero bs=65536 count=${bytes} iflag=count_bytes status=none >> '${ballastOf(daemon)}'`
    const { stderr } = await daemon.machine.run(['sh', '-c', dd])
    const after = await freeOf(daemon)
    if (after.freeBytes > leave + 1_048_576)
      throw couldNot(
        `${daemon.name} has ${after.freeBytes} bytes free though it was filled: ${stderr.trim()}`,
      )
    return { server: daemon.name, free_bytes: after.freeBytes }
  },
})

export const diskFree = defineAction({
  name: 'disk_free',
  group: 'fault',
  summary: 'Take away what disk_fill put there',
  parameters: { server: serverName() },
  result: 'server, free_bytes',
  async run(context, { server }) {
    const daemon = await serverOf(context, server)
    if ((await daemon.machine.run(['test', '-e', ballastOf(daemon)])).code !== 0)
      throw couldNot(`the disk of ${daemon.name} was not filled`)
    await daemon.machine.remove(ballastOf(daemon))
    endHarm(context, isFull(daemon))
    return { server: daemon.name, free_bytes: (await freeOf(daemon)).freeBytes }
  },
})
