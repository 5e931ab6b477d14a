/** A volume becomes a disk of a host, and no longer is one. */
import { Type } from 'typebox'
import { TRANSPORTS } from '../../hosts/disk.ts'
import { listOf, machineName, oneOf, optional, text, truth, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { volumeName } from '../shared/volumes.ts'
import { ATTACHED, describeDisk, diskOf, disksOf, hostOf } from './attached.ts'

const HOW = {
  transport: withDefault(oneOf(TRANSPORTS, 'the protocol'), 'iscsi'),
  multipath: withDefault(truth('over every path at once; else one session that follows the volume'), false),
  read_only: withDefault(truth('the host does not write'), false),
} as const

type How = { readonly [name in keyof typeof HOW]: ReturnType<(typeof HOW)[name]['parse']> }

const optionsOf = (volume: string, { transport, multipath, read_only }: How) => ({
  ...{ volume, transport, isMultipath: multipath, isReadOnly: read_only },
})

export const attach = defineAction({
  name: 'attach',
  group: 'host',
  summary: 'Attach a volume to a host, which has it as a disk until it is detached or the scenario ends',
  parameters: {
    volume: volumeName(),
    host: optional(machineName('the machine: h1, h2, …; the first one unless told', ['h'])),
    ...HOW,
  },
  result: 'volume, host, transport, device (null in user space), size_bytes, logical_block_bytes',
  async run({ world, signal }, { volume, host, ...how }) {
    return describeDisk(await hostOf(world, host).attach(optionsOf(volume, how), signal))
  },
})

export const detach = defineAction({
  name: 'detach',
  group: 'host',
  summary: 'Take a volume from the host that has it, or from every host',
  parameters: ATTACHED,
  async run({ world }, name) {
    const disks = name.host === undefined ? disksOf(world, name) : [diskOf(world, name)]
    if (disks.length === 0) diskOf(world, name)
    await Promise.all(disks.map((disk) => disk.detach()))
    return undefined
  },
})

const Names = Type.Object({ volumes: Type.Array(Type.Object({ name: Type.String() })) })

export const attachAll = defineAction({
  name: 'attach_all',
  group: 'host',
  summary: 'Attach several volumes at once, dealt to the hosts in turn',
  parameters: {
    volumes: optional(listOf(text('names of volumes; all of the cluster unless told'))),
    hosts: optional(listOf(machineName('machines h1, h2, …; all of them unless told', ['h']))),
    ...HOW,
  },
  result: 'a list: volume, host, transport, device, size_bytes, logical_block_bytes of each',
  async run(context, { volumes, hosts, ...how }) {
    const { world, signal } = context
    const names = hosts ?? [...world.hosts.keys()]
    const dealt = (volumes ?? (await allVolumes(context))).map((volume, index) => {
      return { volume, host: hostOf(world, names[index % names.length]) }
    })
    const disks = dealt.map(({ volume, host }) => host.attach(optionsOf(volume, how), signal))
    return (await Promise.all(disks)).map(describeDisk)
  },
})

async function allVolumes({ world, signal }: ActionContext): Promise<readonly string[]> {
  const { volumes } = await world.cluster.api.call('GET', '/block/volumes', Names, undefined, signal)
  return volumes.map(({ name }) => name)
}
