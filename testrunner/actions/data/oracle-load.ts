/** Load whose every acknowledged write is remembered outside of what is harmed. */
import { duration, integer, optional, size, truth, withDefault } from '../../model/parameters.ts'
import { defineAction } from '../action.ts'
import { ATTACHED, diskOf } from '../hosts/attached.ts'
import { asValue, notAsStated } from '../shared/failures.ts'
import { volumeName } from '../shared/volumes.ts'
import { keepLoad, LOAD_NAME, loadOf, progressOf, takeLoad } from './loads.ts'

const AREA = optional(size('the part of the disk that is used, from its start; all of it unless told'))

export const oracleFill = defineAction({
  name: 'oracle_fill',
  group: 'data',
  summary: 'Write every block of a volume once, flush, and remember them',
  parameters: { ...ATTACHED, area: AREA },
  timeoutMs: 300_000,
  async run({ world, signal }, { area, ...name }) {
    const disk = diskOf(world, name)
    await world.oracle
      .ledger(name.volume)
      .fill(disk, Math.min(area ?? disk.sizeBytes, disk.sizeBytes), signal)
    return undefined
  },
})

export const oracleLoadStart = defineAction({
  name: 'oracle_load_start',
  group: 'data',
  summary:
    'Begin to write and read, and go on until oracle_load_stop; what is acknowledged is remembered, what is read is checked',
  parameters: {
    ...ATTACHED,
    ...LOAD_NAME,
    area: AREA,
    depth: withDefault(integer('commands at once', 1, 64), 8),
    read_percent: withDefault(integer('reads among all commands', 0, 100), 30),
    flush_every: withDefault(integer('a flush after so many writes; 0 for none'), 32),
    pace: withDefault(duration('pause after each command'), '0ms'),
  },
  async run({ world, signal }, { area, load, depth, read_percent, flush_every, pace, ...name }) {
    signal.throwIfAborted()
    const disk = diskOf(world, name)
    const running = world.oracle.ledger(name.volume).start(disk, {
      depth,
      readPercent: read_percent,
      flushEvery: flush_every,
      paceMs: pace,
      areaBytes: Math.min(area ?? disk.sizeBytes, disk.sizeBytes),
    })
    const key = load ?? name.volume
    keepLoad(world, key, running)
    world.atEnd(`load ${key}`, async () => {
      await takeLoad(world, key)?.stop(AbortSignal.timeout(STOP_MS))
    })
    return undefined
  },
})

const STOP_MS = 10_000

export const oracleLoadStop = defineAction({
  name: 'oracle_load_stop',
  group: 'data',
  summary: 'End a load after what it has under way, and tell what came of it',
  parameters: {
    volume: volumeName(),
    ...LOAD_NAME,
    gap_at_most: optional(duration('the longest time without any answer')),
    no_errors: withDefault(truth('a command that failed makes the step fail'), true),
  },
  result: 'writes, reads, flushes, errors, longestGapMs, p50Ms, p99Ms',
  async run(context, { volume, load, gap_at_most, no_errors }) {
    const { world, signal } = context
    const name = load ?? volume
    const running = loadOf(world, name)
    takeLoad(world, name)
    const totals = await running.stop(signal)
    context.sample(`longest gap of ${name}`, totals.longestGapMs, 'ms')
    context.sample(`p99 of ${name}`, totals.p99Ms, 'ms')
    if (no_errors && totals.errors > 0)
      throw notAsStated(`${totals.errors} commands of the load failed`, 0, asValue(totals))
    if (gap_at_most !== undefined && totals.longestGapMs > gap_at_most)
      throw notAsStated(
        `nothing was answered for ${Math.round(totals.longestGapMs)} ms`,
        gap_at_most,
        asValue(totals),
      )
    return asValue(totals)
  },
})

export const oracleProgress = defineAction({
  name: 'oracle_progress',
  group: 'data',
  summary: 'Wait until a load has so many more acknowledged writes',
  parameters: {
    volume: volumeName(),
    ...LOAD_NAME,
    writes: withDefault(integer('how many more', 1), 100),
  },
  result: 'writes, reads, flushes, errors, longestGapMs, p50Ms, p99Ms so far',
  async run(context, { volume, load, writes }) {
    const running = loadOf(context.world, load ?? volume)
    await progressOf(context, running, writes)
    return asValue(running.totals)
  },
})
