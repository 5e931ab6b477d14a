/**
 * Where backups of a scenario go: a folder that all servers reach, which is so where one computer plays all machines; an S3
 * service that the user names; or npm's s3rver, started for the run where it is installed with the product's sources.
 */
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { machineName, oneOf, optional, text, withDefault } from '../../model/parameters.ts'
import type { ValueMap } from '../../model/value.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { machineOf } from '../core/exec.ts'
import { badArgument, couldNot } from '../shared/failures.ts'
import { until } from '../shared/until.ts'

const BUCKET = 'backups'

export const OBJECT_STORE_START = defineAction({
  name: 'object_store_start',
  group: 'backup',
  summary:
    'Provide a store for backups: a folder, an S3 service that is there, or one that is started for the run',
  parameters: {
    kind: withDefault(
      oneOf(['directory', 's3'], 'directory: where all servers share a file system; s3: a service'),
      'directory',
    ),
    endpoint: optional(text('URL of an S3 service that is there; left out: s3rver is started (needs s3)')),
    bucket: withDefault(text('the bucket'), BUCKET),
    region: withDefault(text('the region'), 'us-east-1'),
    access_key_id: withDefault(text('the access key'), 'S3RVER'),
    secret_access_key: withDefault(text('its secret'), 'S3RVER'),
    prefix: withDefault(text('what the names of objects begin with'), 'scenario'),
    machine: withDefault(machineName('machine that has it'), 'm1'),
  },
  result: 'the store, for repository_add',
  run: async (context, { kind, machine, endpoint, ...s3 }) => {
    const on = machineOf(context.world, machine)
    if (kind === 'directory') return { kind, directory: on.path('backups') }
    return { kind, ...s3, endpoint: endpoint ?? (await startStore(context, machine, s3.bucket)) }
  },
})

/** The URL of a store whose process ends with the scenario. */
async function startStore(context: ActionContext, machine: string, bucket: string): Promise<string> {
  const { world } = context
  const on = machineOf(world, machine)
  const [port] = await on.ports(1)
  if (port === undefined) throw couldNot('there is no free port')
  const { host, port: reached } = await world.place.network.reach(machine, port)
  const program = await on.spawn(
    [
      // its pages of listings are signed with a hash that OpenSSL has put away
      ...[process.execPath, '--openssl-legacy-provider', '--no-deprecation', s3rver()],
      ...['-d', on.path('object-store'), '-a', on.address, '-p', String(port), '--silent'],
      ...['--configure-bucket', bucket],
    ],
    { logPath: on.path('object-store.log') },
  )
  let hasEnded = false
  const ended = program.exited.then(() => {
    hasEnded = true
  })
  world.atEnd('object store', async () => {
    await program.signal('SIGKILL')
    await ended
  })
  await until(context, 'the object store to listen', async () => {
    if (hasEnded) throw couldNot('the object store ended by itself')
    return (await listens(host, reached)) ? { is: true } : { not: `${host}:${reached} refuses connections` }
  })
  return `http://${host}:${reached}`
}

/** Its main file; BadArgument where it is not installed. */
function s3rver(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin', 's3rver.js')
  } catch {
    throw badArgument('s3rver is not installed here; give the endpoint of an S3 service, or kind: directory')
  }
}

function listens(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, host, () => {
    socket.destroy()
    resolve(true)
  })
  socket.on('error', () => resolve(false))
  return promise
}

/** What the API takes for a repository in `store`. */
export function repositoryWish(store: ValueMap): ValueMap {
  if (store.kind === 'directory') return { directory: store.directory ?? null }
  const { kind: _, ...s3 } = store
  return { s3: { session_token: null, force_path_style: true, ...s3 } }
}
