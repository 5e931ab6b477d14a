import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FailingDisk } from '../../test/e2e/target/support/failing-disk.ts'
import {
  makeVolume,
  RecordingService,
  realPorts,
  temporaryDirectory,
} from '../../test/e2e/target/support/volume.ts'
import { BlockError, isBlockError } from '../base/errors.ts'
import { Volume } from '../blockvol/volume.ts'
import { HostedVolume } from './hosted-volume.ts'
import { makeLatencyRecorders } from './latencies.ts'

describe('HostedVolume', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  const failing = new FailingDisk()
  const plain = realPorts()
  const ports = { ...plain, disk: failing.wrap(plain.disk) }
  const service = { current: new RecordingService() }
  let opens = 0
  let openFailures = 0

  const host = (): Promise<HostedVolume> =>
    HostedVolume.open({
      open: async () => {
        opens++
        if (opens > 1 && openFailures-- > 0) throw new BlockError('DISK', 'not yet')
        return Volume.open(ports, { directory: `${directory.path}/v` })
      },
      service: service.current,
      latencies: makeLatencyRecorders(),
      clock: ports.clock,
      logger: ports.logger,
      onFatal: (error) => {
        throw error
      },
    })

  beforeEach(async () => {
    directory = temporaryDirectory()
    service.current = new RecordingService()
    opens = 0
    openFailures = 0
    await makeVolume(ports, `${directory.path}/v`)
  })
  afterEach(() => directory.remove())

  it('serves, reports, checkpoints, scrubs and stops', async () => {
    const hosted = await host()
    await service.current.device?.write(0, new Uint8Array(8192).fill(7))
    const before = hosted.view()
    expect(before).toMatchObject({ name: 'vol1', state: 'serving', reopens: 0, outage: undefined })
    expect(before.status.counters.writeBytes).toBe(8192)
    expect(await hosted.checkpoint()).toBeGreaterThanOrEqual(before.status.appendedLsn)
    const { totalBytes, freeBytes, ...parts } = await hosted.space()
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(totalBytes)
    expect(freeBytes).toBeGreaterThan(0)
    expect(hosted.startScrub()).toMatchObject({ errors: 0 })
    await hosted.stop()
    await hosted.stop()
    expect(service.current.events).toEqual(['attach', 'detach'])
    expect(hosted.view().state).toBe('closed')
    expect(() => hosted.startScrub()).toThrow(/not open/)
  })

  it('resets connections and reopens from disk in a new epoch when the log cannot be synced', async () => {
    const hosted = await host()
    const device = service.current.device
    await device?.write(0, new Uint8Array(4096).fill(1))
    await device?.flush()
    const epoch = hosted.view().status.epoch.number
    const reattached = service.current.nextAttach()
    failing.failures = 1
    openFailures = 2
    await expect(device?.write(4096, new Uint8Array(4096).fill(3), { fua: true })).rejects.toSatisfy(
      (error) => isBlockError(error, 'POISONED'),
    )
    expect(hosted.view()).toMatchObject({ state: 'reopening', status: { health: 'poisoned' } })
    expect(hosted.view().outage).toContain('fdatasync failed')
    await expect(hosted.checkpoint()).rejects.toSatisfy((error) => isBlockError(error, 'CLOSED'))

    await reattached
    const content = new Uint8Array(4096)
    await service.current.device?.read(0, content)
    expect(content.every((byte) => byte === 1)).toBe(true)
    const view = hosted.view()
    expect(view).toMatchObject({ state: 'serving', reopens: 1, outage: undefined })
    expect(view.status.epoch.number).toBe(epoch + 1)
    expect(view.status.counters.writes).toBe(2)
    expect(opens).toBe(4)
    expect(service.current.events).toEqual(['attach', 'detach', 'attach'])
    await hosted.stop()
  })

  it('can be stopped while it waits to reopen', async () => {
    const hosted = await host()
    failing.failures = 1
    openFailures = Number.POSITIVE_INFINITY
    await expect(
      service.current.device?.write(0, new Uint8Array(512).fill(3), { fua: true }),
    ).rejects.toThrow()
    await hosted.stop()
    expect(hosted.view().state).toBe('closed')
    expect(service.current.events.filter((event) => event === 'attach')).toHaveLength(1)
  })
})
