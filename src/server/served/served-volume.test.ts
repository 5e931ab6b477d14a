import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/e2e/iscsi/fixture.ts'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { login } from '../../../test/e2e/target/support/host.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { formatHostPort } from '../../base/address.ts'
import { MIB } from '../../base/units.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { NO_QOS_LIMITS } from '../../frontend/qos/limiter.ts'
import { answerForwarded } from '../../frontend/reservations/answering.ts'
import { decodeAnswer, encodeQuestion } from '../../frontend/reservations/forward-codec.ts'
import { RemoteReservations } from '../../frontend/reservations/remote.ts'
import type { ReservationCommand } from '../../frontend/reservations/transition.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { RealNet } from '../../io/net.ts'
import { loadTargetConfig } from '../config/target-config.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import type { ServedVolume } from './served-volume.ts'
import { ServedVolumes } from './served-volumes.ts'

describe('limits of a volume that is served', () => {
  let served: ServedVolumes
  let volume: ServedVolume
  const device = new MemoryDevice({ sizeBytes: MIB })

  beforeEach(async () => {
    const flags = { data: '/nowhere', volume: 'vol1', iscsi: '127.0.0.1:0', nvme: '127.0.0.1:0' }
    const config = await loadTargetConfig({ flags, environment: {} })
    served = await ServedVolumes.open({ ...realPorts(), net: new RealNet() }, config)
    volume = served.volume({ name: 'vol1', latencies: makeLatencyRecorders(), first: 'failover' })
    await volume.attach(device)
  })
  afterEach(() => served.close())

  const host = () => login({ iscsi: formatHostPort(served.addresses.iscsi[0]!), iqn: volume.iqn })
  const block = new Uint8Array(4096)

  it('hold its hosts back, are lifted at once, and hold for the next device too', async () => {
    const { disk, session } = await host()
    volume.setQos({ ...NO_QOS_LIMITS, iops: 1, iopsBurst: 1 })
    await disk.write(0, 8, block)
    let isDone = false
    const second = disk.write(0, 8, block).then(() => {
      isDone = true
    })
    await disk.flush()
    expect(isDone).toBe(false)
    expect(volume.qosCounters).toMatchObject({ throttledOperations: 1, waiting: 1 })
    volume.setQos(NO_QOS_LIMITS)
    await second
    volume.setQos({ ...NO_QOS_LIMITS, iops: 1, iopsBurst: 1 })
    await session.logout()
    await volume.detach()
    await volume.attach(device)
    const again = await host()
    await again.disk.write(0, 8, block)
    const third = again.disk.write(0, 8, block)
    await again.disk.flush()
    expect(volume.qosCounters).toMatchObject({ throttledOperations: 2, waiting: 1 })
    volume.setQos(NO_QOS_LIMITS)
    await third
    await again.session.logout()
  })

  it('do not hold up the end of its opening', async () => {
    volume.setQos({ ...NO_QOS_LIMITS, iops: 1, iopsBurst: 1 })
    const { disk, session } = await host()
    await disk.write(0, 8, block)
    const waiting = Promise.all(
      Array.from({ length: 8 }, () => disk.write(0, 8, block).catch(({ code }: { code: string }) => code)),
    )
    await disk.flush()
    const beganMs = performance.now()
    await volume.detach()
    expect(performance.now() - beganMs).toBeLessThan(1000)
    expect(new Set(await waiting)).not.toContain(undefined)
    await session.closed
  })
})

describe('an opening that comes while the one before still ends', () => {
  it('is served by its limits and rules, and answers other paths', async () => {
    const flags = { data: '/nowhere', volume: 'vol1', iscsi: '127.0.0.1:0', nvme: '127.0.0.1:0' }
    const config = await loadTargetConfig({ flags, environment: {} })
    const served = await ServedVolumes.open({ ...realPorts(), net: new RealNet() }, config)
    try {
      const volume = served.volume({ name: 'vol1', latencies: makeLatencyRecorders(), first: 'failover' })
      const host = () => login({ iscsi: formatHostPort(served.addresses.iscsi[0]!), iqn: volume.iqn })
      const [before, device] = [new MemoryDevice({ sizeBytes: MIB }), new MemoryDevice({ sizeBytes: MIB })]
      await volume.attach(before)
      const old = await host()
      before.hold()
      const write = old.disk.write(0, 8, new Uint8Array(4096)).catch(() => undefined)
      await until(() => before.waiting === 1)
      const detached = volume.detach()
      const attached = volume.attach(device)
      before.letGo()
      await Promise.all([detached, attached, write, old.session.closed])
      const { disk, session } = await host()
      expect((await volume.answerForwarded(new Uint8Array(1))).byteLength).toBeGreaterThan(0)
      volume.setQos({ ...NO_QOS_LIMITS, iops: 1, iopsBurst: 1 })
      await disk.write(0, 8, new Uint8Array(4096))
      const second = disk.write(0, 8, new Uint8Array(4096)).catch(() => undefined)
      await disk.flush()
      expect(volume.qosCounters.waiting).toBe(1)
      volume.setOwnAccess({ initiators: ['iqn.x:other'], chap: null, hosts: null, dhchap: null })
      expect((await session.closed)?.code).toBe('DISCONNECTED')
      await second
    } finally {
      await served.close()
    }
  })
})

describe('a volume that was served here, and is served elsewhere now', () => {
  it('tells registrants on its standby path what became of them since, and nothing twice', async () => {
    const flags = { data: '/nowhere', volume: 'vol1', iscsi: '127.0.0.1:0', nvme: '127.0.0.1:0' }
    const config = await loadTargetConfig({ flags, environment: {} })
    const ports = { ...realPorts(), net: new RealNet() }
    const served = await ServedVolumes.open(ports, config)
    try {
      const device = new MemoryDevice({ sizeBytes: MIB })
      const serving = { device, access: OPEN_ACCESS, after: 'failover', ...ports } as const
      const remote = new RemoteReservations({
        forward: (bytes) => answerForwarded(new FrontendVolume(serving).reservations, bytes),
      })
      const standby = { reservations: remote, atomicWriteBytesMax: () => 0 }
      const volume = served.volume({
        ...{ name: 'vol1', latencies: makeLatencyRecorders(), first: 'failover', standby },
      })
      const said = async (command: ReservationCommand): Promise<void> => {
        const question = encodeQuestion({ kind: 'request', command, abort: false })
        expect(decodeAnswer(await volume.answerForwarded(question))?.outcome).toBe('ok')
      }
      const register = (from: string, newKey: bigint): ReservationCommand => ({
        ...{ kind: 'register', from, currentKey: 'ignore', newKey, persistent: undefined },
      })
      const preempt = (victimKey: bigint): ReservationCommand => ({
        ...{ kind: 'preempt', from: 'elsewhere', key: 9n, victimKey, type: 'write-exclusive' },
      })
      await remote.request(register('before', 1n))
      await volume.attach(device)
      for (const [from, key] of [
        ['elsewhere', 9n],
        ['here', 2n],
      ] as const)
        await said(register(from, key))
      await said(preempt(1n))
      await volume.detach()
      const heard: string[] = []
      remote.subscribe((notices) => heard.push(...notices.map(({ to, what }) => `${to} ${what}`)))
      await new FrontendVolume(serving).reservations.request(preempt(2n))
      await remote.read()
      expect(heard).toEqual(['here registration-preempted'])
    } finally {
      await served.close()
    }
  })
})
