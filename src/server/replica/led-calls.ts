/** What the master asks of volumes that are led here (`ServerCalls` of `src/master/links.ts`), carried out. */
import { BlockError } from '../../base/errors.ts'
import type { LedVolume, VolumeSnapshots } from '../../master/links.ts'
import type { ReplicaScrub, ReplicaScrubResult } from '../../replication/scrub.ts'
import type { VolumeCalls } from '../cluster/volume-handlers.ts'
import type { TaskKinds, TaskVolume } from '../tasks/task-kinds.ts'
import { type Lead, type LeadMeans, snapshotFacts } from './lead.ts'

export interface LedCallsOptions extends LeadMeans {
  /** NOT_FOUND. */
  readonly lead: (volume: string) => Lead
  /** As `Replica.scrub`; NOT_FOUND. */
  readonly scrub: (volume: string, epoch: number, request: ReplicaScrub) => Promise<ReplicaScrubResult>
  readonly kinds: TaskKinds
  /** Id of this server. */
  readonly server: string
}

type Of<Name extends keyof VolumeCalls> = Parameters<VolumeCalls[Name]>[0]

export class LedCalls implements VolumeCalls {
  readonly #o: LedCallsOptions

  constructor(options: LedCallsOptions) {
    this.#o = options
  }

  async createSnapshot({ volume, epoch, id, name }: Of<'createSnapshot'>) {
    const device = this.#o.lead(volume).in(epoch)
    return snapshotFacts(await device.createSnapshot({ id: idOf(id), name }))
  }

  async deleteSnapshot({ volume, epoch, id }: Of<'deleteSnapshot'>): Promise<void> {
    const lead = this.#o.lead(volume)
    const device = lead.in(epoch)
    const snapshot = idOf(id)
    const sessions = lead.exposed.sessionsOf(snapshot)
    if (sessions > 0) {
      throw new BlockError('CONFLICT', `${sessions} hosts are logged in to the snapshot`, {
        facts: { sessions },
      })
    }
    // of a clone that was deleted before it read; one that reads still keeps the snapshot, whatever the master knows of it
    await this.#o.tickets.endUnusedOf(volume, snapshot)
    const wasExposed = lead.exposed.has(snapshot)
    await lead.exposed.hide(snapshot)
    try {
      await device.deleteSnapshot(snapshot)
    } catch (error) {
      // it is there still, and hosts are to find it
      if (wasExposed) await lead.exposed.expose(device, snapshot)
      throw error
    }
  }

  async restoreSnapshot({ volume, epoch, id, ...how }: Of<'restoreSnapshot'>): Promise<void> {
    await this.#o.lead(volume).restore(epoch, idOf(id), how)
  }

  async snapshotUsage({ volume, epoch }: Of<'snapshotUsage'>): Promise<VolumeSnapshots> {
    const lead = this.#o.lead(volume)
    const device = lead.in(epoch)
    const { snapshots, freeingBytes, metadataBytes } = await device.snapshotUsage()
    const usages = new Map(snapshots.map((one) => [one.id, one]))
    return {
      snapshots: device.snapshots().map((one) => ({
        ...snapshotFacts(one),
        isExposed: lead.exposed.has(one.id),
        heldBytes: usages.get(one.id)?.heldBytes ?? 0,
        exclusiveBytes: usages.get(one.id)?.exclusiveBytes ?? 0,
      })),
      freeingBytes,
      metadataBytes,
    }
  }

  async exposeSnapshot({ volume, epoch, id, isExposed }: Of<'exposeSnapshot'>): Promise<void> {
    const lead = this.#o.lead(volume)
    const device = lead.in(epoch)
    if (isExposed) await lead.exposed.expose(device, idOf(id))
    else await lead.exposed.hide(idOf(id))
  }

  async setOrigin({ volume, epoch, origin }: Of<'setOrigin'>): Promise<void> {
    const device = this.#o.lead(volume).in(epoch)
    await device.setOrigin({ ...origin, snapshot: idOf(origin.snapshot) })
  }

  async holdWrites({ volume, epoch, holdMs }: Of<'holdWrites'>): Promise<{ readonly hold: string }> {
    return { hold: await this.#o.lead(volume).in(epoch).holdWrites(holdMs) }
  }

  async releaseWrites({ volume, epoch, hold }: Of<'releaseWrites'>): Promise<{ readonly wasHeld: boolean }> {
    return { wasHeld: this.#o.lead(volume).in(epoch).releaseWrites(hold) }
  }

  async openImage({
    volume,
    epoch,
    snapshot,
    reader,
  }: Of<'openImage'>): Promise<{ readonly ticket: string }> {
    const lead = this.#o.lead(volume)
    if (reader !== null) await this.#o.tickets.endUnused(reader)
    const image = await lead.in(epoch).openSnapshot(idOf(snapshot))
    try {
      // the lead may have ended meanwhile, and its tickets with it
      lead.in(epoch)
      return { ticket: this.#o.tickets.issue({ volume, snapshot: idOf(snapshot), reader }, image) }
    } catch (error) {
      await image.close()
      throw error
    }
  }

  async startTask({ task, led, spec }: Of<'startTask'>): Promise<void> {
    const work = this.#o.kinds.workOf(spec, led && this.#taskVolume(led))
    this.#o.tasks.start({ task, kind: spec.kind, volume: led?.volume ?? null, work })
  }

  #taskVolume({ volume, epoch }: LedVolume): TaskVolume {
    const lead = this.#o.lead(volume)
    const device = lead.in(epoch)
    const { server, scrub } = this.#o
    return {
      device,
      led: {
        ...{ device, server, origin: lead.origin },
        scrub: (request) => scrub(volume, epoch, request),
        scrubbed: (ended) => lead.scrubbed(ended),
      },
    }
  }

  async task({ task }: Of<'task'>) {
    return this.#o.tasks.view(task)
  }

  async cancelTask({ task }: Of<'cancelTask'>): Promise<void> {
    this.#o.tasks.cancel(task)
  }
}

/** Of 16 hex digits. */
const idOf = (text: string): bigint => BigInt(`0x${text}`)
