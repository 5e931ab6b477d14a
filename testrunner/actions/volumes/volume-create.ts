/** A new volume, by all that the API takes. */
import { Created, type PolicyWish } from '../../../src/client/wire/volume.ts'
import type { Arguments } from '../../model/parameter.ts'
import {
  duration,
  integer,
  listOf,
  oneOf,
  optional,
  size,
  text,
  truth,
  withDefault,
} from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { finishedJob } from '../shared/jobs.ts'
import { until } from '../shared/until.ts'
import { isUsable, volumeResult } from '../shared/volume-states.ts'
import { volumeName, volumeOf } from '../shared/volumes.ts'

/** Parameters of everything that makes a volume; what is left out is as the preset has it. */
export const POLICY_PARAMETERS = {
  preset: optional(oneOf(['general', 'database', 'throughput'], 'what the rest is by default')),
  replicas: optional(integer('servers that hold a copy', 1, 9)),
  durability: optional(
    oneOf(['sync_all', 'sync_quorum', 'best_effort'], 'who has a write before it is acknowledged'),
  ),
  min_in_sync: optional(integer('sync_all: refuse writes with fewer in-sync replicas', 1, 9)),
  max_lag_entries: optional(integer('best_effort: a replica further behind leaves the set', 1)),
  max_lag: optional(duration('best_effort: the same in time')),
  log_size: optional(size('room of the write-ahead log')),
  disk_type: optional(oneOf(['ssd', 'hdd', 'nvme'], 'only servers with such disks')),
  zones: optional(listOf(text('only servers of these zones'))),
  zone_spread: optional(oneOf(['required', 'preferred'], 'replicas in different zones')),
  multipath: optional(truth('hosts use several iSCSI paths at once')),
} as const

export function policyOf(args: Arguments<typeof POLICY_PARAMETERS>): PolicyWish {
  const wish: PolicyWish = {
    ...(args.preset !== undefined && { preset: args.preset }),
    ...(args.replicas !== undefined && { replica_factor: args.replicas }),
    ...(args.durability !== undefined && { durability_mode: args.durability }),
    ...(args.min_in_sync !== undefined && { min_in_sync: args.min_in_sync }),
    ...(args.max_lag_entries !== undefined && { max_lag_entries: args.max_lag_entries }),
    ...(args.max_lag !== undefined && { max_lag_ms: args.max_lag }),
    ...(args.log_size !== undefined && { log_bytes: args.log_size }),
    ...(args.disk_type !== undefined && { disk_type: args.disk_type }),
    ...(args.zones !== undefined && { zones: args.zones }),
    ...(args.zone_spread !== undefined && { zone_spread: args.zone_spread }),
    ...(args.multipath !== undefined && { multipath: args.multipath }),
  }
  return wish
}

export const VOLUME_CREATE = defineAction({
  name: 'volume_create',
  group: 'volume',
  summary: 'Make a volume, and wait until it is served and every replica is in sync',
  parameters: {
    volume: volumeName('its name'),
    size: size('how much hosts see'),
    logical_block: optional(integer('size of the logical block: 512 or 4096', 512, 4096)),
    ...POLICY_PARAMETERS,
    wait: withDefault(truth('wait until it can be used'), true),
  },
  result: 'the volume as the API shows it, with leader: the name of the server that leads',
  run: async (context, { volume, size: sizeBytes, logical_block: block, wait, ...policy }) => {
    const { world, signal } = context
    const wish = {
      ...{ name: volume, size_bytes: sizeBytes, ...policyOf(policy) },
      ...(block !== undefined && { logical_block_bytes: block }),
    }
    const created = await world.cluster.api.call('POST', '/block/volume', Created, wish, signal)
    if (!wait) return volumeResult(world, created)
    if (created.job !== null) await finishedJob(context, created.job)
    const made = await until(context, `${volume} to be served`, async () =>
      isUsable(await volumeOf(context, volume)),
    )
    return volumeResult(world, made)
  },
})
