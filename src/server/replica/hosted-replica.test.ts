/** What is stored of a replica is over when its end is: after that its directory may be deleted, and nothing may come into it. */
import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { BlockError } from '../../base/errors.ts'
import { silentLogger as logger } from '../../base/log.ts'
import { NO_QOS_LIMITS } from '../../frontend/qos/limiter.ts'
import { ImageTickets } from '../images/image-tickets.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import { NoNvme } from '../served/no-nvme.ts'
import { ServedVolume } from '../served/served-volume.ts'
import { TaskRunner } from '../tasks/task-runner.ts'
import { HostedReplica, type ReplicaSettings } from './hosted-replica.ts'
import { Lead } from './lead.ts'
import type { ReplicaRecord } from './replica-record.ts'
import { ReplicaRecorders } from './replica-recorders.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'
const nothing = (): void => undefined

const settingsOf = (tag: number): ReplicaSettings => ({
  access: { initiators: null, chap: null, hosts: null, dhchap: [] },
  qos: NO_QOS_LIMITS,
  tag,
  keep: '',
})

/** One whose directory cannot be opened; records are stored by `saveRecord`. */
function replicaWith(saveRecord: (record: ReplicaRecord) => Promise<void>): HostedReplica {
  const clock = new ManualClock()
  const onFatal = (error: unknown): void => {
    throw error
  }
  // the names are all that these front ends have
  const frontEnd = new NoNvme('nqn.test').volume({ name: 'v' })
  const volume = new ServedVolume({
    ...{ volume: VOLUME, nvme: frontEnd, standby: undefined, clock, logger, forget: nothing },
    iscsi: {
      ...frontEnd,
      describe: () => ({ iqn: 'iqn.test:v', portals: [], sessions: [], sessionsBegun: 0 }),
    },
    access: () => ({ initiators: 'any', chap: [], hosts: 'any', dhchap: [] }),
    ...{ first: 'failover', sanitizeBytesPerSecond: 1 },
  })
  const means = {
    tickets: new ImageTickets({ clock, random: new SeededRandom(1), logger, onFatal }),
    tasks: new TaskRunner({ clock, logger, onFatal }),
  }
  const names = { volume: VOLUME, name: 'v' }
  const latencies = makeLatencyRecorders()
  return new HostedReplica({
    ...{ ...names, clock, logger, onFatal, saveRecord },
    open: () => Promise.reject(new BlockError('DISK', 'the disk is away')),
    serve: () => volume,
    lead: new Lead({
      ...means,
      ...names,
      served: { volume: () => volume },
      uuid: new Uint8Array(16),
      logger,
      onFatal,
    }),
    latencies,
    recorders: new ReplicaRecorders(latencies),
    record: { authority: null, madeIn: null, settings: null },
    sizeBytes: 1024 * 1024,
    link: () => ({
      start: nothing,
      send: nothing,
      hurry: nothing,
      clear: nothing,
      close: async () => undefined,
    }),
  })
}

it('does not end before what it stores, and stores nothing after its end', async () => {
  const stored: number[] = []
  const disk = Promise.withResolvers<void>()
  const replica = replicaWith(async ({ settings }) => {
    await disk.promise
    stored.push(settings?.tag ?? 0)
  })
  replica.start()
  const first = replica.setSettings(settingsOf(1))
  await new Promise((resolve) => setImmediate(resolve))
  const second = replica.setSettings(settingsOf(2))
  let isStopped = false
  const stopped = replica.stop().then(() => {
    isStopped = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(isStopped).toBe(false)
  disk.resolve()
  await first
  await expect(second).rejects.toMatchObject({ code: 'CLOSED' })
  await stopped
  await expect(replica.setSettings(settingsOf(3))).rejects.toMatchObject({ code: 'CLOSED' })
  expect(stored).toEqual([1])
})
