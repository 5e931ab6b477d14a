/**
 * Rules over what is seen from the scenario's beginning to its end (docs/scenario-gates.md). Each is told every look, and
 * says once and for all how it was broken. Pure: no clock, no waiting.
 */
import { type MetricSample, selectSamples } from '../shared/exposition.ts'
import { type Look, WATCHED } from './look.ts'

export interface Rule {
  readonly name: string
  see(look: Look): void
  /** A sentence; null while the rule holds. */
  readonly broken: string | null
}

const WINDOW_MS = 30_000
/** Above it a replica is behind by more than what is on its way. */
export const LAG_ENTRIES = 1000
const FULL_SHARE = 0.99

export const newRules = (): readonly Rule[] => [
  new ScrubFalsePositiveBurst(),
  new BarrierLagUnbounded(),
  new BarrierErrorRate(),
  new HealthZeroWithoutFault(),
  new WalFullStall(),
]

/** Where a sample is from: its daemon and its volume, and the replica it is about. */
const sourceOf = (daemon: string, { labels }: MetricSample): string =>
  [labels.volume, daemon, labels.replica].filter((part) => part !== undefined).join(' at ')

/** Since when something is so without a pause, by its source. */
class Lasting {
  readonly #since = new Map<string, number>()

  /** Those of `sources` that have been so for the window; others are forgotten. */
  longIn(sources: readonly string[], atMs: number): readonly string[] {
    for (const source of [...this.#since.keys()]) if (!sources.includes(source)) this.#since.delete(source)
    for (const source of sources) if (!this.#since.has(source)) this.#since.set(source, atMs)
    return sources.filter((source) => atMs - (this.#since.get(source) ?? atMs) >= WINDOW_MS)
  }
}

class ScrubFalsePositiveBurst implements Rule {
  readonly name = 'scrub_false_positive_burst'
  broken: string | null = null

  see({ daemons, isCorrupted }: Look): void {
    if (isCorrupted) return
    for (const { name, samples } of daemons) {
      const found = [WATCHED.scrubErrors, WATCHED.checksumErrors]
        .flatMap((metric) => selectSamples(samples, metric))
        .find(({ value }) => value > 0)
      if (found !== undefined)
        this.broken ??= `${sourceOf(name, found)}: ${found.name} is ${found.value}, and no step changed what is stored`
    }
  }
}

interface LagAt {
  readonly atMs: number
  readonly entries: number
}

class BarrierLagUnbounded implements Rule {
  readonly name = 'barrier_lag_lsn_unbounded'
  broken: string | null = null
  readonly #windows = new Map<string, LagAt[]>()

  see(look: Look): void {
    const lags = look.isDisturbed ? new Map<string, number>() : lagsIn(look)
    for (const source of [...this.#windows.keys()]) if (!lags.has(source)) this.#windows.delete(source)
    for (const [source, entries] of lags) {
      const window = [...(this.#windows.get(source) ?? []), { atMs: look.atMs, entries }]
      // the last one that is older than the window stays, so that the window is whole
      while (window.length > 1 && look.atMs - window[1]!.atMs >= WINDOW_MS) window.shift()
      this.#windows.set(source, window)
      if (isGrowing(window))
        this.broken ??= `${source}: the lag only grew for ${WINDOW_MS / 1000} s, to ${entries} entries`
    }
  }
}

/** Of replicas that are connected and not resynced. */
export function lagsIn({ daemons }: Pick<Look, 'daemons'>): Map<string, number> {
  const lags = new Map<string, number>()
  for (const { name, samples } of daemons) {
    for (const lag of selectSamples(samples, WATCHED.lag)) {
      const of = (metric: string) => selectSamples(samples, metric, lag.labels)[0]
      if (of(WATCHED.connected)?.value === 1 && of(WATCHED.resyncing) === undefined)
        lags.set(sourceOf(name, lag), lag.value)
    }
  }
  return lags
}

/** Each third of a whole window lies above the one before it. */
function isGrowing(window: readonly LagAt[]): boolean {
  const [first] = window
  const last = window.at(-1)
  if (first === undefined || last === undefined) return false
  if (last.atMs - first.atMs < WINDOW_MS || last.entries < LAG_ENTRIES) return false
  const part = (third: number): readonly number[] => {
    const from = first.atMs + (third * (last.atMs - first.atMs)) / 3
    const to = first.atMs + ((third + 1) * (last.atMs - first.atMs)) / 3
    return window
      .filter(({ atMs }) => atMs >= from && (third === 2 || atMs < to))
      .map(({ entries }) => entries)
  }
  const [a, b, c] = [part(0), part(1), part(2)]
  if (a.length === 0 || b.length === 0 || c.length === 0) return false
  return Math.min(...b) > Math.max(...a) && Math.min(...c) > Math.max(...b)
}

/** After harm has ended, what it broke is being put right for so long. */
const SETTLE_MS = 10_000

class BarrierErrorRate implements Rule {
  readonly name = 'barrier_error_rate'
  broken: string | null = null
  readonly #counts = new Map<string, number>()
  #calmSinceMs: number | undefined

  see({ atMs, isDisturbed, daemons }: Look): void {
    if (isDisturbed) this.#calmSinceMs = undefined
    else this.#calmSinceMs ??= atMs
    const isCalm = this.#calmSinceMs !== undefined && atMs - this.#calmSinceMs >= SETTLE_MS
    for (const { name, samples } of daemons) {
      const counts = [WATCHED.replicaReopens, WATCHED.volumeReopens].flatMap((metric) =>
        selectSamples(samples, metric),
      )
      for (const count of counts) {
        const source = `${sourceOf(name, count)} ${count.name}`
        const before = this.#counts.get(source)
        this.#counts.set(source, count.value)
        if (isCalm && before !== undefined && count.value > before)
          this.broken ??= `${sourceOf(name, count)} failed and was opened again (${count.name} rose to ${count.value}) while nothing was done to it`
      }
    }
  }
}

class HealthZeroWithoutFault implements Rule {
  readonly name = 'health_zero_without_fault'
  broken: string | null = null
  readonly #ill = new Lasting()
  #wasDisturbed = false

  see(look: Look): void {
    this.#wasDisturbed ||= look.isDisturbed
    const [long] = this.#ill.longIn(this.#wasDisturbed ? [] : illIn(look), look.atMs)
    if (long !== undefined) this.broken ??= `${long} for ${WINDOW_MS / 1000} s, and no fault was there`
  }
}

/** What is not well: volumes as the master counts them, and replicas as their servers say. */
export function illIn({ daemons }: Pick<Look, 'daemons'>): readonly string[] {
  return daemons.flatMap(({ name, samples }) => {
    const counted = selectSamples(samples, WATCHED.volumes)
      .filter(
        ({ labels, value }) => (labels.health === 'unsafe' || labels.health === 'degraded') && value > 0,
      )
      .map(({ labels }) => `${name} counted a volume as ${labels.health}`)
    const sick = selectSamples(samples, WATCHED.healthy)
      .filter(({ value }) => value === 0)
      .map((sample) => `${sourceOf(name, sample)} was not healthy`)
    return [...counted, ...sick]
  })
}

class WalFullStall implements Rule {
  readonly name = 'wal_full_stall'
  broken: string | null = null
  readonly #full = new Lasting()

  see({ atMs, isDisturbed, daemons }: Look): void {
    const full = daemons.flatMap(({ name, samples }) =>
      selectSamples(samples, WATCHED.logUsed)
        .filter(({ labels, value }) => value >= FULL_SHARE * sizeOf(samples, labels))
        .map((sample) => sourceOf(name, sample)),
    )
    const [long] = this.#full.longIn(isDisturbed ? [] : full, atMs)
    if (long !== undefined) this.broken ??= `the log of ${long} was full for ${WINDOW_MS / 1000} s`
  }
}

const sizeOf = (samples: readonly MetricSample[], labels: MetricSample['labels']): number =>
  selectSamples(samples, WATCHED.logSize, labels)[0]?.value ?? Number.POSITIVE_INFINITY
