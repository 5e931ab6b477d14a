/** What a cluster has to do so that every panel has something to show: load, snapshots, backups, scrubs, a resync, limits. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeJson } from '../e2e/cluster/fixture/api.ts'
import { type Cli, EXIT } from '../e2e/cluster/fixture/cli.ts'
import type { Dev } from '../e2e/cluster/fixture/dev.ts'
import { BasaltProcess } from '../e2e/target/support/process.ts'

/** The volume that everything happens to. */
export const VOLUME = 'busy'
/** A volume with a replica less than there are servers: one that can move. */
export const MOVING = 'moving'
/** For a primary to be there. */
const SERVED_MS = 30_000

export class Life {
  readonly #dev: Dev
  readonly #cli: Cli
  #load: BasaltProcess | undefined

  constructor(dev: Dev, cli: Cli) {
    this.#dev = dev
    this.#cli = cli
  }

  /** Makes the volumes, and begins to read, write and flush. */
  async begin(): Promise<void> {
    await this.#run('volume', 'create', VOLUME, '--size', '256MiB', '--replicas', '3')
    await this.#run('volume', 'create', MOVING, '--size', '256MiB', '--replicas', '2')
    await this.#run('volume', 'qos', VOLUME, '--iops', '400')
    await this.startLoad()
  }

  /** Also after what it was connected to went away. */
  async startLoad(): Promise<void> {
    await this.#load?.kill()
    this.#load = await this.#bench(VOLUME, [
      '--rw',
      'mixed',
      '--qd',
      '4',
      '--sync-every',
      '8',
      '--seconds',
      '600',
    ])
  }

  /** Everything that people do. */
  async protect(): Promise<void> {
    const backups = join(this.#dev.directory, 'backups')
    mkdirSync(backups)
    const key = join(this.#dev.directory, 'backup.key')
    writeFileSync(key, randomBytes(32).toString('hex'))
    await this.#run('repository', 'add', 'here', '--directory', backups, '--encryption-key-file', key)
    await this.#run('snapshot', 'create', `${VOLUME}@first`)
    await this.#run('backup', 'create', VOLUME)
    await this.#run('schedule', 'create', 'often', '--volume', VOLUME, '--every', '1m', '--keep-last', '2')
    await this.#run('scrub', VOLUME)
    await this.#run('cluster', 'token', 'create', 'later', '--role', 'server', '--expires', '30d')
  }

  /** A replica is made anew at another server. */
  async move(): Promise<void> {
    const filling = await this.#bench(MOVING, ['--rw', 'write', '--bs', '1m', '--qd', '8', '--seconds', '4'])
    await filling.exited
    const { replicas } = await this.#dev.api.call<VolumeJson>('GET', `/block/volume/${MOVING}`)
    const from = replicas.find(({ role }) => role !== 'primary')?.server_name ?? ''
    await this.#run('volume', 'move', MOVING, '--from', from)
  }

  async end(): Promise<void> {
    await this.#load?.kill()
  }

  /** Load on a volume, from a process of its own, as soon as the volume is served. */
  async #bench(volume: string, args: readonly string[]): Promise<BasaltProcess> {
    const served = await this.#dev.api.until(`${volume} to be served`, SERVED_MS, async () => {
      const one = await this.#dev.api.call<VolumeJson>('GET', `/block/volume/${volume}`)
      return one.serving && one.iscsi_addr !== null ? one : undefined
    })
    const url = `iscsi://${served.iscsi_addr}/${served.iqn}/0`
    return new BasaltProcess(['bench', '--iscsi', url, '--yes-destroy-data', ...args])
  }

  async #run(...args: string[]): Promise<void> {
    const { code, stderr } = await this.#cli.run(...args)
    if (code !== EXIT.ok) throw new Error(`basalt ${args.join(' ')}: ${stderr}`)
  }
}
