import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Look, watchedIn } from './look.ts'
import { lastWordsIn, wasAskedToEnd } from './panic.ts'
import { illIn, lagsIn, newRules } from './rules.ts'

const recorded = (name: string): string =>
  readFileSync(new URL(`./recorded/${name}.metrics`, import.meta.url), 'utf8')

/** As a server and a master of a healthy cluster of three wrote it. */
const SERVER = recorded('server')
const MASTER = recorded('master')

/** With the value of one metric replaced, whatever its labels. */
const withValue = (text: string, metric: string, value: number, labels = ''): string => {
  const line = new RegExp(`^(${metric}\\{[^}]*${labels}[^}]*\\}) .*$`, 'm')
  if (!line.test(text)) throw new Error(`no ${metric} was recorded`)
  return text.replace(line, `$1 ${value}`)
}

interface Moment {
  readonly server?: string
  readonly master?: string
  readonly isDisturbed?: boolean
  readonly isCorrupted?: boolean
}

const lookOf = (atMs: number, { server = SERVER, master = MASTER, ...rest }: Moment): Look => ({
  atMs,
  isDisturbed: false,
  isCorrupted: false,
  daemons: [
    { name: 'm1', isRunning: true, samples: watchedIn(master) },
    { name: 's1', isRunning: true, samples: watchedIn(server) },
  ],
  ...rest,
})

/** Which rules are broken after looks of two seconds each. */
function broken(moments: readonly Moment[]): readonly string[] {
  const rules = newRules()
  for (const [index, moment] of moments.entries())
    for (const rule of rules) rule.see(lookOf(index * 2000, moment))
  return rules.filter((rule) => rule.broken !== null).map(({ name }) => name)
}

const often = (count: number, moment: Moment): readonly Moment[] =>
  Array.from({ length: count }, () => moment)

describe('rules over what daemons wrote', () => {
  it('hold for a healthy cluster', () => {
    expect(broken(often(60, {}))).toEqual([])
    expect(illIn(lookOf(0, {}))).toEqual([])
    expect([...lagsIn(lookOf(0, {}))]).toHaveLength(2)
  })

  it('scrub: an error counts when nothing was damaged', () => {
    const server = withValue(SERVER, 'basalt_scrub_errors', 1)
    expect(broken([{ server }])).toEqual(['scrub_false_positive_burst'])
    expect(
      broken([{ server: withValue(SERVER, 'basalt_checksum_errors_total', 2), isDisturbed: true }]),
    ).toEqual(['scrub_false_positive_burst'])
    expect(broken([{ server, isCorrupted: true }])).toEqual([])
  })

  describe('lag', () => {
    const lag = (entries: number, more: Moment = {}): Moment => ({
      server: withValue(SERVER, 'basalt_replication_lag_entries', entries),
      ...more,
    })

    it('may be large and swing', () => {
      expect(broken(Array.from({ length: 40 }, (_, index) => lag(5000 + 900 * (index % 5))))).toEqual([])
    })

    it('may not grow for 30 s without harm', () => {
      const growing = Array.from({ length: 18 }, (_, index) => lag(index * 200))
      expect(broken(growing)).toEqual(['barrier_lag_lsn_unbounded'])
      expect(broken(growing.slice(0, 14))).toEqual([])
      expect(broken(growing.map((moment, index) => ({ ...moment, isDisturbed: index === 9 })))).toEqual([])
    })

    it('of a replica that is away or resynced is another matter', () => {
      const away = (index: number) => ({
        server: withValue(lag(index * 200).server ?? '', 'basalt_replication_connected', 0),
      })
      expect(broken(Array.from({ length: 18 }, (_, index) => away(index)))).toEqual([])
    })
  })

  it('barriers: a replica that fails while nothing is done to it', () => {
    const server = withValue(SERVER, 'basalt_replication_reopens_total', 1)
    const failed = [...often(6, {}), { server }]
    expect(broken(failed)).toEqual(['barrier_error_rate'])
    expect(
      broken([...often(5, { isDisturbed: true }), { isDisturbed: true, server }, ...often(20, { server })]),
    ).toEqual([])
    expect(broken([...often(5, { isDisturbed: true }), ...often(7, {}), { server }])).toEqual([
      'barrier_error_rate',
    ])
  })

  it('health: 30 s of ill health in a scenario that does no harm', () => {
    const master = withValue(MASTER, 'basalt_master_volumes', 1, 'health="unsafe"')
    expect(broken(often(17, { master }))).toEqual(['health_zero_without_fault'])
    expect(broken(often(15, { master }))).toEqual([])
    expect(broken([...often(10, { master }), {}, ...often(10, { master })])).toEqual([])
    expect(broken([{ isDisturbed: true }, ...often(40, { master })])).toEqual([])
    expect(broken(often(17, { server: withValue(SERVER, 'basalt_volume_healthy', 0) }))).toEqual([
      'health_zero_without_fault',
    ])
  })

  it('log: full for 30 s without harm', () => {
    const size = Number(/^basalt_log_size_bytes\{.*\} (\d+)$/m.exec(SERVER)?.[1])
    const server = withValue(SERVER, 'basalt_log_used_bytes', 0.995 * size)
    expect(broken(often(17, { server }))).toEqual(['wal_full_stall'])
    expect(broken(often(17, { server, isDisturbed: true }))).toEqual([])
    expect(broken(often(17, { server: withValue(SERVER, 'basalt_log_used_bytes', 0.98 * size) }))).toEqual([])
  })
})

describe('the log of a daemon', () => {
  const line = (pid: number, event: string, level = 'info'): string =>
    `{"level":"${level}","time":"2026-11-22T07:00:00.000Z","pid":${pid},"event":"${event}"}\n`

  it('shows a process that could not go on', () => {
    expect(lastWordsIn(`${line(1, 'volume.opened')}${line(1, 'process.failed', 'error')}`)).toContain(
      'process.failed',
    )
    expect(lastWordsIn('FATAL ERROR: Reached heap limit Allocation failed')).toBeDefined()
    expect(lastWordsIn('Node.js v26.10.0\n')).toBeDefined()
    expect(lastWordsIn(line(1, 'volume.opened'))).toBeUndefined()
  })

  it('tells whether its last process was asked to end', () => {
    const stopped = line(1, 'volume.opened') + line(1, 'process.signalled')
    expect(wasAskedToEnd(stopped)).toBe(true)
    expect(wasAskedToEnd(stopped + line(2, 'volume.opened'))).toBe(false)
    expect(wasAskedToEnd(line(2, 'volume.refused', 'warn'))).toBeUndefined()
    expect(wasAskedToEnd('')).toBeUndefined()
  })
})
