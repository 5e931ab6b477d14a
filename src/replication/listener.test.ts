import { describe, expect, it } from 'vitest'
import { type Node, Trio } from '../../test/replication/trio.ts'
import { MemoryConnection } from '../../test/support/memory-net.ts'
import { BufferPool } from '../base/buffer-pool.ts'
import type { Connection } from '../base/ports/net.ts'
import { epochNumber } from '../base/units.ts'
import type { Policy } from '../v2engine/policy.ts'
import type { HandshakeOptions, VolumeIdentity } from './handshake.ts'
import { type LinkEnd, ReplicationLink } from './link.ts'

const policy: Policy = { mode: { kind: 'sync_all', minInSync: 1 }, replicaFactor: 1 }

/** What becomes of a connection of somebody who says this of himself. */
async function knock(
  trio: Trio,
  node: Node,
  says: Partial<VolumeIdentity> & Partial<Pick<HandshakeOptions, 'clusterKey' | 'clusterId'>>,
): Promise<string> {
  const connection = await dial(trio, node)
  const { clusterId, clusterKey } = trio.cluster
  const volume = { ...node.open.identity, epoch: { number: epochNumber(1), id: 5n }, ...says }
  return new Promise((resolve) => {
    const told = (why: LinkEnd): void =>
      resolve(why.kind === 'refused' ? `${why.refused.refusal} by ${why.by}` : why.kind)
    const link: ReplicationLink = new ReplicationLink({
      connection,
      handshake: {
        clusterId: says.clusterId ?? clusterId,
        clusterKey: says.clusterKey ?? clusterKey,
        server: 'x',
        nonce: new Uint8Array(32).fill(4),
        connect: { volume, wanted: node.server },
        accept: () => volume,
      },
      pool: new BufferPool(),
      clock: trio.clock,
      handshakeMs: 5000,
      silenceMs: 10_000,
      handlers: {
        known: () => {
          resolve('known')
          link.close()
        },
        frame: (_, __, release) => release(),
        drain: () => undefined,
        ended: told,
      },
    })
  })
}

const dial = (trio: Trio, node: Node): Promise<Connection> =>
  trio.machines.of('x').connect({ host: node.server, port: node.port, timeoutMs: 1000 })

describe('a listener for replicas', () => {
  const run = (work: (trio: Trio, node: Node) => Promise<void>): Promise<void> =>
    Trio.run({ policy, servers: ['a'] }, (trio) => work(trio, trio.node('a')))

  it('gives a connection to the replica of its volume, once it is known who is there', () =>
    run(async (trio, node) => {
      expect(await knock(trio, node, {})).toBe('known')
    }))

  it('refuses who is not of the cluster, or wants what is not here', () =>
    run(async (trio, node) => {
      expect(await knock(trio, node, { clusterKey: Buffer.from('guessed') })).toBe('notAuthentic by us')
      expect(await knock(trio, node, { clusterId: new Uint8Array(16) })).toBe('wrongCluster by peer')
      expect(await knock(trio, node, { volumeUuid: new Uint8Array(16) })).toBe('unknownVolume by peer')
      expect(await knock(trio, node, { formatLevel: 99 })).toBe('formatLevel by peer')
    }))

  it('ends a connection that says nothing, or what is no frame', () =>
    run(async (trio, node) => {
      const ended = async (bytes: Uint8Array): Promise<void> => {
        const connection = await dial(trio, node)
        await new Promise<void>((resolve) => {
          connection.start({ data: () => undefined, drain: () => undefined, closed: () => resolve() })
          if (bytes.byteLength > 0) connection.write([bytes])
        })
      }
      const beganMs = trio.scheduler.nowMs
      await ended(new Uint8Array(100).fill(7))
      expect(trio.scheduler.nowMs - beganMs).toBeLessThan(10)
      await ended(new Uint8Array(0))
      expect(trio.scheduler.nowMs - beganMs).toBeLessThan(3000)
    }))

  it('takes only so many that it does not know yet, and none once it is closed', () =>
    run(async (trio, node) => {
      const connections = await Promise.all(Array.from({ length: 300 }, () => dial(trio, node)))
      const open = (): number =>
        connections.filter((one) => one instanceof MemoryConnection && !one.isClosed).length
      for (const one of connections) {
        one.start({ data: () => undefined, drain: () => undefined, closed: () => undefined })
      }
      await trio.until('those too many are closed', () => open() === 256)
      await trio.until('the others have said nothing for too long', () => open() === 0)
      expect(await knock(trio, node, {})).toBe('known')
      await node.close()
      await expect(dial(trio, node)).rejects.toMatchObject({ code: 'DISCONNECTED' })
    }))
})
