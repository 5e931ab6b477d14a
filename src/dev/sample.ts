/**
 * The sample volume: made once, at the first start; who deletes it has seen enough of it. A cluster that is locked is
 * waited for, for its operator has to look at it first, and one whose volume is not served yet goes on all the same.
 */
import { isBlockError } from '../base/errors.ts'
import type { Clock } from '../base/ports/clock.ts'
import type { DevEvent, Sample } from './events.ts'
import type { DevVolume, MasterClient } from './master-client.ts'

export interface SampleOptions {
  readonly client: MasterClient
  readonly clock: Clock
  readonly tell: (event: DevEvent) => void
  readonly isStopping: () => boolean
  readonly serverCount: number
  /** It was made at an earlier start. */
  readonly wasMade: boolean
  /** Called before it is made. */
  readonly making: () => Promise<void>
}

const NAME = 'demo'
const SIZE_BYTES = 512 * 1024 ** 2
const REPLICAS_MAX = 3
const MAKE_MS = 15_000
const SERVED_MS = 30_000
const POLL_MS = 50
const LOOK_MS = 500

/** Undefined when it was deleted, is not served in time, or everything is stopping. */
export async function serveSample(options: SampleOptions): Promise<Sample | undefined> {
  const { client, tell, wasMade, serverCount } = options
  await unlocked(options)
  if (options.isStopping()) return undefined
  const isNew = (await client.volume(NAME)) === undefined
  if (isNew && wasMade) return undefined
  const replicas = Math.min(REPLICAS_MAX, serverCount)
  if (isNew) {
    await options.making()
    await make(options, replicas)
  }
  const volume = await served(options)
  if (volume === undefined) return undefined
  const { iqn, iscsi_addr: portal, nqn, nvme_addr: nvme } = volume
  if (iqn === null || portal === null || nvme === null) return undefined
  const sample = { iqn, portal, nqn, nvme }
  tell({ event: 'volume', name: NAME, isNew, sizeBytes: SIZE_BYTES, replicas, ...sample })
  return sample
}

/** On a machine that is busy, a server that has joined may be silent just now: it is asked for again for a while. */
async function make({ client, clock, isStopping }: SampleOptions, replicas: number): Promise<void> {
  const beganMs = clock.monotonicMs()
  for (;;) {
    try {
      return await client.createVolume({ name: NAME, sizeBytes: SIZE_BYTES, replicas })
    } catch (error) {
      const mayPass = isBlockError(error, 'DISCONNECTED') || isBlockError(error, 'BUSY')
      if (!mayPass || isStopping() || clock.monotonicMs() - beganMs > MAKE_MS) throw error
    }
    await clock.sleep(LOOK_MS)
  }
}

/** Resolves when the cluster is not locked, or everything is stopping. */
async function unlocked({ client, clock, tell, isStopping }: SampleOptions): Promise<void> {
  for (let isTold = false; !isStopping(); isTold = true) {
    const { lock } = await client.status()
    if (lock === null) return
    if (!isTold) tell({ event: 'locked', detail: lock.detail, master: client.address })
    await clock.sleep(LOOK_MS)
  }
}

async function served({ client, clock, tell, isStopping }: SampleOptions): Promise<DevVolume | undefined> {
  const beganMs = clock.monotonicMs()
  let last: DevVolume | undefined
  while (!isStopping() && clock.monotonicMs() - beganMs < SERVED_MS) {
    try {
      last = await client.volume(NAME)
      if (last?.serving === true && last.iqn !== null && last.iscsi_addr !== null) return last
    } catch (error) {
      if (!isBlockError(error, 'DISCONNECTED') && !isBlockError(error, 'BUSY')) throw error
    }
    await clock.sleep(POLL_MS)
  }
  if (!isStopping()) tell({ event: 'notServed', name: NAME, reasons: last?.health_reasons ?? [] })
  return undefined
}
