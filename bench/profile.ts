/**
 * `npm run bench:profile [-- --nvme] [--only TEXT] [--seconds 3] [--top 12] [--directory DIR] [--json]`: what an I/O costs
 * the target over iSCSI, or with `--nvme` over NVMe/TCP, row by row. Three runs each: one undisturbed (CPU time, memory allocated, garbage collections, delay of
 * the event loop), one under the profiler of V8 (functions of the main thread), one under strace (system calls).
 * Target on core 0, client on core 1. Figures are per operation of the client.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MIB } from '../src/base/units.ts'
import { runClient } from './iscsi/client.ts'
import { STRACE, TASKSET, whatIsMissing } from './iscsi/programs.ts'
import { type ServedBasalt, startBasalt } from './iscsi/servers.ts'
import { NVME_WORKS, WORKS, type Work, worksNamed } from './iscsi/works.ts'
import { type HotSpot, INSPECTED, Inspector } from './profile/inspector.ts'
import { type Meter, startMeter } from './profile/meter.ts'
import { type SystemCall, systemCallsOf } from './profile/system-calls.ts'

const SIZE_BYTES = 512 * MIB
const TARGET_CPU = 0
const FILL = ['--rw', 'write', '--bs', '1m', '--seconds', '4']

interface Profile extends Meter {
  readonly work: string
  readonly iops: number
  readonly hotSpots: readonly HotSpot[]
  readonly profiledOperations: number
  /** Undefined when strace is not installed. */
  readonly systemCalls: readonly SystemCall[] | undefined
  readonly tracedOperations: number
}

const { values } = parseArgs({
  options: {
    nvme: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    top: { type: 'string', default: '12' },
    directory: { type: 'string', default: '.basalt/bench' },
    json: { type: 'boolean', default: false },
  },
})

const missing = whatIsMissing([TASKSET])
const withoutStrace = whatIsMissing([STRACE])
if (missing !== undefined) {
  console.error(missing)
  process.exitCode = 2
} else {
  if (withoutStrace !== undefined) console.error(`system calls are not counted: ${withoutStrace}`)
  await run()
}

async function run(): Promise<void> {
  mkdirSync(values.directory, { recursive: true })
  const directory = mkdtempSync(join(values.directory, 'profile-'))
  const basalt = await startBasalt({ directory, sizeBytes: SIZE_BYTES, cpu: TARGET_CPU }, INSPECTED)
  const target = values.nvme ? { ...basalt, url: basalt.nvmeUrl } : basalt
  process.once('exit', () => {
    target.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  const inspector = await Inspector.attach(target.process)
  await runClient(target, FILL)
  await target.settle()
  const profiles: Profile[] = []
  for (const work of worksNamed(values.nvme ? NVME_WORKS : WORKS, values.only)) {
    const profile = await profileOf(work, target, inspector, join(directory, 'strace'))
    profiles.push(profile)
    if (!values.json) for (const line of describe(profile)) console.log(line)
  }
  if (values.json) console.log(JSON.stringify(profiles, undefined, 2))
  inspector.close()
  await target.stop()
}

async function profileOf(
  work: Work,
  target: ServedBasalt,
  inspector: Inspector,
  scratch: string,
): Promise<Profile> {
  const load = async (): Promise<{ operations: number; iops: number }> => {
    target.warm()
    const sample = await runClient(target, [...work.flags, '--seconds', values.seconds])
    if (work.writes) await target.settle()
    return sample
  }
  await load()
  const meter = await startMeter(inspector)
  const { iops, operations } = await load()
  const measured = await meter.stop(operations)
  let profiledOperations = 0
  const hotSpots = await inspector.hotSpots(async () => {
    profiledOperations = (await load()).operations
  })
  let tracedOperations = 0
  const traced = async (): Promise<void> => {
    tracedOperations = (await load()).operations
  }
  const systemCalls =
    withoutStrace === undefined ? await systemCallsOf(target.pid, scratch, traced) : undefined
  return { work: work.name, iops, ...measured, hotSpots, profiledOperations, systemCalls, tracedOperations }
}

function describe(profile: Profile): string[] {
  const { work, iops, hotSpots, profiledOperations, systemCalls = [], tracedOperations } = profile
  const us = (ms: number): string => `${((ms * 1000) / profiledOperations).toFixed(2).padStart(8)} µs`
  const top = hotSpots.slice(0, Number(values.top))
  const calls = systemCalls.filter(({ calls }) => calls / tracedOperations >= 0.01)
  return [
    `${work}: ${iops.toFixed(0)} IOPS`,
    `  CPU ${profile.userUs.toFixed(1)} µs user + ${profile.systemUs.toFixed(1)} µs system`,
    `  allocated ${profile.allocatedBytes.toFixed(0)} bytes; ${profile.collections} collections, ${profile.collectionMs.toFixed(1)} ms in all`,
    `  event loop late by p50 ${profile.delayP50Ms.toFixed(2)} ms, p99 ${profile.delayP99Ms.toFixed(2)} ms, max ${profile.delayMaxMs.toFixed(2)} ms`,
    ...top.map(({ name, ms }) => `  ${us(ms)}  ${name}`),
    ...calls.map(({ name, calls, errors }) => {
      const failed = errors === 0 ? '' : ` (${(errors / tracedOperations).toFixed(2)} failed)`
      return `  ${(calls / tracedOperations).toFixed(2).padStart(8)} ×   ${name}${failed}`
    }),
    '',
  ]
}
