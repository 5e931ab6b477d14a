/** `basalt volume …`: looks at and acts on volumes of a running server. Tables by default, `--json` for programs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { BlockError } from '../base/errors.ts'
import { parseVolumeName } from '../base/names.ts'
import { formatSize } from '../base/sizes.ts'
import { AdminClient } from './admin-client.ts'
import { Checkpoint, Scrub, Space, Volume, VolumeList } from './resources.ts'
import { renderFacts, renderTable } from './table.ts'

export interface Output {
  write(text: string): void
}

interface CommonOptions {
  readonly admin?: string
  readonly adminTokenFile?: string
  readonly json?: boolean
}

/** Adds the group to `program`. Defaults of `--admin` come from `environment`, as for every other flag. */
export function addVolumeCommands(
  program: Command,
  output: Output,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const group = program.command('volume').description('look at and act on the volumes of a running server')

  const command = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option('--admin <URL>', 'admin API of the server (default: http://127.0.0.1:7462)')
      .option('--admin-token-file <FILE>', 'file with the bearer token that the server asks for')
      .option('--json', 'print JSON, for programs')
      .option('--log-level <LEVEL>', "'debug' prints the stack of an error")

  const connect = (options: CommonOptions): Promise<AdminClient> =>
    AdminClient.open({
      address: options.admin ?? environment.BASALT_ADMIN ?? '127.0.0.1:7462',
      tokenFile: options.adminTokenFile ?? environment.BASALT_ADMIN_TOKEN_FILE,
    })
  const print = (options: CommonOptions, value: unknown, forPeople: () => string): void =>
    output.write(options.json ? `${JSON.stringify(value, undefined, 2)}\n` : forPeople())

  command('list', 'list volumes').action(async (options: CommonOptions) => {
    const list = await (await connect(options)).get('/block/volumes', VolumeList)
    print(options, list.volumes, () => renderTable(LIST_COLUMNS, list.volumes))
  })

  command('show [NAME]', 'show one volume').action(
    async (name: string | undefined, options: CommonOptions) => {
      const client = await connect(options)
      const volume = await client.get(await pathOf(client, name), Volume)
      print(options, volume, () => renderFacts(volumeFacts(volume)))
    },
  )

  command('space [NAME]', 'show what a volume takes on the disk').action(
    async (name: string | undefined, options: CommonOptions) => {
      const client = await connect(options)
      const space = await client.get(`${await pathOf(client, name)}/space`, Space)
      print(options, space, () => renderFacts(spaceFacts(space)))
    },
  )

  command('checkpoint [NAME]', "bring a volume's log into its extents").action(
    async (name: string | undefined, options: CommonOptions) => {
      const client = await connect(options)
      const done = await client.post(`${await pathOf(client, name)}/checkpoint`, Checkpoint)
      print(options, done, () => `checkpoint at LSN ${done.checkpointLsn}\n`)
    },
  )

  command('scrub [NAME]', 'read a whole volume against its checksums')
    .option('--status', 'only show how far it is')
    .option('--wait', 'return when the pass has ended; exit code 1 when it found bad blocks')
    .action(
      async (name: string | undefined, options: CommonOptions & { status?: boolean; wait?: boolean }) => {
        const client = await connect(options)
        const path = `${await pathOf(client, name)}/scrub`
        let scrub = await (options.status ? client.get(path, Scrub) : client.post(path, Scrub))
        while (options.wait && scrub.running) {
          await sleep(200)
          scrub = await client.get(path, Scrub)
        }
        print(options, scrub, () => renderFacts(scrubFacts(scrub)))
        if (options.wait && scrub.errors > 0) {
          throw new BlockError(
            'MEDIUM',
            `the scrub found ${scrub.errors} bad blocks; 'basalt volume show' lists what to do`,
          )
        }
      },
    )
}

/** The path of the volume called `name`; without a name, of the only one. */
async function pathOf(client: AdminClient, name: string | undefined): Promise<string> {
  if (name !== undefined) return `/block/volumes/${parseVolumeName(name, 'NAME')}`
  const { volumes } = await client.get('/block/volumes', VolumeList)
  const [only, ...others] = volumes
  if (only !== undefined && others.length === 0) return `/block/volumes/${only.name}`
  const names = volumes.map((volume) => volume.name).join(', ')
  throw new BlockError('INVALID_ARGUMENT', `NAME is missing; the server has ${names || 'no volumes'}`)
}

const LIST_COLUMNS = [
  { title: 'NAME', value: (volume: Volume) => volume.name },
  { title: 'SIZE', right: true, value: (volume: Volume) => formatSize(volume.sizeBytes) },
  {
    title: 'USED',
    right: true,
    value: (volume: Volume) => (volume.space ? formatSize(volume.space.totalBytes) : '-'),
  },
  { title: 'STATE', value: (volume: Volume) => volume.state },
  { title: 'HEALTH', value: (volume: Volume) => volume.health },
  { title: 'SESSIONS', right: true, value: (volume: Volume) => String(volume.iscsi.sessions.length) },
  { title: 'IQN', value: (volume: Volume) => volume.iscsi.iqn },
]

function volumeFacts(volume: Volume): [string, string][] {
  const { epoch, lsn, log, iscsi } = volume
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
  ]
}

const spaceFacts = (space: Space): [string, string][] => [
  ['extents', formatSize(space.extentsBytes)],
  ['block map', formatSize(space.mapBytes)],
  ['log', formatSize(space.logBytes)],
  ['versions', formatSize(space.versionsBytes)],
  ['other', formatSize(space.otherBytes)],
  ['total', `${formatSize(space.totalBytes)} (${space.totalBytes} bytes)`],
  ['free on the disk', formatSize(space.freeBytes)],
]

const scrubFacts = (scrub: Scrub): [string, string][] => [
  ['state', scrub.running ? 'running' : 'not running'],
  ['passes', String(scrub.passes)],
  ['verified', formatSize(scrub.verifiedBytes)],
  ['errors', String(scrub.errors)],
  ...(scrub.badBlocks.length === 0 ? [] : [['bad blocks', scrub.badBlocks.join(', ')] as [string, string]]),
]
