/**
 * What a server does with a volume that it leads, beside serving its hosts: snapshots that hosts may log in to, images that
 * other servers read, tasks. All of it ends with the lead.
 */
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { SnapshotInfo } from '../../base/ports/snapshots.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { QosLimits } from '../../frontend/qos/limiter.ts'
import type { LedBeat, SnapshotFacts } from '../../master/links.ts'
import type { LedDevice } from '../../replication/device.ts'
import { NOT_LED } from '../../rpc/reasons.ts'
import { CloneOrigin } from '../clones/clone-origin.ts'
import type { ImageTickets } from '../images/image-tickets.ts'
import type { OwnAccess } from '../served/served-volume.ts'
import type { ServedVolumes } from '../served/served-volumes.ts'
import { ExposedSnapshots } from '../snapshots/exposed-snapshots.ts'
import type { TaskRunner } from '../tasks/task-runner.ts'

/** What is done at this server for all volumes. */
export interface LeadMeans {
  readonly tickets: ImageTickets
  readonly tasks: TaskRunner
}

export interface LeadOptions extends LeadMeans {
  readonly served: Pick<ServedVolumes, 'volume'>
  /** UUID. */
  readonly volume: string
  readonly uuid: Uint8Array
  readonly name: string
  readonly logger: Logger
  /** A broken invariant: the process has to stop. */
  readonly onFatal: (error: unknown) => void
}

interface Restore {
  /** It has its place in the log. */
  isInLog: boolean
  /** Resolves however it ended. */
  readonly ended: Promise<void>
}

/** Requests to restore that are remembered. */
const RESTORES_MAX = 1024

export class Lead {
  readonly exposed: ExposedSnapshots
  /** Also while it does not lead: reads of a clone's replica find it when it does. */
  readonly origin = new CloneOrigin()
  readonly #o: LeadOptions
  #device: LedDevice | undefined
  #sessions: () => number = () => 0
  #unsubscribe: () => void = () => undefined
  #ended: Promise<void> = Promise.resolve()
  /** The last pass over the volume that ended in this process. */
  #scrub: LedBeat['scrub'] = null
  /** By their requests: none is carried out twice in one lead. */
  readonly #restores = new Map<string, Restore>()
  #beat: { readonly of: readonly unknown[]; readonly beat: LedBeat } | undefined

  constructor(options: LeadOptions) {
    this.#o = options
    this.exposed = new ExposedSnapshots(options)
  }

  /** This server leads from now on, until `end`, or until the device is lost. `sessions`: hosts that are logged in. */
  begin(device: LedDevice, sessions: () => number): void {
    this.#device = device
    this.#sessions = sessions
    this.#restores.clear()
    this.#unsubscribe = device.subscribe((event) => {
      if (event.kind === 'lost') this.end(event.reason).catch(this.#o.onFatal)
    })
  }

  /** Connections to snapshots are reset within the call; nothing of them is under way when the promise resolves. */
  end(reason: string): Promise<void> {
    if (this.#device === undefined) return this.#ended
    this.#device = undefined
    this.#unsubscribe()
    const { tickets, tasks, volume, onFatal } = this.#o
    // what they do is refused from here on, and nobody has to wait for them to see that
    Promise.all([tickets.endOf(volume), tasks.endOf(volume)]).catch(onFatal)
    this.#ended = this.exposed.endAll(reason)
    return this.#ended
  }

  setOwnAccess(own: OwnAccess): void {
    this.exposed.setOwnAccess(own)
  }

  setQos(limits: QosLimits): void {
    this.exposed.setQos(limits)
  }

  /** The device, while this server leads in the epoch of that number; else CONFLICT (`not_led`). */
  in(epoch: number): LedDevice {
    const device = this.#device
    if (device?.epoch.number === epoch) return device
    throw new BlockError('CONFLICT', `volume ${this.#o.name} is not led here in epoch ${epoch}`, {
      facts: { reason: NOT_LED, epoch, leads: device?.epoch.number },
    })
  }

  /**
   * Sets the volume back, once for each `request` (UUID): who asks again, because an answer was lost, gets the outcome of the
   * first time, for hosts may have written since. As `LedDevice.restoreSnapshot`; IN_USE while hosts are logged in, unless
   * `force`.
   */
  async restore(
    epoch: number,
    id: bigint,
    { request, force }: { readonly request: string; readonly force: boolean },
  ): Promise<void> {
    const device = this.in(epoch)
    const known = this.#restores.get(request)
    if (known !== undefined) await known.ended
    if (known?.isInLog === true) {
      // whether it counts was not known then; what is flushed behind it says so
      await device.flush()
      return
    }
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const restore: Restore = { isInLog: false, ended }
    this.#remember(request, restore)
    try {
      await device.restoreSnapshot(id, {
        admit: () => {
          if (!force) this.#refuseSessions()
          restore.isInLog = true
        },
      })
    } finally {
      resolve()
    }
  }

  #refuseSessions(): void {
    const sessions = this.#sessions()
    if (sessions === 0) return
    const hosts = sessions === 1 ? 'a host is' : `${sessions} hosts are`
    throw new BlockError('IN_USE', `${hosts} logged in to ${this.#o.name}; log out, or force it`, {
      facts: { reason: 'in_use', sessions },
    })
  }

  #remember(request: string, restore: Restore): void {
    this.#restores.delete(request)
    this.#restores.set(request, restore)
    for (const oldest of this.#restores.keys()) {
      if (this.#restores.size <= RESTORES_MAX) return
      this.#restores.delete(oldest)
    }
  }

  scrubbed(scrub: NonNullable<LedBeat['scrub']>): void {
    this.#scrub = scrub
  }

  /** What the master is told; the same object while it is the same. Null: it does not lead. */
  beat(): LedBeat | null {
    const device = this.#device
    if (device === undefined) return null
    const { origin } = device
    const filling = this.#o.tasks.of(this.#o.volume).find(({ kind }) => kind === 'hydrate')
    const done = coarse(filling?.progress.done ?? 0, origin?.sizeBytes ?? 0)
    const snapshots = device.snapshots()
    const of = [device.epoch.number, snapshots, this.exposed.changes, origin?.snapshot, done, this.#scrub]
    if (this.#beat !== undefined && of.every((fact, i) => fact === this.#beat?.of[i])) return this.#beat.beat
    const beat: LedBeat = {
      epoch: device.epoch.number,
      snapshots: snapshots.map((one) => ({ ...snapshotFacts(one), isExposed: this.exposed.has(one.id) })),
      origin: origin && {
        volume: origin.volume,
        snapshot: snapshotIdText(origin.snapshot),
        sizeBytes: origin.sizeBytes,
        doneBytes: Math.min(done * BLOCK_BYTES, origin.sizeBytes),
        totalBytes: origin.sizeBytes,
      },
      scrub: this.#scrub,
    }
    this.#beat = { of, beat }
    return beat
  }
}

/** Of blocks that are done of a clone: told a thousand times at most. */
function coarse(blocks: number, sizeBytes: number): number {
  const step = Math.max(1, Math.floor(sizeBytes / BLOCK_BYTES / 1000))
  return Math.floor(blocks / step) * step
}

const snapshotIdText = (id: bigint): string => id.toString(16).padStart(16, '0')

export const snapshotFacts = ({ id, name, lsn, createdWallMs, sizeBytes }: SnapshotInfo): SnapshotFacts => ({
  id: snapshotIdText(id),
  ...{ name, lsn, createdWallMs, sizeBytes },
})
