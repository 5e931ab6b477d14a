/**
 * A volume made of a snapshot. It is created as any other, with nobody let in; then its primary is told where its content comes
 * from, hosts are let in, and it is filled while they use it. A ticket to read the snapshot is fetched anew whenever either side
 * has another primary.
 *
 *     allocate ─▶ lead ─▶ origin: told at the primary, then active ─▶ fill ─▶ whole: no origin any more
 */
import type { VolumeRecord } from '../records.ts'
import { allocate, createdEvent, leadThen } from './create.ts'
import { type Call, type Decision, end, goTo, type Look, type Machine, type Step, wait } from './machine.ts'
import { opened } from './restore-backup.ts'
import { atPrimary, followTask } from './tasks.ts'
import { UNMAKE } from './unmake.ts'
import { serverName, withRules, writeOf } from './volume-edits.ts'

const volumeOf = (look: Look): VolumeRecord | null => {
  const volume = look.records.volume(look.job.volume ?? '')
  return volume === undefined || volume.state === 'deleting' ? null : volume
}
const gone = (): Decision => end('failed', 'the volume was deleted')

const lead = leadThen(() => goTo('origin'))

const origin: Step = {
  decide(look) {
    const volume = volumeOf(look)
    if (volume === null) return gone()
    const { origin: from } = volume
    if (from === null) return end('failed', 'the volume is no clone')
    const place = atPrimary(look, volume)
    if (typeof place === 'string' || place.led === null) return wait(String(place))
    const call: Call = {
      kind: 'setOrigin',
      server: place.server,
      request: { ...place.led, origin: from },
    }
    const state = look.call(call)
    if (state?.kind === 'done') {
      // from here on nothing can be read that is not the snapshot's
      return goTo('fill', {
        writes: [
          writeOf({
            ...withRules(volume, { access: opened(look, volume) }),
            state: 'active',
          }),
        ],
        events: [createdEvent(look, volume)],
      })
    }
    const name = serverName(look.records, place.server)
    const why = state?.kind === 'failed' ? `: ${state.message}` : ''
    return wait(`waits for ${name} to take it for a clone${why}`, { calls: [call] })
  },
  cancel: { to: 'undo' },
}

/** Its primary says that it has no origin. */
function isWhole({ live }: Look, { uuid, lead }: VolumeRecord): boolean {
  const led = live.replica(uuid, lead.primary)?.led
  return lead.state === 'serving' && led?.epoch === lead.epoch.number && led.origin === null
}

const filled = ({ records, job }: Look, volume: VolumeRecord): Decision => {
  const source = records.volume(volume.origin?.volume ?? '')?.name ?? 'what it was filled from'
  return end('succeeded', null, {
    writes: [writeOf({ ...volume, origin: null })],
    events: [
      {
        severity: 'info',
        kind: 'volume.clone_filled',
        actor: job.actor,
        volume: volume.uuid,
        message: `${volume.name} has all of its content, and no longer needs ${source}`,
      },
    ],
  })
}

const fill: Step = {
  decide(look) {
    const volume = volumeOf(look)
    if (volume === null) return gone()
    const { origin: from } = volume
    if (from === null) return end('succeeded', null)
    const place = atPrimary(look, volume)
    const source = look.records.volume(from.volume)
    const snapshot = look.records.snapshot(from.volume, from.snapshot)
    const isGone = source === undefined || source.state === 'deleting' || snapshot?.state === 'lost'
    // a registry of before may not know that it was filled; right after it was told to be a clone its snapshot is there
    if ((isGone || snapshot === undefined) && isWhole(look, volume)) return filled(look, volume)
    if (isGone) {
      return end(
        'failed',
        `what ${volume.name} is filled from is gone: what was not filled cannot be read; delete it`,
      )
    }
    const origin = atPrimary(look, source)
    if (typeof origin === 'string' || origin.led === null) return wait(`${source.name}: ${String(origin)}`)
    const outcome = followTask(look, {
      place,
      plan: {
        kind: 'hydrate',
        from: { server: origin.server, led: origin.led, snapshot: from.snapshot },
      },
      triesMax: Number.POSITIVE_INFINITY,
      // whatever it is, hosts have the volume: it goes on as soon as that is possible
      isFinal: () => false,
    })
    if (outcome.kind !== 'succeeded') {
      return outcome.kind === 'waiting' ? outcome.decision : wait(outcome.message)
    }
    return filled(look, volume)
  },
  cancel: { tooLate: 'hosts may use the clone already; delete the volume instead' },
}

export const CLONE: Machine = { kind: 'clone', steps: { allocate, lead, origin, fill, ...UNMAKE } }
