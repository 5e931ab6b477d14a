/** Statements about volumes, replicas and leaders, as they are now. */
import { integer, machineName, optional, text } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { EXPECTATIONS, unmet } from '../shared/expectations.ts'
import { asValue, badArgument, notAsStated } from '../shared/failures.ts'
import { fieldOf } from '../shared/fields.ts'
import { nameOfReplica, serverName, serverOf } from '../shared/servers.ts'
import { volumeResult } from '../shared/volume-states.ts'
import { leaderIn, volumeName, volumeOf } from '../shared/volumes.ts'
import { leadResult, REPLICA_STATES, unlike, unlikeReplica, VOLUME_STATES } from '../waits/replicas.ts'

const isGiven = (value: unknown): boolean => value !== undefined

export const ASSERT_VOLUME = defineAction({
  name: 'assert_volume',
  group: 'assert',
  summary: 'A volume is as told now, or a field of it is as expected',
  parameters: {
    volume: volumeName(),
    ...VOLUME_STATES,
    field: optional(text('place in the volume as the API shows it, e.g. qos.iops; with one of the next six')),
    ...EXPECTATIONS,
  },
  result: 'the volume as the API shows it, with leader: the name of the server that leads',
  run: async (context, { volume: name, field, equals, not, above, below, at_least, at_most, ...stated }) => {
    const volume = await volumeOf(context, name)
    const shown = volumeResult(context.world, volume)
    const isStated = Object.values(stated).some(isGiven)
    if (field === undefined && !isStated) throw badArgument('nothing is stated of the volume')
    const other = unlike(volume, stated)
    if (other !== null) throw notAsStated(`${name} is ${other}`, asValue(stated), shown)
    if (field !== undefined) {
      const expected = { equals, not, above, below, at_least, at_most }
      const found = fieldOf(shown, field)
      const wrong = unmet(found, expected)
      if (wrong !== null) throw notAsStated(`${field} of ${name}: ${wrong}`, asValue(expected), found ?? null)
    }
    return shown
  },
})

export const ASSERT_REPLICA = defineAction({
  name: 'assert_replica',
  group: 'assert',
  summary: "A server's replica of a volume is as told now",
  parameters: { volume: volumeName(), server: serverName(), ...REPLICA_STATES },
  result: 'the replica as the API shows it',
  run: async (context, { volume: name, server, ...stated }) => {
    const daemon = await serverOf(context, server)
    const { replicas } = await volumeOf(context, name)
    const replica = replicas.find((one) => nameOfReplica(context.world, one) === daemon.name)
    const wrong = unlikeReplica(replica, stated)
    if (wrong !== null)
      throw notAsStated(`the replica on ${daemon.name}: ${wrong}`, asValue(stated), asValue(replica))
    return asValue(replica)
  },
})

export const ASSERT_LEADER = defineAction({
  name: 'assert_leader',
  group: 'assert',
  summary: 'Who leads a volume now, and in which epoch',
  parameters: {
    volume: volumeName(),
    is: optional(serverName('the server that leads')),
    not: optional(machineName('the server that does not, e.g. {{ before.server }}', ['s'])),
    epoch: optional(integer('the epoch is this')),
    epoch_above: optional(integer('the epoch is greater than this')),
  },
  result: '{volume, server, id, epoch, in_sync}',
  run: async (context, { volume: name, is, not, epoch, epoch_above: above }) => {
    const volume = await volumeOf(context, name)
    const leader = leaderIn(volume)
    if (leader === undefined) throw notAsStated(`nobody leads ${name}`, 'a leader', asValue(volume))
    const lead = leadResult(context, volume, leader)
    const server = nameOfReplica(context.world, leader)
    const wanted = is === undefined ? undefined : (await serverOf(context, is)).name
    if (wanted !== undefined && wanted !== server) throw notAsStated(`${server} leads ${name}`, wanted, lead)
    if (not === server) throw notAsStated(`${server} still leads ${name}`, `not ${not}`, lead)
    if (epoch !== undefined && epoch !== volume.epoch)
      throw notAsStated(`the epoch of ${name} is ${volume.epoch}`, epoch, lead)
    if (above !== undefined && volume.epoch <= above)
      throw notAsStated(`the epoch of ${name} is still ${volume.epoch}`, `> ${above}`, lead)
    return lead
  },
})
