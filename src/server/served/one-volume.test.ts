import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FailingDisk } from '../../../test/e2e/target/support/failing-disk.ts'
import { login, patternAt } from '../../../test/e2e/target/support/host.ts'
import { makeVolume, realPorts, temporaryDirectory } from '../../../test/e2e/target/support/volume.ts'
import { formatHostPort } from '../../base/address.ts'
import { Volume } from '../../blockvol/volume.ts'
import { RealNet } from '../../io/net.ts'
import { loadTargetConfig } from '../config/target-config.ts'
import { HostedVolume } from '../hosted-volume.ts'
import { makeLatencyRecorders } from '../latencies.ts'
import { OneVolume } from './one-volume.ts'

describe('OneVolume', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  const failing = new FailingDisk()
  const real = realPorts()
  const ports = { ...real, disk: failing.wrap(real.disk), net: new RealNet() }
  const latencies = makeLatencyRecorders()
  let service: OneVolume
  let hosted: HostedVolume
  /** The next opening waits for it. */
  let opening: Promise<void> | undefined

  beforeEach(async () => {
    directory = temporaryDirectory()
    const place = `${directory.path}/v`
    await makeVolume(ports, place)
    opening = undefined
    const flags = { data: directory.path, volume: 'vol1', iscsi: '127.0.0.1:0', nvme: '127.0.0.1:0' }
    const config = await loadTargetConfig({ flags, environment: {} })
    service = await OneVolume.open(ports, { config, latencies })
    hosted = await HostedVolume.open({
      open: async () => {
        await opening
        return Volume.open(ports, { directory: place })
      },
      service,
      latencies,
      clock: ports.clock,
      logger: ports.logger,
      onFatal: (error) => {
        throw error
      },
    })
  })
  afterEach(async () => {
    await hosted.stop()
    await service.close()
    directory.remove()
  })
  const place = (): { iscsi: string; iqn: string } => ({
    iscsi: formatHostPort(service.addresses.iscsi[0]!),
    iqn: service.iqn,
  })

  it('shows sessions, and records how long commands take', async () => {
    const { session, disk } = await login(place())
    await disk.testUnitReady()
    await disk.write(0, 8, patternAt(0, 4096))
    await disk.read(0, 8, new Uint8Array(4096))
    await disk.flush()
    await disk.unmap([{ lba: 0, blocks: 8 }])
    const { iscsi, latency } = hosted.view()
    expect(iscsi.sessions).toMatchObject([
      { initiator: 'iqn.2026-11.org.example:host1', address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    ])
    for (const kind of ['read', 'write', 'flush', 'trim'] as const) {
      expect(latency[kind].histogram.count, kind).toBe(1)
      expect(latency[kind].p99Us, kind).toBeGreaterThan(1)
    }
    await session.logout()
    await service.drain({ timeoutMs: 60_000, signal: new AbortController().signal })
    expect(hosted.view().iscsi.sessions).toEqual([])
  })

  it('resets sessions when the volume fails, says "try again" meanwhile, and serves the reopened one', async () => {
    const first = await login(place())
    await first.disk.write(0, 8, patternAt(5, 4096), { fua: true })
    const reopen = Promise.withResolvers<void>()
    opening = reopen.promise
    failing.failures = 1
    const write = first.disk.write(8, 8, patternAt(6, 4096), { fua: true })
    await expect(write).rejects.toMatchObject({
      code: expect.stringMatching(/DISCONNECTED|MEDIUM|BUSY|DISK/),
    })
    expect(await first.session.closed).toMatchObject({ code: 'DISCONNECTED' })
    expect(hosted.view().state).toBe('reopening')
    await expect(login(place())).rejects.toMatchObject({ code: 'BUSY' })

    reopen.resolve()
    const second = await reconnect()
    const content = new Uint8Array(4096)
    await second.disk.read(0, 8, content)
    expect(Buffer.from(content).equals(patternAt(5, 4096))).toBe(true)
    expect(hosted.view()).toMatchObject({ state: 'serving', reopens: 1, status: { epoch: { number: 2 } } })
    await second.session.logout()
  })

  /** Logs in as a host does: again and again while it is told to. */
  async function reconnect(): ReturnType<typeof login> {
    for (;;) {
      try {
        return await login(place())
      } catch (error) {
        expect(error).toMatchObject({ code: 'BUSY' })
      }
    }
  }
})
