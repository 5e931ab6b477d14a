/** Whether a cluster is in sync, and what people are told of one that is not. */
import { InvariantError } from '../../../src/base/assert.ts'
import type { ServerId } from '../../../src/v2engine/identity.ts'
import { isSound } from '../../../src/v2engine/marks.ts'
import type { Registry } from '../../cluster/authority.ts'
import { StuckError } from '../scheduler.ts'
import type { SimServer } from './server.ts'
import { show } from './timeline.ts'

interface ClusterView {
  readonly master: { readonly registry: Registry }
  readonly servers: ReadonlyMap<ServerId, SimServer>
}

/** The registry's primary serves, all are in the set, and have everything. */
export function isInSync({ master, servers }: ClusterView): boolean {
  const { registry } = master
  const primary = servers.get(registry.primary)
  const status = primary?.replica?.status()
  if (registry.state !== 'serving' || status === undefined) return false
  const { view, volume } = status
  if (view.role !== 'serving' || view.set?.version !== registry.set.version || view.isSetChanging)
    return false
  if (registry.set.members.length < servers.size) return false
  if (view.commit < volume.appendedLsn) return false
  if (view.peers.some((peer) => !(peer.session?.endsWith(' live') ?? false))) return false
  return [...servers.values()].every((server) => {
    const own = server.replica?.status()
    if (own === undefined || server.running?.process.life.isStopped === true) return false
    return isSound(own.view.standing) && own.volume.appendedLsn === volume.appendedLsn
  })
}

export function describeCluster({ master, servers }: ClusterView): string {
  const { registry } = master
  const lines = [...servers.values()].map((server) => {
    const status = server.replica?.status()
    if (status === undefined) return `${server.name} ${server.isUp ? 'opening' : 'down'}`
    const { view, volume, failure } = status
    const peers = view.peers
      .map((peer) => `${peer.server}: ${peer.isConnected ? peer.session : 'down'}`)
      .join(', ')
    const set = (view.set?.members ?? []).join('')
    return (
      `${server.name} ${view.role} sealed ${view.sealed.number} set ${set} v${view.set?.version} commit ${view.commit} of ` +
      `${volume.appendedLsn} ${show(view.standing)} ${failure ?? ''} [${peers}]`
    )
  })
  const set = `${registry.set.members.join('')} v${registry.set.version}`
  return `registry ${registry.state} ${registry.epoch.number} at ${registry.primary} set ${set}; ${lines.join('; ')}`
}

/** What broke, in one line where a checker says it. */
export function describeError(error: unknown): string {
  if (error instanceof InvariantError) return `assertion: ${error.message}\n${error.stack}`
  if (error instanceof StuckError) return error.message
  if (error instanceof Error && (error.name === 'Error' || error.name === 'ModelViolation')) {
    return error.stack?.includes('checker.ts') === true || error.name === 'ModelViolation'
      ? error.message
      : (error.stack ?? error.message)
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
