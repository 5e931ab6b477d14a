/** Group `fio`: on a device that a host's kernel has, or on a file of a mounted volume. */
import { StepFailure } from '../../model/failure.ts'
import type { Need } from '../../model/need.ts'
import { duration, integer, oneOf, optional, size, text, withDefault } from '../../model/parameters.ts'
import { type Action, type ActionContext, defineAction } from '../action.ts'
import { mountOf, pathIn } from '../files/mounts.ts'
import { ATTACHED, type AttachedName, kernelDiskOf } from '../hosts/attached.ts'
import { asValue, couldNot } from '../shared/failures.ts'
import { FIO_LOADS, type FioJob, fioCommand } from './fio-job.ts'
import { FIO_MISMATCH, type FioResult, parseFio } from './fio-output.ts'

const NEEDS: readonly Need[] = ['fio', 'kernel', 'root']

const WHERE = {
  ...ATTACHED,
  file: optional(
    text('below the mount of the volume; the device itself unless told, whose content is then lost'),
  ),
  size: optional(size('of the file, or the part of the device; all of the device unless told')),
} as const

const SHAPE = {
  block_size: withDefault(size('of each command'), '4KiB'),
  depth: withDefault(integer('commands at once of each job', 1, 1024), 16),
} as const

type Place = Pick<FioJob, 'path' | 'sizeBytes'>

function placeOf(
  context: ActionContext,
  name: AttachedName,
  file: string | undefined,
  bytes: number | undefined,
): Place {
  if (file === undefined)
    return { path: kernelDiskOf(context.world, name).devicePath, sizeBytes: bytes ?? null }
  if (bytes === undefined) throw new StepFailure('ARGUMENT', 'size is missing: of a file it has to be told')
  return { path: pathIn(mountOf(context.world, name), file), sizeBytes: bytes }
}

async function fio(context: ActionContext, name: AttachedName, job: FioJob): Promise<FioResult> {
  const { machine } = kernelDiskOf(context.world, name)
  const command = fioCommand(job)
  const ran = await machine.run(command, { asRoot: true, signal: context.signal })
  const evidence = { command: command.join(' '), code: ran.code, stderr: ran.stderr.slice(-2000) }
  if (context.signal.aborted || ran.isTimedOut) throw new StepFailure('TIMEOUT', 'fio did not end', evidence)
  const result = parseFio(ran.stdout)
  if (result.error === FIO_MISMATCH)
    throw new StepFailure(
      'DATA_MISMATCH',
      `fio read what it did not write: ${firstLine(ran.stderr)}`,
      evidence,
    )
  if (result.error !== 0 || ran.code !== 0)
    throw couldNot(`fio ended with ${ran.code}, error ${result.error}: ${firstLine(ran.stderr)}`, evidence)
  for (const side of ['read', 'write'] as const) {
    const figures = result[side]
    if (figures === null) continue
    context.sample(`fio ${side} rate`, figures.iops, '1/s')
    context.sample(`fio ${side} p99`, figures.p99_us, 'µs')
  }
  return result
}

const firstLine = (said: string): string => said.trim().split('\n')[0] ?? ''

const fioRun = defineAction({
  name: 'fio_run',
  group: 'fio',
  summary: 'Load a volume with fio, and tell its figures',
  parameters: {
    ...WHERE,
    ...SHAPE,
    load: withDefault(oneOf(FIO_LOADS, 'which'), 'randrw'),
    read_percent: withDefault(integer('reads among all commands of randrw', 0, 100), 70),
    jobs: withDefault(integer('processes', 1, 64), 1),
    runtime: withDefault(duration('how long'), '10s'),
    fsync_every: withDefault(integer('an fsync after so many writes; 0 for none'), 0),
  },
  result: 'read and write, each null or operations, iops, bytes_per_second, p50_us, p99_us',
  needs: NEEDS,
  timeoutMs: 600_000,
  async run(context, { volume, host, file, size: bytes, block_size, load, depth, jobs, runtime, ...rest }) {
    const result = await fio(
      context,
      { volume, host },
      {
        ...placeOf(context, { volume, host }, file, bytes),
        load,
        blockBytes: block_size,
        depth,
        jobs,
        runMs: runtime,
        readPercent: rest.read_percent,
        fsyncEvery: rest.fsync_every,
        verify: null,
      },
    )
    return asValue({ read: result.read, write: result.write })
  },
})

const fioVerify = defineAction({
  name: 'fio_verify',
  group: 'fio',
  summary: 'Write content that fio can check, or check it, or both',
  parameters: {
    ...WHERE,
    ...SHAPE,
    phase: withDefault(oneOf(['write', 'check', 'both'], 'what is done now'), 'both'),
  },
  result: 'read and write, as of fio_run',
  needs: NEEDS,
  timeoutMs: 600_000,
  async run(context, { volume, host, file, size: bytes, block_size, depth, phase }) {
    const result = await fio(
      context,
      { volume, host },
      {
        ...placeOf(context, { volume, host }, file, bytes),
        load: 'randwrite',
        blockBytes: block_size,
        depth,
        jobs: 1,
        runMs: null,
        readPercent: 0,
        fsyncEvery: 0,
        verify: phase,
      },
    )
    return asValue({ read: result.read, write: result.write })
  },
})

export const FIO: readonly Action[] = [fioRun, fioVerify]
