import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { login } from '../../../test/e2e/target/support/host.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { formatHostPort } from '../../base/address.ts'
import { MIB } from '../../base/units.ts'
import { NO_QOS_LIMITS } from '../../frontend/qos/limiter.ts'
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
