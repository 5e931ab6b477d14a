/** Volumes of one target, for people. */
import { formatSize } from '../../base/sizes.ts'
import type { Scrub, Space, Volume } from '../../client/wire/target.ts'
import type { Column } from '../table.ts'

export const TARGET_COLUMNS: readonly Column<Volume>[] = [
  { title: 'NAME', value: (volume) => volume.name },
  { title: 'SIZE', right: true, value: (volume) => formatSize(volume.sizeBytes) },
  {
    title: 'USED',
    right: true,
    value: (volume) => (volume.space ? formatSize(volume.space.totalBytes) : '-'),
  },
  { title: 'STATE', value: (volume) => volume.state },
  { title: 'HEALTH', value: (volume) => volume.health },
  {
    title: 'SESSIONS',
    right: true,
    value: (volume) => String(volume.iscsi.sessions.length + volume.nvme.sessions.length),
  },
  { title: 'IQN', shrinks: true, value: (volume) => volume.iscsi.iqn },
]

export function targetFacts(volume: Volume): [string, string][] {
  const { epoch, lsn, log, iscsi, nvme } = volume
  const percent = log.sizeBytes === 0 ? 0 : Math.round((100 * log.usedBytes) / log.sizeBytes)
  return [
    ['name', volume.name],
    ['uuid', volume.uuid],
    ['size', `${formatSize(volume.sizeBytes)} (${volume.sizeBytes} bytes)`],
    ['logical block', `${volume.logicalBlockBytes} bytes`],
    ['access', volume.readOnly ? 'read-only' : 'read-write'],
    ['state', volume.state],
    ['health', volume.health],
    ...volume.reasons.map((reason): [string, string] => ['', reason]),
    ['epoch', `${epoch.number} (${epoch.id})`],
    ['LSN', `appended ${lsn.appended}, durable ${lsn.durable}, checkpoint ${lsn.checkpoint}`],
    [
      'log',
      `${formatSize(log.usedBytes)} of ${formatSize(log.sizeBytes)} (${percent}%), pressure ${volume.pressure}`,
    ],
    ['dirty', `${volume.dirtyBlocks} blocks`],
    ['on disk', volume.space ? formatSize(volume.space.totalBytes) : '-'],
    ['reopened', `${volume.reopens} times`],
    ['iSCSI', `${iscsi.iqn} at ${iscsi.portals.map(({ address }) => address).join(', ')}`],
    ...iscsi.sessions.map(({ initiator, address }): [string, string] => [
      'session',
      `${initiator} from ${address}`,
    ]),
    ['NVMe', `${nvme.nqn} at ${nvme.portals.map(({ address }) => address).join(', ')}`],
    ...nvme.sessions.map(({ host, address }): [string, string] => ['session', `${host} from ${address}`]),
  ]
}

export const spaceFacts = (space: Space): [string, string][] => [
  ['extents', formatSize(space.extentsBytes)],
  ['block map', formatSize(space.mapBytes)],
  ['log', formatSize(space.logBytes)],
  ['versions', formatSize(space.versionsBytes)],
  ['other', formatSize(space.otherBytes)],
  ['total', `${formatSize(space.totalBytes)} (${space.totalBytes} bytes)`],
  ['free on the disk', formatSize(space.freeBytes)],
]

export const scrubFacts = (scrub: Scrub): [string, string][] => [
  ['state', scrub.running ? 'running' : 'not running'],
  ['passes', String(scrub.passes)],
  ['verified', formatSize(scrub.verifiedBytes)],
  ['errors', String(scrub.errors)],
  ...(scrub.badBlocks.length === 0 ? [] : [['bad blocks', scrub.badBlocks.join(', ')] as [string, string]]),
]
