/** What people ask of servers, of the whole cluster and of jobs, as changes of the records. */
import { newJob } from '../jobs/new-job.ts'
import { movesData } from '../jobs/rebalance.ts'
import { cancelling } from '../jobs/runner.ts'
import { isOver } from '../jobs/turns.ts'
import type { RebalanceMove } from '../master-api.ts'
import type { JobRecord, ServerRecord } from '../records.ts'
import { findJob, findServer, refusal, refuseLocked } from './lookup.ts'
import type { Change, RecordsView, RecordWrite } from './records-view.ts'
import { auditEvent, type RequestContext } from './volume-requests.ts'

const drainOf = (records: RecordsView, server: string): JobRecord | undefined =>
  records.jobs().find((job) => job.kind === 'drain' && job.server === server && !isOver(job))

/** Uncordoned, it takes replicas again and is no longer in maintenance. CONFLICT while it is drained. */
export function setCordoned(
  records: RecordsView,
  name: string,
  isCordoned: boolean,
  { caller }: RequestContext,
): Change<string> {
  const server = findServer(records, name)
  const drain = drainOf(records, server.id)
  if (!isCordoned && drain !== undefined) {
    throw refusal(
      'CONFLICT',
      'draining',
      `${server.name} is being drained; first basalt job cancel ${drain.id}`,
    )
  }
  const state = isCordoned || server.state === 'left' ? server.state : 'active'
  if (server.isCordoned === isCordoned && server.state === state) return { writes: [], result: server.id }
  const record: ServerRecord = { ...server, isCordoned, state }
  const event = auditEvent(caller, {
    kind: isCordoned ? 'server.cordoned' : 'server.uncordoned',
    server: server.id,
    message: isCordoned ? `${server.name} takes no new replicas` : `${server.name} takes new replicas again`,
  })
  return { writes: [{ kind: 'server', record }], events: [event], result: server.id }
}

/** Cordoned in the same change. The drain that runs, when it was asked for before. */
export function drainServer(
  records: RecordsView,
  name: string,
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  const server = findServer(records, name)
  const running = drainOf(records, server.id)
  if (running !== undefined) return { writes: [], result: running.id }
  const job = newJob(jobId, wallMs, {
    kind: 'drain',
    actor: caller.actor,
    server: server.id,
    step: 'leads',
    data: {},
  })
  const record: ServerRecord = { ...server, isCordoned: true, state: 'maintenance' }
  const event = auditEvent(caller, {
    kind: 'server.draining',
    server: server.id,
    message: `${server.name} is to be emptied`,
  })
  return {
    writes: [
      { kind: 'server', record },
      { kind: 'job', record: job },
    ],
    events: [event],
    result: jobId,
  }
}

/**
 * CONFLICT while replicas are on it, unless forced: then each of them counts as lost. CONFLICT also when forced while it is
 * connected, for it may be serving hosts.
 */
export function removeServer(
  records: RecordsView,
  name: string,
  { force }: { readonly force: boolean },
  { caller, live }: RequestContext,
): Change<readonly string[]> {
  refuseLocked(records)
  const server = findServer(records, name)
  const held = records.volumesOn(server.id)
  if (held.length > 0 && !force) {
    throw refusal(
      'CONFLICT',
      'has_replicas',
      `${server.name} has replicas of ${held.length} volumes; first basalt server drain ${server.name}, or --force if its disks are lost`,
    )
  }
  if (held.length > 0 && live.server(server.id)?.isConnected === true) {
    throw refusal(
      'CONFLICT',
      'still_connected',
      `${server.name} is connected and may serve hosts; drain it, or stop it first`,
    )
  }
  const volumes: RecordWrite[] = held.map((volume) => ({
    kind: 'volume',
    record: {
      ...volume,
      replicas: volume.replicas.map((replica) =>
        replica.server === server.id ? { ...replica, state: 'leaving' as const } : replica,
      ),
    },
  }))
  const event = auditEvent(caller, {
    severity: held.length > 0 ? 'warning' : 'info',
    kind: 'server.removed',
    server: server.id,
    message:
      held.length > 0
        ? `${server.name} is no longer in the cluster; its replicas of ${held.length} volumes count as lost`
        : `${server.name} is no longer in the cluster`,
  })
  return {
    writes: [...volumes, { kind: 'removeServer', id: server.id }],
    events: [event],
    result: held.map(({ uuid }) => uuid),
  }
}

/** The moves of `plan`, made from these records; the rebalance that runs, if there is one. */
export function rebalance(
  records: RecordsView,
  plan: readonly RebalanceMove[],
  { caller, wallMs, jobId }: RequestContext,
): Change<string> {
  refuseLocked(records)
  const running = records.jobs().find((job) => job.kind === 'rebalance' && !isOver(job))
  if (running !== undefined) return { writes: [], result: running.id }
  const job = newJob(jobId, wallMs, {
    kind: 'rebalance',
    actor: caller.actor,
    step: 'moves',
    data: movesData(plan),
  })
  const event = auditEvent(caller, {
    kind: 'cluster.rebalancing',
    message: `${plan.length} moves are to even out the servers`,
  })
  return { writes: [{ kind: 'job', record: job }], events: [event], result: jobId }
}

/** CONFLICT with the reason `too_late` or `job_over` when it cannot be cancelled. */
export function cancelJob(
  records: RecordsView,
  id: string,
  { caller, wallMs }: RequestContext,
): Change<string> {
  const job = findJob(records, id)
  const record = cancelling(job, wallMs)
  if (record === job) return { writes: [], result: id }
  const event = auditEvent(caller, {
    kind: 'job.cancel_asked',
    volume: job.volume,
    server: job.server,
    message: `job ${id} (${job.kind}) is to be cancelled`,
  })
  return { writes: [{ kind: 'job', record }], events: [event], result: id }
}
