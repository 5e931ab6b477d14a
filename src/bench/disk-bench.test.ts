import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NQN, OwnTarget } from '../../test/conformance/nvme/target.ts'
import { IQN, LoopbackTarget } from '../../test/e2e/iscsi/fixture.ts'
import { formatHostPort } from '../base/address.ts'
import { KIB, MIB } from '../base/units.ts'
import { RealClock } from '../io/clock.ts'
import { RealNet } from '../io/net.ts'
import { RealRandom } from '../io/random.ts'
import { plainSyscalls } from '../io/syscalls.ts'
import { LOADS, writes } from './access.ts'
import { benchDisk, type Progress } from './disk-bench.ts'
import type { BenchOptions } from './options.ts'
import { type BenchResult, describeResult } from './result.ts'

const SECONDS = 0.1

const PORTS = {
  net: new RealNet(),
  clock: new RealClock({ syscalls: plainSyscalls }),
  random: new RealRandom(),
  cpuMs: () => 0,
}

let target: LoopbackTarget
beforeEach(async () => {
  target = await LoopbackTarget.start({ sizeBytes: 2 * MIB })
})
afterEach(() => target[Symbol.asyncDispose]())

function bench(
  options: Partial<BenchOptions>,
  onProgress?: (progress: Progress) => void,
): Promise<BenchResult> {
  const url = `iscsi://${formatHostPort(target.portal)}/${IQN}/0`
  const defaults = { unitBytes: 4096, queueDepth: 8, connections: 1, seconds: SECONDS, syncEvery: 0 } as const
  const all = { url, load: 'randread', ...defaults, verify: false, destroysData: false, ...options } as const
  return benchDisk(PORTS, all, onProgress)
}

describe('a benchmark over iSCSI', () => {
  it.each(LOADS)('%s counts what the device did, with and without verification', async (load) => {
    for (const verify of [true, false]) {
      const before = { ...target.device.counts }
      const { read, write, seconds, verified } = await bench({ load, verify })
      const { reads, writes: written } = target.device.counts
      expect(seconds).toBeGreaterThanOrEqual(SECONDS)
      expect(write === undefined).toBe(!writes(load))
      expect(written - before.writes).toBe(write?.operations ?? 0)
      expect(reads - before.reads).toBeGreaterThanOrEqual(read?.operations ?? 0)
      if (verify && writes(load)) expect(verified?.checkedBlocks).toBeGreaterThan(0)
    }
  })

  it('shares the device among connections, and flushes as often as it was told', async () => {
    const { write, flush } = await bench({ load: 'write', connections: 3, syncEvery: 10, seconds: 0.3 })
    expect(target.device.counts.flushes).toBe(flush?.operations)
    const flushes = write!.operations / 10
    expect(flush!.operations).toBeGreaterThan(flushes * 0.4)
    expect(flush!.operations).toBeLessThanOrEqual(flushes)
  })

  it('finds one damaged byte, in another run too', async () => {
    const unitBytes = 64 * KIB
    await bench({ load: 'write', unitBytes, verify: true })
    const whole = await bench({ load: 'read', unitBytes, verify: true })
    expect(whole.verified).toMatchObject({ unknownBlocks: 0, spanBytes: 2 * MIB })
    const block = new Uint8Array(4096)
    const offsetBytes = 20 * unitBytes
    target.device.readNow(offsetBytes, block)
    block[1234]! ^= 1
    await target.device.write(offsetBytes, block)
    await expect(bench({ load: 'read', unitBytes, verify: true })).rejects.toMatchObject({
      code: 'MEDIUM',
      facts: { offsetBytes: offsetBytes + 1024 },
    })
  })

  it('does not write over data, at the beginning, in the middle or at the end, unless told to', async () => {
    for (const offsetBytes of [4096, MIB + 64 * KIB, 2 * MIB - 512]) {
      const data = Uint8Array.of(...new Uint8Array(511), 1)
      await target.device.write(offsetBytes, data)
      const { writes: before } = target.device.counts
      await expect(bench({ load: 'randwrite' })).rejects.toMatchObject({ code: 'CONFLICT' })
      expect(target.device.counts.writes).toBe(before)
      expect((await bench({ load: 'read' })).read?.operations).toBeGreaterThan(0)
      await target.device.write(offsetBytes, new Uint8Array(512))
    }
    expect((await bench({ load: 'randwrite', destroysData: true })).write?.operations).toBeGreaterThan(0)
  })

  it('runs over its own stamps without being told to', async () => {
    await bench({ load: 'write', verify: true })
    await bench({ load: 'write', verify: true })
  })

  it('tells its progress once a second', async () => {
    const told: Progress[] = []
    await bench({ seconds: 1.5 }, (progress) => told.push(progress))
    expect(told).toHaveLength(1)
    expect(told[0]?.iops).toBeGreaterThan(0)
  })

  it('refuses operations that do not fit the device', async () => {
    await expect(bench({ unitBytes: 4 * MIB })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const many = { verify: true, queueDepth: 256, connections: 2 }
    await expect(bench(many)).rejects.toThrow('the device has room for 512 operations, 513 are needed')
  })

  it('ends with the error when the target goes away', async () => {
    const running = bench({ seconds: 60 }, () => void target.target.close())
    await expect(running).rejects.toThrow()
  })

  it('describes itself, and says when it is itself what limits', async () => {
    const result = await bench({ load: 'mixed', syncEvery: 50 })
    const lines = describeResult({ ...result, cpuShare: 0.86 })
    // a loaded machine takes longer than the tenth of a second that was asked for
    expect(lines[0]).toMatch(/^mixed of 4KiB, 8 under way on 1 connection, \d+\.\d s$/)
    expect(lines[1]).toMatch(/^read +\d+ IOPS +[\d.]+ MB\/s {2}p50 \S+ [µm]s {2}p99 .* p99\.9 .* max /)
    expect(lines.at(-1)).toMatch(/^That is so much/)
    expect(describeResult({ ...result, cpuShare: 0.84 }).at(-1)).toBe('generator 84 % of a core')
  })
})

describe('a benchmark over NVMe/TCP', () => {
  let own: OwnTarget
  beforeEach(async () => {
    own = await OwnTarget.start()
  })
  afterEach(() => own[Symbol.asyncDispose]())

  const over = (options: Partial<BenchOptions>): Promise<BenchResult> =>
    bench({ url: `nvme://${formatHostPort(own.portal)}/${NQN}`, ...options })

  it.each(LOADS)('%s counts what the device did, and verifies', async (load) => {
    const before = { ...own.device.counts }
    const { read, write, verified, target: url } = await over({ load, verify: true, connections: 2 })
    expect(own.device.counts.writes - before.writes).toBe(write?.operations ?? 0)
    expect((read?.operations ?? 0) + (write?.operations ?? 0)).toBeGreaterThan(0)
    if (writes(load)) expect(verified?.checkedBlocks).toBeGreaterThan(0)
    expect(url).toBe(`nvme://${formatHostPort(own.portal)}/${NQN}`)
  })

  it('flushes as often as it was told', async () => {
    const { flush } = await over({ load: 'write', syncEvery: 10, seconds: 0.3 })
    expect(own.device.counts.flushes).toBe(flush?.operations)
  })

  it('refuses operations that a command cannot move', async () => {
    await expect(over({ unitBytes: 2 * MIB })).rejects.toThrow('--bs is at most 1048576 bytes here')
  })

  it('ends with the error when the target goes away', async () => {
    const progress = () => void own.target.close()
    const url = `nvme://${formatHostPort(own.portal)}/${NQN}`
    await expect(bench({ url, seconds: 60 }, progress)).rejects.toThrow()
  })
})
