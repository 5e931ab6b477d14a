/** `basalt cluster status|events|rebalance|recover|token …`. `basalt cluster init` makes files here and is not among them. */

import { Cluster, fetchEventsAndLast, RebalancePlan } from '../../client/wire/cluster.ts'
import { Job } from '../../client/wire/job.ts'
import { type Call, type CommandDescription, NO_WAIT, type Noun, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { followEvents } from '../follow-events.ts'
import { clusterFacts, EVENT_COLUMNS, eventLine, moveColumns } from '../views/cluster.ts'
import { finishJob } from './finish-job.ts'
import { serverNamesFor } from './server-names.ts'

export const CLUSTER_NOUN: Noun = {
  words: ['cluster'],
  summary: 'see the whole cluster and what happened in it, even out its load, recover it, hand out tokens',
}

const EVENTS_DEFAULT = 50

export const CLUSTER_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['cluster', 'status'],
    summary: 'show how the cluster is',
    service: 'master',
    run: async (call) => printCluster(call, await (await call.connect()).get('/block/status', Cluster)),
  },
  {
    words: ['cluster', 'events'],
    summary: 'show what happened, who did it and why; the newest last',
    flags: [
      { name: 'follow', placeholder: undefined, help: 'go on with what happens from now on' },
      { name: 'volume', placeholder: 'VOLUME', help: 'only what is about this volume' },
      { name: 'server', placeholder: 'SERVER', help: 'only what is about this server' },
      { name: 'after', placeholder: 'NUMBER', help: 'only events after this one' },
      { name: 'limit', placeholder: 'N', help: 'the last so many', default: String(EVENTS_DEFAULT) },
    ],
    service: 'master',
    run: events,
  },
  {
    words: ['cluster', 'rebalance'],
    summary: 'move replicas so that servers are used evenly',
    flags: [
      { name: 'dry-run', placeholder: undefined, help: 'only show which replicas would move' },
      NO_WAIT,
    ],
    service: 'master',
    run: rebalance,
  },
  {
    words: ['cluster', 'recover'],
    summary: 'lift the lock that the master sets itself when its registry is lost or old',
    flags: [{ name: 'force', placeholder: undefined, help: 'even when there is no lock' }, YES],
    service: 'master',
    run: recover,
  },
]

async function events(call: Call): Promise<void> {
  const filter = { volume: call.text('volume'), server: call.text('server'), after: call.count('after') }
  const limit = call.count('limit') ?? EVENTS_DEFAULT
  const api = await call.connect()
  const { events: past, last } = await fetchEventsAndLast(api, { ...filter, limit })
  if (!call.isSet('follow')) {
    call.printTable(EVENT_COLUMNS, past, 'no events')
    return
  }
  for (const event of past) call.printLine(event, () => eventLine(event))
  const stop = new AbortController()
  const release = call.terminal.onInterrupt(() => stop.abort())
  const after = last ?? filter.after ?? 0
  try {
    await followEvents(api, {
      filter: { ...filter, after },
      terminal: call.terminal,
      signal: stop.signal,
      show: (event) => call.printLine(event, () => eventLine(event)),
      broke: (reason) => call.stderr.write(`${reason}; trying again\n`),
    })
  } finally {
    release()
  }
}

async function rebalance(call: Call): Promise<void> {
  const api = await call.connect()
  if (call.isSet('dry-run')) {
    const { moves } = await api.post('/block/rebalance', RebalancePlan, { dry_run: true })
    call.printTable(
      moveColumns(await serverNamesFor(call, api)),
      moves,
      'nothing to move: the servers are used evenly',
    )
    return
  }
  await finishJob(call, api, await api.post('/block/rebalance', Job, { dry_run: false }))
}

async function recover(call: Call): Promise<void> {
  const api = await call.connect()
  await confirm(call, {
    consequence:
      'This takes what the servers report for the truth, and raises the epoch of every volume. Be sure that no other master runs.',
    name: 'recover',
  })
  printCluster(call, await api.post('/block/recover', Cluster, { force: call.isSet('force') }))
}

const printCluster = (call: Call, cluster: Cluster): void =>
  call.printFacts(cluster, () => clusterFacts(cluster))
