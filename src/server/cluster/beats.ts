/**
 * What a server's beats say of its replicas. A full beat lists all; the ones between list those that lead, because each
 * of their beats asks for a grant, those whose facts changed, and those that have something to tell. A replica that idles
 * costs a comparison. What is said of a volume that is led goes whole whenever it changes, and again after a full beat, as much
 * as one beat is to carry at a time.
 */
import type { Clock } from '../../base/ports/clock.ts'
import type { Epoch } from '../../base/units.ts'
import type { LedBeat, ReplicaBeat, ServerBeat } from '../../master/links.ts'
import type { AuthorityLink, ReplicaReport, ReplicaSide } from '../replica/authority-link.ts'
import { Outbox } from '../replica/outbox.ts'

interface Known {
  readonly side: ReplicaSide
  readonly outbox: Outbox
  /** Facts of the last beat that had it. */
  facts: string
  /** As it was said last; undefined: it is to be said. */
  led: LedBeat | null | undefined
}

/** Also when nothing seems to have changed: what the master has may be wrong for a reason that nobody thought of. */
const FULL_EVERY_BEATS = 120
/** Some 1.5 MiB, of the 8 MiB that a message may have. */
const SNAPSHOTS_PER_BEAT = 8192

export class Beats {
  readonly #clock: Clock
  readonly #space: () => Pick<ServerBeat, 'freeBytes' | 'capacityBytes'>
  readonly #replicas = new Map<string, Known>()
  #wake: () => void = () => undefined
  #isFullWanted = true
  #sinceFull = 0
  #sentAtMs = 0

  /** `space`: of the file system that the volumes are on, as it was last read. */
  constructor(clock: Clock, space: () => Pick<ServerBeat, 'freeBytes' | 'capacityBytes'>) {
    this.#clock = clock
    this.#space = space
  }

  /** Called when something is to be told at once. */
  onNews(wake: () => void): void {
    this.#wake = wake
  }

  /** The next beat is a full one. */
  wantFull(): void {
    this.#isFullWanted = true
    this.#wake()
  }

  /** The way of a replica to the master. */
  readonly link = (side: ReplicaSide): AuthorityLink => {
    const known: Known = { side, outbox: new Outbox(), facts: '', led: undefined }
    return {
      start: () => {
        this.#replicas.set(side.volume, known)
        this.#wake()
      },
      send: (message) => {
        known.outbox.add(message)
        this.#wake()
      },
      hurry: () => this.#wake(),
      clear: () => known.outbox.clear(),
      close: async () => {
        if (this.#replicas.get(side.volume) === known) this.#replicas.delete(side.volume)
        // that it is not there any more shows in a full beat only
        this.wantFull()
      },
    }
  }

  /** The next beat; what it has of messages counts as told. */
  next(isDraining: boolean): ServerBeat {
    const isFull = this.#isFullWanted || ++this.#sinceFull >= FULL_EVERY_BEATS
    const beat = this.#beat(isDraining, isFull)
    if (isFull) {
      this.#isFullWanted = false
      this.#sinceFull = 0
    }
    return beat
  }

  /** A full beat beside the others, which tells no messages. */
  look(isDraining: boolean): ServerBeat {
    const room = new Room()
    const replicas = [...this.#replicas.values()].map(({ side }) => {
      const report = side.report()
      return { ...report, led: room.admits(report.led) ? report.led : null, messages: [] }
    })
    return { ...this.#facts(isDraining), isFull: true, replicas }
  }

  #beat(isDraining: boolean, isFull: boolean): ServerBeat {
    const replicas: ReplicaBeat[] = []
    const room = new Room()
    let isMore = false
    for (const known of this.#replicas.values()) {
      const report = known.side.report()
      const facts = factsOf(report)
      const messages = known.outbox.list()
      const isNews = facts !== known.facts || messages.length > 0 || report.open?.leads != null
      if (isFull) known.led = undefined
      const isLedNews = report.led !== (known.led ?? null)
      if (!isFull && !isNews && !isLedNews) continue
      const isLedSaid = isLedNews && room.admits(report.led)
      if (isLedSaid || report.led === null) known.led = report.led
      else if (isLedNews) isMore = true
      known.facts = facts
      known.outbox.told(messages)
      const led = isLedSaid ? report.led : null
      replicas.push({ ...report, kept: isFull ? report.kept : null, led, messages })
    }
    if (isMore) this.#wake()
    return { ...this.#facts(isDraining), isFull, replicas }
  }

  #facts(isDraining: boolean): Omit<ServerBeat, 'isFull' | 'replicas'> {
    // two beats of one moment are still two
    this.#sentAtMs = Math.max(this.#clock.bootMs(), this.#sentAtMs + 0.001)
    return { sentAtMs: this.#sentAtMs, ...this.#space(), isDraining }
  }
}

/** How much a beat may still say of what is led. */
class Room {
  #snapshots = SNAPSHOTS_PER_BEAT

  admits(led: LedBeat | null): boolean {
    const wanted = led?.snapshots.length ?? 0
    if (wanted > this.#snapshots) return false
    this.#snapshots -= wanted
    return true
  }
}

/** All that a beat says of a replica that does not lead, but for the time of asking. */
function factsOf(report: ReplicaReport): string {
  const { open } = report
  const common = `${report.state} ${report.sizeBytes} ${report.usedBytes} ${report.settingsTag} ${report.outage}`
  if (open === null) return common
  const { opening, isServing, sealed, set, standing, appended, committed, durable, sessions } = open
  const { isDoubtful, isDamaged, isResyncing } = standing
  const members = set === null ? '' : `${set.epoch} ${set.version} ${set.members.join(' ')}`
  const numbers = `${opening} ${appended} ${committed} ${durable} ${sessions}`
  return `${common} ${epochText(open.leads)} ${epochText(sealed)} ${members} ${numbers} ${isServing} ${isDoubtful} ${isDamaged} ${isResyncing}`
}

const epochText = (epoch: Epoch | null): string => (epoch === null ? '-' : `${epoch.number}.${epoch.id}`)
