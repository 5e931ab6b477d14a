/** A volume under load for a while, as figures: by fio where a kernel has the disk, else by the load generator of the product. */
import { EndlessAccess, LOADS, type LoadKind } from '../../../src/bench/access.ts'
import { Load } from '../../../src/bench/load.ts'
import { figuresOf } from '../../../src/bench/result.ts'
import type { Disk } from '../../hosts/disk.ts'
import { StepFailure } from '../../model/failure.ts'
import { duration, integer, oneOf, optional, size, text, withDefault } from '../../model/parameters.ts'
import { type ActionContext, defineAction } from '../action.ts'
import { seededBytes } from '../data/content.ts'
import { type FioLoad, fioCommand } from '../fio/fio-job.ts'
import { type Figures, parseFio } from '../fio/fio-output.ts'
import { ATTACHED, diskOf } from '../hosts/attached.ts'
import { asValue, badArgument, couldNot } from '../shared/failures.ts'
import { linkOf } from './disk-link.ts'

interface Asked {
  readonly load: LoadKind
  readonly blockBytes: number
  readonly depth: number
  readonly runMs: number
  readonly areaBytes: number
  readonly flushEvery: number
}

interface Measured {
  readonly generator: 'basalt' | 'fio'
  readonly read: Figures | null
  readonly write: Figures | null
}

const SEED = 1

export const benchRun = defineAction({
  name: 'bench_run',
  group: 'benchmark',
  summary:
    'Load an attached volume for a while and tell its figures; what it holds is overwritten by loads that write',
  parameters: {
    ...ATTACHED,
    name: optional(text('of its samples; the load and the block size unless told')),
    load: withDefault(oneOf(LOADS, 'which; mixed is seven reads to three writes'), 'mixed'),
    block_size: withDefault(size('of each command'), '4KiB'),
    depth: withDefault(integer('commands at once', 1, 1024), 16),
    runtime: withDefault(duration('how long'), '5s'),
    area: optional(size('the part of the disk that is used, from its start; all of it unless told')),
    flush_every: withDefault(integer('a flush after so many writes; 0 for none'), 0),
  },
  result:
    'generator (basalt or fio), read and write, each null or operations, iops, bytes_per_second, p50_us, p99_us',
  timeoutMs: 600_000,
  async run(context, { volume, host, name, load, block_size, depth, runtime, area, flush_every }) {
    const disk = diskOf(context.world, { volume, host })
    const asked: Asked = {
      load,
      blockBytes: block_size,
      depth,
      runMs: runtime,
      areaBytes: Math.min(area ?? disk.sizeBytes, disk.sizeBytes),
      flushEvery: flush_every,
    }
    const measured = (await byFio(context, disk, asked)) ?? (await byBasalt(context, disk, asked))
    const series = name ?? `${load} ${block_size / 1024} KiB`
    for (const side of ['read', 'write'] as const) sampled(context, `${series} ${side}`, measured[side])
    return asValue(measured)
  },
})

function sampled(context: ActionContext, series: string, figures: Figures | null): void {
  if (figures === null) return
  context.sample(`${series} rate`, figures.iops, '1/s')
  context.sample(`${series} throughput`, figures.bytes_per_second, 'B/s')
  context.sample(`${series} p50`, figures.p50_us, 'µs')
  context.sample(`${series} p99`, figures.p99_us, 'µs')
}

/** Null where there is no device or no fio. */
async function byFio({ world, signal }: ActionContext, disk: Disk, asked: Asked): Promise<Measured | null> {
  const machine = world.place.machines.get(disk.host)
  if (disk.devicePath === null || machine === undefined) return null
  if ((await machine.run(['sh', '-c', 'command -v fio'])).code !== 0) return null
  const load: FioLoad = asked.load === 'mixed' ? 'randrw' : asked.load
  const command = fioCommand({
    path: disk.devicePath,
    load,
    blockBytes: asked.blockBytes,
    depth: asked.depth,
    jobs: 1,
    runMs: asked.runMs,
    sizeBytes: asked.areaBytes,
    readPercent: 70,
    fsyncEvery: asked.flushEvery,
    verify: null,
  })
  const ran = await machine.run(command, { asRoot: true, signal })
  if (signal.aborted) throw new StepFailure('TIMEOUT', 'fio did not end')
  const { error, read, write } = parseFio(ran.stdout)
  if (error !== 0) throw couldNot(`fio ended with error ${error}`, ran.stderr.slice(-2000))
  return { generator: 'fio', read, write }
}

async function byBasalt({ clock, signal }: ActionContext, disk: Disk, asked: Asked): Promise<Measured> {
  const { load: kind, blockBytes, depth, runMs, areaBytes, flushEvery } = asked
  const units = Math.floor(areaBytes / blockBytes)
  if (blockBytes % disk.logicalBlockBytes !== 0)
    throw badArgument(`block_size must be a multiple of ${disk.logicalBlockBytes}`)
  if (units < depth)
    throw badArgument(`there is room for ${units} blocks of ${blockBytes} bytes, ${depth} are needed`)
  const beganMs = clock.monotonicMs()
  const load = new Load({
    clock,
    links: [linkOf(disk, signal)],
    queueDepth: depth,
    unitBytes: blockBytes,
    blockBytes: disk.logicalBlockBytes,
    source: new EndlessAccess(kind, units, SEED),
    endMs: beganMs + runMs,
    syncEvery: flushEvery,
    content: seededBytes('bench', 0, blockBytes),
    ledger: undefined,
  })
  await load.run()
  const lastedMs = clock.monotonicMs() - beganMs
  const side = (operation: 'read' | 'write'): Figures | null => {
    const figures = figuresOf(load.latencies[operation], lastedMs, blockBytes)
    if (figures === undefined) return null
    const { operations, iops, p50Us, p99Us } = figures
    return {
      operations,
      iops: Math.round(iops),
      bytes_per_second: Math.round(iops * blockBytes),
      p50_us: p50Us,
      p99_us: p99Us,
    }
  }
  return { generator: 'basalt', read: side('read'), write: side('write') }
}
