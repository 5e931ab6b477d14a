/**
 * Whether this registry is the newest there was. A server that has seen a greater sequence number, another registry, or an
 * epoch that this one never gave shows that it is not: then the cluster is locked, and nothing is promoted, granted,
 * removed or deleted until an operator recovers it.
 */
import type { ServerHello } from '../links.ts'
import type { ClusterRecord } from '../records.ts'
import type { Change, RecordStore } from './records-view.ts'

export interface LockFinding {
  readonly reason: NonNullable<ClusterRecord['lock']>['reason']
  readonly detail: string
}

/**
 * What the hello of a server shows. `toldSeq`: the greatest number that a server may have heard of from this registry. It is
 * less than that of the registry, which goes on before anybody is told: an older copy may be past what servers have seen
 * by the time that they come.
 */
export function lockOfHello(store: RecordStore, hello: ServerHello, toldSeq: number): LockFinding | null {
  const { registrySeen: seen, name } = hello
  if (seen === null) return null
  if (seen.id === store.registryId) {
    if (seen.seq <= toldSeq) return null
    const detail = `server ${name} has seen number ${seen.seq} of this registry, which told of no more than ${toldSeq}`
    return { reason: 'seq', detail: `${detail}: it is an older copy` }
  }
  const replaced = (store.view.cluster.replaced ?? []).find(({ id }) => id === seen.id)
  if (replaced !== undefined && seen.seq <= replaced.seq) return null
  return {
    reason: 'registryId',
    detail: `server ${name} belongs to registry ${seen.id}, not to ${store.registryId}`,
  }
}

/** Records the lock, once. */
export function recordLock(store: RecordStore, finding: LockFinding, wallMs: number): Promise<boolean> {
  return store.change((records): Change<boolean> => {
    const { cluster } = records
    if (cluster.lock !== null) return { writes: [], result: false }
    const message = `the cluster is locked: ${finding.detail}; \`basalt cluster recover\` takes over what servers report`
    return {
      writes: [{ kind: 'cluster', record: { ...cluster, lock: { ...finding, since: wallMs } } }],
      events: [
        { severity: 'error', kind: 'cluster.locked', actor: 'master', message, reason: finding.reason },
      ],
      result: true,
    }
  })
}
