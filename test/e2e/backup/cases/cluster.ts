/**
 * Backups of a volume of a cluster of real processes: the server that makes one is killed in the middle, the next is made
 * after a failover, and what is restored is compared through our initiator with what hosts had written.
 */
import { join } from 'node:path'
import { MIB } from '../../../../src/base/units.ts'
import { SeededRandom } from '../../../sim/random.ts'
import type { JobJson, VolumeJson } from '../../cluster/fixture/api.ts'
import { hostOf } from '../../cluster/fixture/api-host.ts'
import { RealCluster } from '../../cluster/fixture/real-cluster.ts'
import type { Host } from '../../replication/fixture/host.ts'
import { BUCKET } from '../fixture/object-store.ts'
import { type BackupCase, expect, KEY, type Scene, SECRETS } from '../fixture/scene.ts'

const SIZE_BYTES = 64 * MIB
const FILLED_BYTES = 40 * MIB
const JOB_MS = 180_000
const PREFIX = 'cluster'

interface BackupJson {
  readonly id: string
  readonly kind: string
  readonly base: string | null
  readonly stored_bytes: number
}

export const CLUSTER: BackupCase = {
  name: 'cluster',
  summary: 'servers killed in the middle, a failover between two increments, restores seen by hosts',
  async run(scene) {
    const cluster = await RealCluster.start(join(scene.directory, 'cluster'), { servers: 3 })
    try {
      await new Backups(scene, cluster).run()
    } finally {
      await cluster.destroy()
    }
  },
}

class Backups {
  readonly #scene: Scene
  readonly #cluster: RealCluster
  readonly #random = new SeededRandom(7)
  /** What hosts wrote. */
  readonly #content = new Uint8Array(SIZE_BYTES)
  readonly #copies = new Map<string, Uint8Array>()
  #host: Host | undefined
  #hosts = 0

  constructor(scene: Scene, cluster: RealCluster) {
    this.#scene = scene
    this.#cluster = cluster
  }

  async run(): Promise<void> {
    const { api } = this.#cluster
    await api.call('POST', '/block/volume', { name: 'kept', size_bytes: SIZE_BYTES, replica_factor: 3 })
    await api.healthy('kept')
    await api.call('POST', '/block/repositories', {
      name: 'away',
      s3: {
        endpoint: this.#scene.proxy.endpoint,
        region: 'us-east-1',
        bucket: BUCKET,
        prefix: PREFIX,
        access_key_id: SECRETS.accessKeyId,
        secret_access_key: SECRETS.secretAccessKey,
        force_path_style: true,
      },
      encryption_key: KEY,
    })
    const checked = (name: string, body: () => Promise<unknown>): Promise<void> =>
      this.#scene.check(name, body)
    await checked('the repository can be used', () => api.call('POST', '/block/repositories/away/check', {}))
    await checked('the server that makes a full backup is killed in the middle: the backup is made', () =>
      this.#killed(),
    )
    await checked('after a failover the next is an increment', () => this.#failedOver())
    await checked('the newest and the first backup become volumes that hold what was written then', () =>
      this.#restored(),
    )
    await checked('a restore into the volume gives back what it was', () => this.#restoredInPlace())
    await checked('a damaged object makes verify and restore fail, by name', () => this.#damaged())
  }

  async #killed(): Promise<void> {
    await this.#write(0, FILLED_BYTES)
    const primary = await this.#primary()
    let packs = 0
    let killed: Promise<void> | undefined
    this.#scene.proxy.before = ({ method, object }) => {
      if (method !== 'PUT' || !object.includes('/packs/') || ++packs !== 4) return undefined
      killed = primary.kill()
      return killed
    }
    const made = await this.#backup()
    expect(killed !== undefined, 'nothing was killed')
    await killed
    expect(made.kind === 'full', `it is ${made.kind}`)
    const objects = this.#scene.objects('cluster')
    const backups = new Set((await objects.names('packs/')).map((name) => name.split('/')[2]))
    await objects.close()
    this.#scene.note(
      `${this.#scene.proxy.sentBytes} bytes were sent for ${made.stored_bytes} that are stored`,
    )
    expect(backups.size === 1, 'what the killed server had stored was not taken over')
    expect(this.#scene.proxy.sentBytes < 1.75 * made.stored_bytes, 'it was sent twice')
    await primary.start()
    await this.#cluster.api.healthy('kept')
  }

  async #failedOver(): Promise<void> {
    const [first] = await this.#backups()
    const primary = await this.#primary()
    await primary.kill()
    const changed = FILLED_BYTES / 4096 / 100
    for (let i = 0; i < changed; i++) {
      const block = this.#random.integer(FILLED_BYTES / 4096)
      await this.#write(block * 4096, 4096)
    }
    const made = await this.#backup()
    expect(
      made.kind === 'incremental' && made.base === first?.id,
      `it is ${made.kind}, on top of ${made.base}`,
    )
    // a block in two entries of the log, and the volume's own ranges, may make it a little more than what hosts wrote
    expect(made.stored_bytes < 0.012 * FILLED_BYTES + 64 * 1024, `it stored ${made.stored_bytes} bytes`)
    await primary.start()
    await this.#cluster.api.healthy('kept')
  }

  async #restored(): Promise<void> {
    for (const [i, { id }] of (await this.#backups()).entries()) {
      const name = `restored-${i}`
      await this.#job('POST', `/block/repositories/away/backups/${id}/restore`, {
        volume: name,
        replica_factor: 2,
      })
      await this.#compare(name, this.#copies.get(id)!)
    }
  }

  async #restoredInPlace(): Promise<void> {
    const [newest] = await this.#backups()
    await this.#write(8 * MIB, 4 * MIB)
    await this.#write(FILLED_BYTES, 2 * MIB)
    await this.#host?.close()
    this.#host = undefined
    await this.#job('POST', `/block/repositories/away/backups/${newest!.id}/restore`, {
      volume: 'kept',
      force: true,
    })
    await this.#compare('kept', this.#copies.get(newest!.id)!)
    this.#content.set(this.#copies.get(newest!.id)!)
  }

  async #damaged(): Promise<void> {
    const [newest] = await this.#backups()
    const objects = this.#scene.objects('cluster')
    const name = (await objects.names('packs/')).find((one) => one.includes('/000000000-'))!
    const whole = await objects.read(name)
    const damaged = whole.slice()
    damaged[damaged.byteLength >> 1]! ^= 4
    await objects.write(name, damaged)
    const path = `/block/repositories/away/backups/${newest!.id}`
    for (const [what, body] of [
      ['verify', {}],
      ['restore', { volume: 'never', replica_factor: 2 }],
    ] as const) {
      const job = await this.#ended('POST', `${path}/${what}`, body)
      expect(job.state === 'failed', `${what} ${job.state}`)
      expect((job.message ?? '').includes(name), `${what} does not name ${name}: ${job.message}`)
    }
    await objects.write(name, whole)
    await objects.close()
    await this.#job('POST', `${path}/verify`, {})
  }

  /** Random bytes, written by a host and remembered. */
  async #write(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#host ??= await hostOf(this.#cluster.api, 'kept', 0)
    const host = this.#host
    for (let at = offsetBytes; at < offsetBytes + lengthBytes; at += 256 * 1024) {
      const piece = this.#content.subarray(at, Math.min(at + 256 * 1024, offsetBytes + lengthBytes))
      const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4)
      for (let i = 0; i < words.length; i++) words[i] = this.#random.u32()
      await host.insist((disk) => disk.write(at / 512, piece.byteLength / 512, piece))
    }
    await host.insist((disk) => disk.flush())
  }

  async #compare(name: string, content: Uint8Array): Promise<void> {
    await this.#cluster.api.healthy(name)
    const host = await hostOf(this.#cluster.api, name, 1000 + this.#hosts++)
    try {
      for (let at = 0; at < SIZE_BYTES; at += 256 * 1024) {
        const found = await host.read(at, 256 * 1024)
        if (Buffer.compare(found, content.subarray(at, at + 256 * 1024)) !== 0) {
          throw new Error(`${name} differs at ${at}`)
        }
      }
    } finally {
      await host.close()
    }
  }

  /** A backup of what hosts have written until now. */
  async #backup(): Promise<BackupJson> {
    const content = this.#content.slice()
    await this.#job('POST', '/block/volume/kept/backups', { repository: 'away' })
    const [newest] = await this.#backups()
    expect(newest !== undefined && !this.#copies.has(newest.id), 'there is no new backup')
    this.#copies.set(newest.id, content)
    return newest
  }

  async #backups(): Promise<readonly BackupJson[]> {
    const { backups } = await this.#cluster.api.call<{ backups: BackupJson[] }>(
      'GET',
      '/block/repositories/away/backups?volume=kept',
    )
    return backups
  }

  async #ended(method: string, path: string, body: object): Promise<JobJson> {
    const answer = await this.#cluster.api.call<{ id?: string; job?: string | { id: string } }>(
      method,
      path,
      body,
    )
    const id = typeof answer.job === 'string' ? answer.job : (answer.job?.id ?? answer.id ?? '')
    return this.#cluster.api.ended(id, JOB_MS)
  }

  async #job(method: string, path: string, body: object): Promise<void> {
    const job = await this.#ended(method, path, body)
    expect(job.state === 'succeeded', `${path}: ${job.state}, ${job.message}`)
  }

  async #primary() {
    const volume = (await this.#cluster.api.volume('kept')) as VolumeJson
    return this.#cluster.serverOf(volume.replicas.find(({ role }) => role === 'primary')!.server)
  }
}
