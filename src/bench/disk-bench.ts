/**
 * A benchmark of one device, over iSCSI or NVMe/TCP, from the first connection to figures. With `verify` everything written is stamped and
 * everything read is checked, and after a load that writes all of it is read back.
 */
import { BlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import { type AccessSource, EndlessAccess, writes } from './access.ts'
import type { BenchDisk } from './disk.ts'
import { refuseData } from './guard.ts'
import { openIscsiDisk } from './iscsi-disk.ts'
import { Ledger, UNITS_MAX } from './ledger.ts'
import { Load, type LoadOptions } from './load.ts'
import { openNvmeDisk } from './nvme-disk.ts'
import type { BenchOptions } from './options.ts'
import { type BenchResult, figuresOf } from './result.ts'

export interface BenchPorts {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  /** CPU time that this process has used, in milliseconds. */
  cpuMs(): number
}

export interface Progress {
  readonly phase: 'load' | 'verification'
  readonly elapsedSeconds: number
  /** Since the progress before; reads and writes. */
  readonly iops: number
  readonly mbPerSecond: number
}

const PROGRESS_MS = 1000
const TWO_32 = 2 ** 32

/**
 * Rejects with INVALID_ARGUMENT, with CONFLICT when it would overwrite data, with MEDIUM when something read is not
 * what was written, and with the initiator's errors.
 */
export async function benchDisk(
  ports: BenchPorts,
  options: BenchOptions,
  onProgress?: (progress: Progress) => void,
): Promise<BenchResult> {
  const open = options.url.startsWith('nvme://') ? openNvmeDisk : openIscsiDisk
  const disk = await open(ports, options)
  try {
    const units = unitsOf(disk, options)
    if (writes(options.load) && !options.destroysData) await refuseData(disk, disk.capacity)
    return await new Bench(ports, options, { disk, units, onProgress }).run()
  } finally {
    await disk.close()
  }
}

/** Units of the device that the load goes over. */
function unitsOf({ capacity, transferBytesMax }: BenchDisk, options: BenchOptions): number {
  const { blocks, logicalBlockBytes } = capacity
  const { unitBytes, verify, queueDepth, connections } = options
  if (unitBytes % logicalBlockBytes !== 0) {
    throw new BlockError('INVALID_ARGUMENT', `--bs must be a multiple of ${logicalBlockBytes} bytes here`)
  }
  if (unitBytes > transferBytesMax) {
    throw new BlockError('INVALID_ARGUMENT', `--bs is at most ${transferBytesMax} bytes here`)
  }
  const units = Math.floor((blocks * logicalBlockBytes) / unitBytes)
  const needed = verify ? queueDepth * connections + 1 : 1
  if (units < needed) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `the device has room for ${units} operations, ${needed} are needed`,
    )
  }
  return verify ? Math.min(units, UNITS_MAX) : units
}

interface BenchParts {
  readonly disk: BenchDisk
  readonly units: number
  readonly onProgress: ((progress: Progress) => void) | undefined
}

class Bench {
  readonly #ports: BenchPorts
  readonly #options: BenchOptions
  readonly #parts: BenchParts

  constructor(ports: BenchPorts, options: BenchOptions, parts: BenchParts) {
    this.#ports = ports
    this.#options = options
    this.#parts = parts
  }

  async run(): Promise<BenchResult> {
    const { clock, random, cpuMs } = this.#ports
    const { load: kind, seconds, unitBytes, queueDepth, connections, syncEvery, verify } = this.#options
    const { disk, units } = this.#parts
    const runId = random.integer(TWO_32)
    const { links, target, capacity } = disk
    const blockBytes = capacity.logicalBlockBytes
    const ledger = verify ? new Ledger({ runId, units, unitBytes, blockBytes }) : undefined
    const beganMs = clock.monotonicMs()
    const cpuBeganMs = cpuMs()
    const loadOptions: LoadOptions = {
      ...{ clock, links, queueDepth, unitBytes, blockBytes, syncEvery, ledger },
      source: new EndlessAccess(kind, units, random.integer(TWO_32)),
      endMs: beganMs + seconds * 1000,
      // Random, so that neither side can make less of it.
      content: random.bytes(unitBytes),
    }
    const load = new Load(loadOptions)
    await this.#watched(load, 'load')
    const lastedMs = clock.monotonicMs() - beganMs
    const cpuShare = (cpuMs() - cpuBeganMs) / lastedMs

    if (ledger !== undefined && writes(kind)) {
      const source = new WrittenUnits(ledger)
      const readBack = new Load({ ...loadOptions, source, endMs: Number.POSITIVE_INFINITY, syncEvery: 0 })
      await this.#watched(readBack, 'verification')
    }
    const figures = (operation: 'read' | 'write' | 'flush') =>
      figuresOf(load.latencies[operation], lastedMs, operation === 'flush' ? 0 : unitBytes)
    return {
      target,
      ...{ load: kind, unitBytes, queueDepth, connections, syncEvery },
      seconds: lastedMs / 1000,
      read: figures('read'),
      write: figures('write'),
      flush: figures('flush'),
      cpuShare,
      verified: ledger && {
        checkedBlocks: ledger.checkedBlocks,
        unknownBlocks: ledger.unknownBlocks,
        spanBytes: units * unitBytes,
      },
    }
  }

  /** Runs a load and tells its progress once a second. */
  async #watched(load: Load, phase: Progress['phase']): Promise<void> {
    const { clock } = this.#ports
    const { onProgress } = this.#parts
    const beganMs = clock.monotonicMs()
    let lastMs = beganMs
    let lastCount = 0
    let timer: Timer | undefined
    const tick = (): void => {
      const nowMs = clock.monotonicMs()
      const count = load.latencies.read.count + load.latencies.write.count
      const iops = ((count - lastCount) * 1000) / (nowMs - lastMs)
      const mbPerSecond = (iops * this.#options.unitBytes) / 1e6
      onProgress?.({ phase, elapsedSeconds: (nowMs - beganMs) / 1000, iops, mbPerSecond })
      lastMs = nowMs
      lastCount = count
      timer = clock.after(PROGRESS_MS, tick)
    }
    if (onProgress !== undefined) timer = clock.after(PROGRESS_MS, tick)
    try {
      await load.run()
    } finally {
      timer?.cancel()
    }
  }
}

/** Every unit that was written, once, for reading. */
class WrittenUnits implements AccessSource {
  readonly isWrite = false
  readonly #ledger: Ledger
  #next = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  next(): number {
    if (this.#next < 0) return -1
    const unit = this.#ledger.nextWritten(this.#next)
    this.#next = unit < 0 ? -1 : unit + 1
    return unit
  }
}
