/** `basalt server list|get|cordon|uncordon|drain|remove`: the block servers of a cluster, over the master's API. */
import { Type } from 'typebox'
import { Job } from '../../client/wire/job.ts'
import { fetchServer, fetchServers, Server, serverPath } from '../../client/wire/server.ts'
import { type Call, type CommandDescription, NO_WAIT, type Noun, SERVER, WIDE, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { SERVER_COLUMNS, serverFacts } from '../views/server.ts'
import { finishJob } from './finish-job.ts'

export const SERVER_NOUN: Noun = {
  words: ['server'],
  summary: 'see and manage the servers of a cluster through its master',
  more: `Without a command it starts a block server, which the options above are for:
  basalt server --data /var/lib/basalt ...
With one it asks the master; 'basalt server list --help' shows the options of those:
  basalt server list`,
}

export const SERVER_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['server', 'list'],
    summary: 'list the servers of the cluster',
    flags: [WIDE],
    service: 'master',
    run: async (call) =>
      call.printTable(SERVER_COLUMNS, await fetchServers(await call.connect()), 'no servers have joined'),
  },
  {
    words: ['server', 'get'],
    summary: 'show one server',
    args: [SERVER],
    service: 'master',
    run: async (call) => printServer(call, await fetchServer(await call.connect(), call.arg('SERVER'))),
  },
  {
    words: ['server', 'cordon'],
    summary: 'give a server no new replicas; those that it has stay',
    args: [SERVER],
    service: 'master',
    run: (call) => change(call, 'cordon'),
  },
  {
    words: ['server', 'uncordon'],
    summary: 'let a server have new replicas again',
    args: [SERVER],
    service: 'master',
    run: (call) => change(call, 'uncordon'),
  },
  {
    words: ['server', 'drain'],
    summary: 'cordon a server and move its replicas elsewhere, while they serve',
    args: [SERVER],
    flags: [NO_WAIT],
    service: 'master',
    run: async (call) => {
      const api = await call.connect()
      await finishJob(call, api, await api.post(serverPath(call.arg('SERVER'), 'drain'), Job))
    },
  },
  {
    words: ['server', 'remove'],
    summary: 'forget a server; it has to be drained first',
    args: [SERVER],
    flags: [
      {
        name: 'force',
        placeholder: undefined,
        help: 'even with replicas on it, each of which then counts as lost for good',
      },
      YES,
    ],
    service: 'master',
    run: remove,
  },
]

async function change(call: Call, verb: 'cordon' | 'uncordon'): Promise<void> {
  const api = await call.connect()
  printServer(call, await api.post(serverPath(call.arg('SERVER'), verb), Server))
}

async function remove(call: Call): Promise<void> {
  const api = await call.connect()
  const server = await fetchServer(api, call.arg('SERVER'))
  const force = call.isSet('force')
  const lost = force ? ` Its ${server.volume_count} replicas count as lost for good.` : ''
  await confirm(call, {
    consequence: `This removes the server '${server.name}' from the cluster.${lost}`,
    name: server.name,
  })
  await api.call('DELETE', `${serverPath(server.id)}${force ? '?force=true' : ''}`, Type.Unknown())
  call.print({ removed: server.id, name: server.name }, () => `removed ${server.name}\n`)
}

const printServer = (call: Call, server: Server): void => call.printFacts(server, () => serverFacts(server))
