/**
 * Uses of the commands of the CLI that ask the master, with all of their flags. Those of tokens are not among them: the first one
 * locks everybody else out. DIR stands for a directory with secrets in files; single quotes hold a word together.
 */
import { backupInfo } from './scripted-snapshots.ts'
import { volumeRecord } from './scripted-views.ts'

export interface Use {
  readonly line: string
  /** What the master is asked for: the call, and its arguments behind who asks. */
  readonly asks?: readonly unknown[]
  /** Exit code with which it prints what it was asked for; 0 unless told. */
  readonly exitCode?: number
}

const POLICY_FLAGS =
  '--preset database --replicas 2 --durability sync_all --min-in-sync 1 --log-size 64MiB --disk-type ssd --zone a --zone b --zone-spread required --rack-spread preferred --multipath --iops 5 --iops-burst 6 --bandwidth 1MiB --bandwidth-burst none'
const POLICY = {
  preset: 'database',
  replicas: 2,
  durability: 'sync_all',
  minInSync: 1,
  logBytes: 64 * 1024 ** 2,
  diskType: 'ssd',
  zones: ['a', 'b'],
  zoneSpread: 'required',
  rackSpread: 'preferred',
  multipath: true,
  qos: { iops: 5, iopsBurst: 6, bytesPerSecond: 1024 ** 2, bytesBurst: 0 },
}
const LAGGING_FLAGS = '--durability best_effort --max-lag-entries 9 --max-lag 5s'
const LAGGING = { durability: 'best_effort', maxLagEntries: 9, maxLagMs: 5000 }
const GIB = 1024 ** 3
const NQN = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-4333-8444-555555555555'

const VOLUME_USES: readonly Use[] = [
  {
    line: `volume create new --size 1GiB --logical-block 4096 ${POLICY_FLAGS}`,
    asks: ['createVolume', { name: 'new', sizeBytes: GIB, logicalBlockBytes: 4096, ...POLICY }],
  },
  {
    line: `volume create new --size 1GiB ${LAGGING_FLAGS} --no-wait`,
    asks: ['createVolume', { name: 'new', sizeBytes: GIB, ...LAGGING }],
  },
  { line: 'volume create vol1 --size 1GiB' },
  {
    line: `volume clone vol1@snap1 copy --size 2GiB ${POLICY_FLAGS}`,
    asks: ['cloneSnapshot', 'vol1', 'snap1', { name: 'copy', sizeBytes: 2 * GIB, ...POLICY }],
  },
  {
    line: `volume clone vol1@snap1 copy ${LAGGING_FLAGS} --no-wait`,
    asks: ['cloneSnapshot', 'vol1', 'snap1', { name: 'copy', ...LAGGING }],
  },
  { line: 'volume list -o wide --server host-a --health degraded --limit 3' },
  { line: 'volume get vol1' },
  { line: 'volume delete vol1 --yes' },
  { line: 'volume delete vol1 --yes --no-wait' },
  { line: 'volume expand vol1 2GiB', asks: ['expandVolume', 'vol1', 2 * GIB] },
  { line: 'volume expand vol1 2GiB --no-wait' },
  // the scripted master finds an error in every plan
  {
    line: `volume plan new --size 1GiB --logical-block 512 ${POLICY_FLAGS}`,
    exitCode: 2,
    asks: ['resolveVolume', { name: 'new', sizeBytes: GIB, logicalBlockBytes: 512, ...POLICY }],
  },
  { line: `volume plan new --size 1GiB ${LAGGING_FLAGS}`, exitCode: 2 },
  { line: `volume resolve new --size 1GiB --logical-block 512 ${POLICY_FLAGS}` },
  { line: `volume resolve new --size 1GiB ${LAGGING_FLAGS}` },
  { line: 'volume preflight vol1' },
  { line: 'volume attach-info vol1' },
  { line: 'volume promote vol1 --dry-run' },
  { line: 'volume promote vol1 --to host-a --force --yes --reason test' },
  { line: 'volume promote vol1 --force --yes --no-wait' },
  { line: 'volume move vol1 --to host-b' },
  { line: 'volume move vol1 --from host-a --no-wait' },
  { line: 'volume access vol1' },
  {
    line: 'volume access vol1 --initiator iqn.2026-11.org.example:h --chap-user u --chap-secret-file DIR/secret --no-dhchap',
  },
  {
    line: `volume access vol1 --host ${NQN} --no-initiators --chap-user u --chap-secret-file DIR/secret --mutual-user t --mutual-secret-file DIR/secret2 --dhchap-secret-file ${NQN}=DIR/dhchap --dhchap-controller-secret-file ${NQN}=DIR/dhchap2`,
    asks: [
      ...['setAccess', 'vol1'],
      {
        initiators: [],
        chap: {
          ...{ user: 'u', sealedSecret: 'sealed(12)' },
          mutual: { user: 't', sealedSecret: 'sealed(13)' },
        },
        hosts: [NQN],
        dhchap: [{ host: NQN, sealedSecret: 'sealed(59)', sealedControllerSecret: 'sealed(59)' }],
      },
    ],
  },
  {
    line: 'volume access vol1 --any-initiator --no-hosts --no-chap --no-dhchap',
    asks: ['setAccess', 'vol1', { initiators: null, chap: null, hosts: [], dhchap: [] }],
  },
  {
    line: 'volume access vol1 --any-host --no-chap --no-dhchap',
    asks: [
      ...['setAccess', 'vol1'],
      { initiators: ['iqn.2026-11.org.example:host1'], chap: null, hosts: null, dhchap: [] },
    ],
  },
  { line: 'volume unpublish vol1 n1 --yes', asks: ['unpublishVolume', volumeRecord('vol1').uuid, 'n1'] },
  { line: 'volume preset vol1 database', asks: ['setPreset', 'vol1', 'database'] },
  { line: 'volume preset vol1 throughput --no-wait' },
  { line: 'volume qos vol1' },
  {
    line: 'volume qos vol1 --iops 7 --iops-burst 8 --bandwidth none --bandwidth-burst 1MiB',
    asks: ['setQos', 'vol1', { iops: 7, iopsBurst: 8, bytesPerSecond: 0, bytesBurst: 1024 ** 2 }],
  },
]

const SNAPSHOT_USES: readonly Use[] = [
  { line: 'snapshot create vol1@monday', asks: ['createSnapshot', 'vol1', { name: 'monday' }] },
  { line: 'snapshot list' },
  { line: 'snapshot list vol1 -o wide' },
  { line: 'snapshot get vol1@snap1' },
  { line: 'snapshot delete vol1@snap1 --yes', asks: ['deleteSnapshot', 'vol1', 'snap1'] },
  {
    line: 'snapshot restore vol1@snap1 --yes',
    asks: ['restoreSnapshot', 'vol1', 'snap1', { force: false }],
  },
  {
    line: 'snapshot restore vol1@snap1 --force --yes --no-wait',
    asks: ['restoreSnapshot', 'vol1', 'snap1', { force: true }],
  },
  { line: 'snapshot expose vol1@snap1', asks: ['exposeSnapshot', 'vol1', 'snap1', true] },
  { line: 'snapshot unexpose vol1@snap1', asks: ['exposeSnapshot', 'vol1', 'snap1', false] },
  {
    line: 'snapshot group monday vol1 vol2 -o wide',
    asks: ['createSnapshotGroup', { name: 'monday', volumes: ['vol1', 'vol2'] }],
  },
  { line: 'scrub vol1', asks: ['scrubVolume', 'vol1', { repair: true }] },
  { line: 'scrub vol1 --no-repair --no-wait', asks: ['scrubVolume', 'vol1', { repair: false }] },
]

const KEEP_FLAGS = '--keep-last 1 --keep-hourly 2 --keep-daily 3 --keep-weekly 4 --keep-monthly 5'
const KEEP = { last: 1, hourly: 2, daily: 3, weekly: 4, monthly: 5 }
const NIGHTLY_FLAGS = `--volume db* --volume vol1 --at '30 2 * * *' ${KEEP_FLAGS} --repository offsite --full-every 30d --keep-backups-last 6 --keep-backups-hourly 7 --keep-backups-daily 8 --keep-backups-weekly 9 --keep-backups-monthly 10 --paused`
const DAY_MS = 24 * 3600 * 1000
const NIGHTLY = {
  name: 'nightly',
  volumes: ['db*', 'vol1'],
  when: { at: '30 2 * * *' },
  keep: KEEP,
  backup: {
    repository: 'offsite',
    fullEveryMs: 30 * DAY_MS,
    keep: { last: 6, hourly: 7, daily: 8, weekly: 9, monthly: 10 },
  },
  isPaused: true,
}
const HOURLY_FLAGS = "--volume '*' --every 1h --keep-last 24"
const HOURLY = {
  name: 'hourly',
  volumes: ['*'],
  when: { everyMs: 3_600_000 },
  keep: { last: 24 },
  backup: null,
  isPaused: false,
}
/** As the scripted master has it. */
const SCRIPTED = { ...HOURLY, volumes: ['vol*'], keep: { last: 3 } }

const SCHEDULE_USES: readonly Use[] = [
  { line: `schedule create hourly ${HOURLY_FLAGS}`, asks: ['createSchedule', HOURLY] },
  { line: `schedule create nightly ${NIGHTLY_FLAGS}`, asks: ['createSchedule', NIGHTLY] },
  { line: 'schedule list' },
  { line: 'schedule list -o wide' },
  { line: 'schedule get nightly' },
  { line: `schedule set hourly ${HOURLY_FLAGS}`, asks: ['setSchedule', HOURLY] },
  { line: `schedule set nightly ${NIGHTLY_FLAGS}`, asks: ['setSchedule', NIGHTLY] },
  {
    line: 'schedule pause hourly',
    asks: ['setSchedule', { ...SCRIPTED, isPaused: true }],
  },
  { line: 'schedule resume hourly', asks: ['setSchedule', SCRIPTED] },
  { line: 'schedule delete nightly --yes', asks: ['deleteSchedule', 'nightly'] },
]

const S3_FLAGS =
  '--bucket backups --prefix basalt/one --endpoint https://s3.example --region eu-central-1 --path-style --access-key-id AKIA1 --secret-key-file DIR/secret --session-token-file DIR/session --encryption-key-file DIR/key'
/** Secrets are sealed before the master hears of them: how long they are is all that is left. */
const S3 = {
  name: 'offsite',
  target: {
    kind: 's3',
    endpoint: 'https://s3.example',
    region: 'eu-central-1',
    bucket: 'backups',
    prefix: 'basalt/one',
    accessKeyId: 'AKIA1',
    sealedSecretAccessKey: 'sealed(12)',
    sealedSessionToken: 'sealed(9)',
    forcePathStyle: true,
  },
  sealedEncryptionKey: 'sealed(64)',
}
const DIRECTORY = {
  name: 'local',
  target: { kind: 'directory', path: '/srv/backups' },
  sealedEncryptionKey: null,
}

const REPOSITORY_USES: readonly Use[] = [
  { line: `repository add offsite ${S3_FLAGS}`, asks: ['createRepository', S3] },
  { line: 'repository add local --directory /srv/backups', asks: ['createRepository', DIRECTORY] },
  { line: 'repository list' },
  { line: 'repository list -o wide' },
  { line: 'repository get offsite' },
  { line: `repository set offsite ${S3_FLAGS}`, asks: ['setRepository', S3] },
  { line: 'repository set local --directory /srv/backups', asks: ['setRepository', DIRECTORY] },
  { line: 'repository check offsite', asks: ['checkRepository', 'offsite'] },
  { line: 'repository remove offsite --yes', asks: ['deleteRepository', 'offsite'] },
]

const BACKUP = backupInfo('b1').id
const BACKUP_USES: readonly Use[] = [
  { line: 'backup create vol1', asks: ['backupVolume', 'vol1', { repository: 'offsite', full: false }] },
  {
    line: 'backup create vol1 --repository other --full --no-wait',
    asks: ['backupVolume', 'vol1', { repository: 'other', full: true }],
  },
  { line: 'backup list', asks: ['backups', 'offsite', { limit: 200 }] },
  {
    line: 'backup list --repository other --volume vol1 --limit 7 -o wide',
    asks: ['backups', 'other', { limit: 7, volume: 'vol1' }],
  },
  { line: `backup get ${BACKUP}` },
  { line: `backup get ${BACKUP} --repository other` },
  { line: `backup verify ${BACKUP}`, asks: ['verifyBackup', 'offsite', BACKUP] },
  {
    line: `backup verify ${BACKUP} --repository other --no-wait`,
    asks: ['verifyBackup', 'other', BACKUP],
  },
  {
    line: `backup restore ${BACKUP} copy --size 2GiB ${POLICY_FLAGS}`,
    asks: [
      ...['restoreBackup', 'offsite', BACKUP],
      { force: false, wish: { name: 'copy', sizeBytes: 2 * GIB, ...POLICY } },
    ],
  },
  {
    line: `backup restore ${BACKUP} vol1 --repository other ${LAGGING_FLAGS} --force --yes --no-wait`,
    asks: ['restoreBackup', 'other', BACKUP, { force: true, wish: { name: 'vol1', ...LAGGING } }],
  },
  { line: `backup delete ${BACKUP} --yes`, asks: ['deleteBackup', 'offsite', BACKUP] },
  {
    line: `backup delete ${BACKUP} --repository other --yes --no-wait`,
    asks: ['deleteBackup', 'other', BACKUP],
  },
  {
    line: `backup prune ${KEEP_FLAGS} --dry-run`,
    asks: ['pruneBackups', 'offsite', { keep: KEEP, dryRun: true }],
  },
  {
    line: 'backup prune --repository other --volume vol1 --keep-daily 7 --yes --no-wait',
    asks: ['pruneBackups', 'other', { volume: 'vol1', keep: { daily: 7 }, dryRun: false }],
  },
]

const CLUSTER_USES: readonly Use[] = [
  { line: 'server list -o wide' },
  { line: 'server get host-a' },
  { line: 'server cordon host-a' },
  { line: 'server uncordon host-a' },
  { line: 'server drain host-a' },
  { line: 'server drain host-a --no-wait' },
  { line: 'server remove host-a --yes --force' },
  { line: 'cluster status' },
  { line: 'cluster events --volume vol1 --limit 2' },
  { line: 'cluster events --server host-a --after 0' },
  { line: 'cluster rebalance --dry-run' },
  { line: 'cluster rebalance' },
  { line: 'cluster rebalance --no-wait' },
  { line: 'cluster recover --yes --force' },
  { line: 'job list --state running --limit 3 -o wide', asks: ['jobs', { state: 'running', limit: 3 }] },
  { line: 'job get job-1' },
  { line: 'job watch job-1' },
  { line: 'job cancel job-1' },
]

export const USES: readonly Use[] = [
  ...VOLUME_USES,
  ...SNAPSHOT_USES,
  ...SCHEDULE_USES,
  ...REPOSITORY_USES,
  ...BACKUP_USES,
  ...CLUSTER_USES,
]

/** The words of a line, as a shell has them. */
export const wordsOf = (line: string): string[] =>
  (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ''))
