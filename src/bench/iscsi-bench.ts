/**
 * A benchmark of one logical unit over iSCSI, from login to figures. With `verify` everything written is stamped and
 * everything read is checked, and after a load that writes all of it is read back.
 */
import { formatHostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { Clock, Timer } from '../base/ports/clock.ts'
import type { Net } from '../base/ports/net.ts'
import type { Random } from '../base/ports/random.ts'
import { BlockClient, type Capacity } from '../iscsi/initiator/block-client.ts'
import { Initiator } from '../iscsi/initiator/initiator.ts'
import type { InitiatorSession } from '../iscsi/initiator/session.ts'
import { parseIscsiUrl } from '../iscsi/initiator/url.ts'
import { type AccessSource, EndlessAccess, writes } from './access.ts'
import { refuseData } from './guard.ts'
import { Ledger, UNITS_MAX } from './ledger.ts'
import { Load, type LoadOptions } from './load.ts'
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

const INITIATOR_NAME = 'iqn.2026-11.io.basalt:bench'
const PROGRESS_MS = 1000
const TWO_32 = 2 ** 32
/** Beside the load, for the commands around it. */
const SPARE_TASKS = 16

/**
 * Rejects with INVALID_ARGUMENT, with CONFLICT when it would overwrite data, with MEDIUM when something read is not
 * what was written, and with the initiator's errors.
 */
export async function benchIscsi(
  ports: BenchPorts,
  options: BenchOptions,
  onProgress?: (progress: Progress) => void,
): Promise<BenchResult> {
  const initiator = new Initiator({ ...ports, initiatorName: INITIATOR_NAME })
  const sessions: InitiatorSession[] = []
  try {
    for (let i = 0; i < options.connections; i++) {
      const session = await initiator.connect({
        url: options.url,
        tasksMax: options.queueDepth + SPARE_TASKS,
      })
      sessions.push(session)
      await new BlockClient(session).testUnitReady()
    }
    const client = new BlockClient(sessions[0]!)
    const capacity = await client.readCapacity()
    const units = unitsOf(capacity, options)
    if (writes(options.load) && !options.destroysData) await refuseData(client, capacity)
    return await new Bench(ports, options, { sessions, capacity, units, onProgress }).run()
  } finally {
    await Promise.all(sessions.map((session) => session.logout()))
  }
}

/** Units of the device that the load goes over. */
function unitsOf({ blocks, logicalBlockBytes }: Capacity, options: BenchOptions): number {
  const { unitBytes, verify, queueDepth, connections } = options
  if (unitBytes % logicalBlockBytes !== 0) {
    throw new BlockError('INVALID_ARGUMENT', `--bs must be a multiple of ${logicalBlockBytes} bytes here`)
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
  readonly sessions: readonly InitiatorSession[]
  readonly capacity: Capacity
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
    const { load: kind, seconds, unitBytes, queueDepth, connections, syncEvery, verify, url } = this.#options
    const { capacity, units, sessions } = this.#parts
    const runId = random.integer(TWO_32)
    const blockBytes = capacity.logicalBlockBytes
    const ledger = verify ? new Ledger({ runId, units, unitBytes, blockBytes }) : undefined
    const beganMs = clock.monotonicMs()
    const cpuBeganMs = cpuMs()
    const loadOptions: LoadOptions = {
      ...{ clock, sessions, queueDepth, unitBytes, blockBytes, syncEvery, ledger },
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
    const { portal, targetName, lun } = parseIscsiUrl(url)
    const figures = (operation: 'read' | 'write' | 'flush') =>
      figuresOf(load.latencies[operation], lastedMs, operation === 'flush' ? 0 : unitBytes)
    return {
      target: `iscsi://${formatHostPort(portal)}/${targetName}/${lun}`,
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
