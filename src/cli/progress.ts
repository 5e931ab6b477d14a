/** How far a job is, as text: a bar with rate and time left for a terminal, a plain line for a log. Pure. */
import { formatSize } from '../base/sizes.ts'

export interface Progress {
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'volumes' | 'steps' | 'blocks' | 'objects'
}

/** What is known of a job's speed: where it stood when it was first looked at, and when. */
export class Pace {
  #since: { readonly done: number; readonly atMs: number } | undefined
  #last = 0

  /** Work a second since the first look; undefined before there is any, and after the work shrank. */
  rate(done: number, nowMs: number): number | undefined {
    if (this.#since === undefined || done < this.#last) this.#since = { done, atMs: nowMs }
    this.#last = done
    const seconds = (nowMs - this.#since.atMs) / 1000
    const work = done - this.#since.done
    return seconds < 0.5 || work <= 0 ? undefined : work / seconds
  }
}

const BAR_CHARS_MAX = 30
const BAR_CHARS_MIN = 5

/** `label [#####.....] 50% 1GiB of 2GiB, 100MiB/s, 10 s left`, in at most `width` characters. */
export function renderBar(
  label: string,
  progress: Progress,
  options: { readonly rate: number | undefined; readonly width: number },
): string {
  const { rate, width } = options
  const ratio = ratioOf(progress)
  const tail = `${percent(ratio)} ${amounts(progress)}${pace(progress, rate)}`
  const room = Math.min(BAR_CHARS_MAX, width - label.length - tail.length - 5)
  if (room < BAR_CHARS_MIN) return `${label} ${tail}`.slice(0, Math.max(1, width - 1))
  const full = Math.round(ratio * room)
  return `${label} [${'#'.repeat(full)}${'.'.repeat(room - full)}] ${tail}`
}

/** The same without a bar. */
export const renderPlain = (label: string, progress: Progress, rate: number | undefined): string =>
  `${label}: ${percent(ratioOf(progress))} ${amounts(progress)}${pace(progress, rate)}`

/** 0 to 1. A job that does not know yet how much there is stands at 0. */
export const ratioOf = ({ done, total }: Progress): number =>
  total <= 0 ? 0 : Math.min(1, Math.max(0, done / total))

export const percent = (ratio: number): string => `${Math.floor(ratio * 100)}%`

/** `1GiB of 2GiB`, `2 of 5 steps`. A total of one byte is the master's word for none, or none that it knows yet. */
export function amounts({ done, total, unit }: Progress): string {
  if (unit !== 'bytes') return `${done} of ${total} ${unit}`
  return total <= 1 ? '0B' : `${formatSize(done)} of ${formatSize(total)}`
}

function pace({ done, total, unit }: Progress, rate: number | undefined): string {
  if (rate === undefined || done >= total) return ''
  const left = formatSeconds((total - done) / rate)
  return unit === 'bytes' ? `, ${formatSize(Math.round(rate))}/s, ${left} left` : `, ${left} left`
}

/** `8 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: what people plan with. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
