/**
 * When new access rules of a volume hold. A server confirms rules by their tag in a beat; by then it has shut out whom they
 * do not let in, nothing of such a host is under way there, and they are on its disk. They hold when every server has
 * confirmed them that serves the volume or can be asked: one that cannot be asked and does not serve hears them before it
 * is told to lead (cluster-runtime.ts).
 *
 * The server that the registry names as the primary has to confirm, however long it is silent: promises of its members may
 * let it go on without the master, until another server was promoted. In between, while a new epoch is sealed, it has to
 * have said that it serves no more.
 */
import { BlockError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { VolumeRecord } from '../records.ts'
import type { Leads } from './cluster.ts'
import { keptOf } from './kept-volume.ts'
import type { LiveCluster } from './live.ts'
import type { RecordsView } from './records-view.ts'

export interface RulesSources {
  readonly records: Pick<RecordsView, 'server' | 'volume'>
  readonly live: Pick<LiveCluster, 'server' | 'replica' | 'subscribe'>
  readonly leads: Pick<Leads, 'mayServe'>
}

/** Ids of servers that may still go by older rules; empty: the rules of the record hold. */
export function unconfirmed(volume: VolumeRecord, { records, live, leads }: RulesSources): readonly string[] {
  const { tag } = keptOf(volume)
  const serving = leads.mayServe(volume.uuid)
  const servers = new Set(volume.replicas.map(({ server }) => server))
  if (serving !== null) servers.add(serving)
  return [...servers].filter((server) => {
    // one that was removed from the cluster is gone by an operator's word
    if (records.server(server) === undefined) return false
    const told = live.replica(volume.uuid, server)
    if (told?.settingsTag === tag) return false
    if (server === serving) return true
    return live.server(server)?.isConnected === true && told !== undefined
  })
}

/** How long a request waits for servers: longer than a primary that died is missed and followed by another. */
const CONFIRM_MS = 10_000

/**
 * Resolves when the rules of the volume hold, or the volume is gone; BUSY after 10 s, with the reason `not_confirmed`: the
 * rules stay recorded, and it may be asked for again.
 */
export function rulesConfirmed(
  uuid: string,
  sources: RulesSources,
  clock: Pick<Clock, 'after'>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const left = (): readonly string[] => {
    const volume = sources.records.volume(uuid)
    return volume === undefined ? [] : unconfirmed(volume, sources)
  }
  const finish = (): void => {
    timer.cancel()
    unsubscribe()
  }
  const look = (): void => {
    if (left().length > 0) return
    finish()
    resolve()
  }
  const timer = clock.after(CONFIRM_MS, () => {
    unsubscribe()
    const servers = left()
    if (servers.length > 0) reject(notConfirmed(uuid, servers, sources.records))
    else resolve()
  })
  const unsubscribe = sources.live.subscribe(({ volume }) => {
    if (volume === undefined || volume === uuid) look()
  })
  look()
  return promise
}

function notConfirmed(
  uuid: string,
  servers: readonly string[],
  records: RulesSources['records'],
): BlockError {
  const names = servers.map((server) => records.server(server)?.name ?? server).join(', ')
  const volume = records.volume(uuid)?.name ?? uuid
  return new BlockError(
    'BUSY',
    `it is recorded, but ${names} did not confirm it yet and may still serve ${volume} by older rules; try again, or see basalt volume preflight ${volume}`,
    { facts: { reason: 'not_confirmed', volume: uuid } },
  )
}
