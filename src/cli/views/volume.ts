/** Volumes of the cluster, for people. */
import { formatSize } from '../../base/sizes.ts'
import type {
  Access,
  ClusterVolume,
  Path,
  Plan,
  Preflight,
  Publication,
  Qos,
  Replica,
  Resolved,
} from '../../client/wire/volume.ts'
import { percent } from '../progress.ts'
import type { Column } from '../table.ts'
import { formatTime, waitText } from './times.ts'

type Facts = [name: string, value: string][]

const primaryOf = ({ replicas }: ClusterVolume): string =>
  replicas.find(({ role }) => role === 'primary')?.server_name ?? '-'

const inSync = ({ replicas, replica_factor }: ClusterVolume): string =>
  `${replicas.filter(({ in_sync }) => in_sync).length}/${replica_factor}`

/** The state and the health in one word: health says nothing of a volume that is being made or deleted. */
const condition = (volume: ClusterVolume): string =>
  volume.status === 'active' ? volume.health_state : volume.status

const publishedTo = ({ publications }: ClusterVolume): string =>
  publications.map(({ node }) => node).join(' ') || '-'

export const VOLUME_COLUMNS: readonly Column<ClusterVolume>[] = [
  { title: 'NAME', shrinks: true, value: (volume) => volume.name },
  { title: 'SIZE', right: true, value: (volume) => formatSize(volume.size_bytes) },
  { title: 'USED', right: true, value: (volume) => formatSize(volume.used_bytes) },
  { title: 'HEALTH', value: condition },
  { title: 'IN SYNC', right: true, value: inSync },
  { title: 'DURABILITY', value: (volume) => volume.durability_mode },
  { title: 'PRIMARY', shrinks: true, value: primaryOf },
  { title: 'ISCSI', shrinks: true, value: (volume) => volume.iscsi_addrs[0] ?? '-' },
  { title: 'PRESET', isWide: true, value: (volume) => volume.preset },
  { title: 'EPOCH', isWide: true, right: true, value: (volume) => String(volume.epoch) },
  { title: 'PUBLISHED TO', isWide: true, shrinks: true, value: publishedTo },
  { title: 'CREATED', isWide: true, value: (volume) => formatTime(volume.created_at) },
  { title: 'UUID', isWide: true, value: (volume) => volume.id },
]

export const volumeFacts = (volume: ClusterVolume): Facts => [
  ['name', volume.name],
  ['id', volume.id],
  [
    'size',
    `${formatSize(volume.size_bytes)} (${volume.size_bytes} bytes), ${formatSize(volume.used_bytes)} used`,
  ],
  ['state', `${volume.status}, ${volume.serving ? 'serving' : 'not serving'}`],
  ['health', volume.health_state],
  ...volume.health_reasons.map((reason): [string, string] => ['', reason]),
  ['policy', `${volume.preset}: ${volume.replica_factor} replicas, ${volume.durability_mode}`],
  ['logical block', `${volume.logical_block_bytes} bytes`],
  ['epoch', String(volume.epoch)],
  ['iSCSI', `${volume.iqn ?? '-'} at ${volume.iscsi_addrs.join(', ') || 'no portal yet'}`],
  [
    'NVMe',
    volume.nvme_addrs.length === 0 ? 'not served' : `${volume.nqn} at ${volume.nvme_addrs.join(', ')}`,
  ],
  ['multipath', volume.multipath ? 'yes: hosts use several iSCSI paths at once' : 'no'],
  ...volume.paths.map((path): [string, string] => ['path', pathText(path)]),
  ['limits', qosText(volume.qos)],
  ['snapshots', snapshotsText(volume)],
  ...(volume.clone === null ? [] : [['clone', cloneText(volume.clone)] satisfies [string, string]]),
  ['scrub', scrubText(volume)],
  ...volume.replicas.map((replica): [string, string] => [replica.role, replicaText(replica)]),
  ...volume.publications.map((one): [string, string] => ['published to', publicationText(one)]),
  ...volume.jobs.map((job): [string, string] => ['job', job]),
  ['created', formatTime(volume.created_at)],
]

const publicationText = ({ node, initiator, host, dhchap, ...rest }: Publication): string =>
  [
    node,
    ...(rest.read_only ? ['read-only'] : []),
    ...(rest.shared ? ['shared'] : []),
    ...(dhchap === null ? [] : ['DH-HMAC-CHAP']),
    `since ${formatTime(rest.since)}`,
    ...[initiator, host].filter((name) => name !== null),
  ].join(', ')

function snapshotsText({ snapshots_count: count, snapshot_bytes: bytes }: ClusterVolume): string {
  if (count === 0) return 'none'
  return bytes === null ? String(count) : `${count}, which hold ${formatSize(bytes)}`
}

const cloneText = ({ source, ratio }: NonNullable<ClusterVolume['clone']>): string =>
  `of ${source}, being filled: ${percent(ratio)}`

function scrubText({ scrub }: ClusterVolume): string {
  if (scrub === null) return 'not yet'
  const found = scrub.errors === 0 ? 'nothing bad' : `${scrub.errors} bad blocks, ${scrub.repaired} mended`
  return `${formatTime(scrub.last_at)}, ${found}`
}

const pathText = ({ server_name, slot, role, iscsi_addrs, nvme_addrs }: Path): string =>
  [
    `${server_name}, ${role}, slot ${slot}`,
    ...(iscsi_addrs.length === 0 ? [] : [`iSCSI ${iscsi_addrs.join(' ')}`]),
    ...(nvme_addrs.length === 0 ? [] : [`NVMe ${nvme_addrs.join(' ')}`]),
  ].join(', ')

function replicaText(replica: Replica): string {
  const { server_name, state, in_sync, connected, standing, wal_lag, wal_lag_bytes, resync_ratio } = replica
  const words = [
    server_name,
    ...(state === 'ready' ? [] : [state]),
    in_sync ? 'in sync' : 'not in sync',
    standing,
    ...(connected ? [] : ['not connected']),
    ...(wal_lag === null || wal_lag === 0
      ? []
      : [`${wal_lag} entries (${formatSize(wal_lag_bytes ?? 0)}) behind`]),
    ...(resync_ratio === null ? [] : [`resync ${percent(resync_ratio)}`]),
  ]
  return words.join(', ')
}

export const qosFacts = (qos: Qos): Facts => [
  ['iops', limit(qos.iops, String)],
  ['iops burst', limit(qos.iops_burst, String)],
  ['bandwidth', limit(qos.bytes_per_second, perSecond)],
  ['bandwidth burst', limit(qos.bytes_burst, formatSize)],
]

const perSecond = (bytes: number): string => `${formatSize(bytes)}/s`
const limit = (value: number, text: (value: number) => string): string => (value === 0 ? 'none' : text(value))

const qosText = ({ iops, bytes_per_second }: Qos): string =>
  iops === 0 && bytes_per_second === 0
    ? 'none'
    : `${limit(iops, String)} IOPS, ${limit(bytes_per_second, perSecond)}`

export function resolvedFacts({ policy, overrides, warnings, errors }: Resolved): Facts {
  const policyFacts: Facts =
    policy === null
      ? []
      : [
          ['name', policy.name],
          ['size', formatSize(policy.size_bytes)],
          ['policy', `${policy.preset}: ${policy.replica_factor} replicas, ${policy.durability_mode}`],
          ['logical block', `${policy.logical_block_bytes} bytes`],
          ['log', policy.log_bytes === null ? 'by the size' : formatSize(policy.log_bytes)],
          ['multipath', policy.multipath ? 'yes' : 'no'],
          ['limits', qosText(policy.qos)],
        ]
  return [
    ...policyFacts,
    ...(overrides.length === 0 ? [] : [['overrides', overrides.join(', ')] satisfies [string, string]]),
    ...warnings.map(({ code, message }): [string, string] => ['warning', `${message} (${code})`]),
    ...errors.map(({ code, message }): [string, string] => ['error', `${message} (${code})`]),
  ]
}

export function planFacts(answer: Plan): Facts {
  const { primary, replicas, candidates, rejections } = answer.plan
  const nameOf = (id: string): string => candidates.find(({ server }) => server === id)?.server_name ?? id
  return [
    ...resolvedFacts({ ...answer, policy: answer.resolved_policy }),
    ['primary', primary === null ? 'none can be placed' : nameOf(primary)],
    ['replicas', replicas.map(nameOf).join(', ') || 'none'],
    ...candidates.map(({ server_name, score }): [string, string] => [
      'candidate',
      `${server_name}, score ${score}`,
    ]),
    ...rejections.map(({ server_name, reason, message }): [string, string] => [
      'rejected',
      `${server_name}: ${message} (${reason})`,
    ]),
  ]
}

export const preflightFacts = (preflight: Preflight, nameOf: (server: string) => string): Facts => [
  ['promotable', preflight.promotable ? 'yes' : 'no'],
  ['reason', preflight.reason],
  ['primary', `${nameOf(preflight.primary_server)}, ${preflight.primary_alive ? 'alive' : 'not alive'}`],
  ['candidate', preflight.candidate_server === null ? 'none' : nameOf(preflight.candidate_server)],
  ...preflight.rejections.map(({ server, reason, message }): [string, string] => [
    'rejected',
    `${nameOf(server)}: ${message} (${reason})`,
  ]),
  ...preflight.waits.map((wait): [string, string] => ['waits', waitText(wait)]),
  ...(preflight.refusal === null
    ? []
    : [['refused', `${preflight.refusal.message} (${preflight.refusal.reason})`] satisfies [string, string]]),
  ...preflight.unreached.map((server): [string, string] => [
    'not reached',
    `${nameOf(server)}, which may still be serving after a forced promotion`,
  ]),
  ...(preflight.at_risk === null
    ? []
    : [
        [
          'at risk',
          `with --force, what was acknowledged from LSN ${preflight.at_risk.first_lsn} to ${preflight.at_risk.last_lsn}`,
        ] satisfies [string, string],
      ]),
]

export const accessFacts = ({ initiators, chap, hosts, dhchap }: Access): Facts => [
  ['initiators', namesText(initiators)],
  ['CHAP', chap === null ? 'off' : `user ${chap.user}`],
  ...(chap === null || chap.mutual_user === null
    ? []
    : [['mutual CHAP', `user ${chap.mutual_user}`] satisfies [string, string]]),
  ['NVMe hosts', namesText(hosts)],
  ['DH-HMAC-CHAP', dhchap.length === 0 ? 'off' : 'on'],
  ...dhchap.map(({ host, controller }): [string, string] => [
    '',
    `${host}${controller ? ', the controller proves itself, too' : ''}`,
  ]),
]

const namesText = (names: readonly string[] | null): string =>
  names === null ? 'as the servers are configured' : names.join(', ') || 'none: nobody is let in'
