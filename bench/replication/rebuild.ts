/** What crosses the network when a replica comes back, against what changed while it was away. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { MIB } from '../../src/base/units.ts'
import type { Cluster, ClusterVolume } from '../../test/e2e/replication/fixture/cluster.ts'
import { Host } from '../../test/e2e/replication/fixture/host.ts'
import { measured } from './modes.ts'

const BLOCK_BYTES = 4096
const COMMANDS = 16

export interface Rebuild {
  readonly what: string
  /** Distinct bytes that the replica lacks. */
  readonly changedBytes: number
  /** All bytes to the replica, protocol included. */
  readonly sentBytes: number
  readonly ratio: number
  readonly seconds: number
}

const SYNC_ALL_2 = { replicaFactor: 2, mode: { kind: 'sync_all', minInSync: 1 } } as const

/** Blocks written at random, some of them often, while the replica is away. */
export async function absence(cluster: Cluster): Promise<Rebuild> {
  const volume = await makeVolume(cluster, 'absence', 1024 * MIB)
  const host = new Host(volume)
  const blocks = (1024 * MIB) / BLOCK_BYTES
  await writeBlocks(host, () => Math.floor(Math.random() * blocks), 12_800)
  await volume.atRest()
  const away = volume.servers[1]!
  await away.kill()
  const changed = new Set<number>([0])
  await shrink(volume, host)
  const pick = (): number => {
    // half of the writes go to a few blocks
    const block = Math.random() < 0.5 ? Math.floor(Math.random() * 512) : Math.floor(Math.random() * blocks)
    changed.add(block)
    return block
  }
  await writeBlocks(host, pick, 25_600)
  await host.close()
  return comeBack('resync after an absence', volume, changed.size * BLOCK_BYTES)
}

/** A large volume with little in it, of which one replica is made anew. */
export async function rebuild(cluster: Cluster): Promise<Rebuild> {
  const volume = await makeVolume(cluster, 'rebuild', 10_240 * MIB)
  const host = new Host(volume)
  const writtenBytes = 100 * MIB
  let next = 0
  // spread over the volume
  const stride = (10_240 * MIB) / writtenBytes
  await writeBlocks(host, () => Math.floor(next++ * stride), writtenBytes / BLOCK_BYTES)
  await volume.atRest()
  const lost = volume.servers[1]!
  await lost.kill()
  await shrink(volume, host)
  await host.close()
  rmSync(join(lost.data, 'volumes', volume.uuid), { recursive: true })
  return comeBack('rebuild of 10 GiB with 100 MiB in it', volume, writtenBytes, true)
}

/** The set shrinks when its dead member owes something: a quiet volume asks nothing of anybody. */
export async function shrink(volume: ClusterVolume, host: Host): Promise<void> {
  await host.insist((disk) => disk.write(0, BLOCK_BYTES / 512, new Uint8Array(BLOCK_BYTES)))
  await volume.setIs([volume.servers[0]!])
}

async function makeVolume(cluster: Cluster, name: string, sizeBytes: number): Promise<ClusterVolume> {
  const servers = cluster.servers.slice(0, 2)
  const volume = await cluster.makeVolume({
    name,
    sizeBytes,
    logBytes: 64 * MIB,
    policy: SYNC_ALL_2,
    servers,
  })
  await measured(name, volume)
  return volume
}

async function comeBack(
  what: string,
  volume: ClusterVolume,
  changedBytes: number,
  isLost = false,
): Promise<Rebuild> {
  const replica = volume.servers[1]!
  const beganMs = performance.now()
  const before = replica.proxy.bytes.in
  await replica.start()
  if (isLost) await volume.change(replica, { isLost })
  await volume.inSync(600_000)
  const sentBytes = replica.proxy.bytes.in - before
  const seconds = (performance.now() - beganMs) / 1000
  return { what, changedBytes, sentBytes, ratio: sentBytes / changedBytes, seconds }
}

async function writeBlocks(host: Host, pick: () => number, count: number): Promise<void> {
  const content = new Uint8Array(BLOCK_BYTES)
  crypto.getRandomValues(content)
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) await host.write(pick() * BLOCK_BYTES, content)
  }
  await Promise.all(Array.from({ length: COMMANDS }, worker))
}
