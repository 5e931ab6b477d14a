/** What is wished of a volume: the flags that `create`, `plan` and `resolve` share, and the body that they come to. */
import { parseDuration } from '../../base/durations.ts'
import { BlockError } from '../../base/errors.ts'
import { parseVolumeName } from '../../base/names.ts'
import { parseSize } from '../../base/sizes.ts'
import type { DerivedWish, PolicyWish, QosChange, VolumeWish } from '../../client/wire/volume.ts'
import type { ArgumentDescription, Call, FlagDescription } from '../command.ts'

export const NEW_NAME: ArgumentDescription = {
  name: 'NAME',
  help: "of the volume: 1 to 63 of a-z, 0-9, '.' and '-'",
}

export const QOS_FLAGS: readonly FlagDescription[] = [
  { name: 'iops', placeholder: 'N', help: 'commands a second, or none for no limit' },
  { name: 'iops-burst', placeholder: 'N', help: 'commands that may pass at once after an idle time' },
  { name: 'bandwidth', placeholder: 'SIZE', help: 'bytes a second, such as 100MiB, or none for no limit' },
  { name: 'bandwidth-burst', placeholder: 'SIZE', help: 'bytes that may pass at once after an idle time' },
]

const SPREADS = ['required', 'preferred'] as const

const POLICY_FLAGS: readonly FlagDescription[] = [
  {
    name: 'preset',
    placeholder: 'PRESET',
    choices: ['database', 'general', 'throughput'],
    help: 'what the rest is by default',
  },
  { name: 'replicas', placeholder: 'N', help: 'servers that hold a copy' },
  {
    name: 'durability',
    placeholder: 'MODE',
    choices: ['sync_all', 'sync_quorum', 'best_effort'],
    help: 'who has a write before it is acknowledged: all in-sync replicas, a majority, the primary',
  },
  { name: 'min-in-sync', placeholder: 'N', help: 'sync_all: refuse writes with fewer in-sync replicas' },
  { name: 'max-lag-entries', placeholder: 'N', help: 'best_effort: a replica further behind leaves the set' },
  { name: 'max-lag', placeholder: 'TIME', help: 'best_effort: the same in time, such as 5s' },
  { name: 'log-size', placeholder: 'SIZE', help: 'room of the write-ahead log; by the size unless given' },
  {
    name: 'disk-type',
    placeholder: 'TYPE',
    choices: ['ssd', 'hdd', 'nvme'],
    help: 'only servers with such disks',
  },
  { name: 'zone', placeholder: 'ZONE', isList: true, help: 'only servers of this zone; may be repeated' },
  {
    name: 'zone-spread',
    placeholder: 'HOW',
    choices: SPREADS,
    help: 'replicas in different zones: always, or where there is a choice',
  },
  { name: 'rack-spread', placeholder: 'HOW', choices: SPREADS, help: 'the same for racks' },
  {
    name: 'multipath',
    placeholder: undefined,
    help: 'hosts use an iSCSI path to each of its servers at once (dm-multipath)',
  },
  ...QOS_FLAGS,
]

export const WISH_FLAGS: readonly FlagDescription[] = [
  { name: 'size', placeholder: 'SIZE', help: 'how much hosts see, such as 10GiB; required' },
  {
    name: 'logical-block',
    placeholder: 'BYTES',
    choices: ['512', '4096'],
    help: 'size of the logical block that hosts see',
  },
  ...POLICY_FLAGS,
]

/** Of a volume that is made of a snapshot or of a backup. */
export const DERIVED_FLAGS: readonly FlagDescription[] = [
  { name: 'size', placeholder: 'SIZE', help: 'when it is to be larger than what it is made of' },
  ...POLICY_FLAGS,
]

/** The body that `call` asks for; INVALID_ARGUMENT for what cannot be right whatever the cluster is. */
export function readWish(call: Call): VolumeWish {
  const name = parseVolumeName(call.arg('NAME'), 'NAME')
  const sizeBytes = call.size('size')
  if (sizeBytes === undefined) {
    throw new BlockError('INVALID_ARGUMENT', '--size is missing; write for example --size 10GiB')
  }
  const logicalBlock = call.count('logical-block')
  const blocks = logicalBlock === undefined ? {} : { logical_block_bytes: logicalBlock }
  return { name, size_bytes: sizeBytes, ...blocks, ...readPolicy(call) }
}

/** What `DERIVED_FLAGS` say; errors as of `readWish`. */
export function readDerived(call: Call): DerivedWish {
  const sizeBytes = call.size('size')
  return { ...(sizeBytes !== undefined && { size_bytes: sizeBytes }), ...readPolicy(call) }
}

function readPolicy(call: Call): PolicyWish {
  const lag = call.text('max-lag')
  const qos = readQos(call)
  return withoutUndefined({
    preset: call.text('preset'),
    replica_factor: call.count('replicas'),
    durability_mode: call.text('durability'),
    min_in_sync: call.count('min-in-sync'),
    max_lag_entries: call.count('max-lag-entries'),
    max_lag_ms: lag === undefined ? undefined : parseDuration(lag, '--max-lag'),
    log_bytes: call.size('log-size'),
    disk_type: call.text('disk-type'),
    zones: call.list('zone'),
    zone_spread: call.text('zone-spread'),
    rack_spread: call.text('rack-spread'),
    multipath: call.isSet('multipath') ? true : undefined,
    qos: Object.keys(qos).length === 0 ? undefined : qos,
  })
}

/** The limits that the flags of `call` name; `none` is 0, which is no limit. */
export function readQos(call: Call): QosChange {
  const limit = (name: string, parse: () => number | undefined): number | undefined =>
    call.text(name) === 'none' ? 0 : parse()
  const size = (name: string): number | undefined => {
    const text = call.text(name)
    return text === undefined ? undefined : parseSize(text.replace(/\/s$/, ''), `--${name}`)
  }
  return withoutUndefined({
    iops: limit('iops', () => call.count('iops')),
    iops_burst: limit('iops-burst', () => call.count('iops-burst')),
    bytes_per_second: limit('bandwidth', () => size('bandwidth')),
    bytes_burst: limit('bandwidth-burst', () => size('bandwidth-burst')),
  })
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the fields that nobody gave: what is not named stays as it is, or as the preset has it. */
const withoutUndefined = <T extends object>(all: T): Given<T> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>
