import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RecordingService, realPorts, temporaryDirectory } from '../../test/e2e/target/support/volume.ts'
import { formatHostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { BlockDevice } from '../base/ports/block-device.ts'
import type { Clock } from '../base/ports/clock.ts'
import { MIB } from '../base/units.ts'
import type { AccessConfig } from '../config/access-config.ts'
import { loadTargetConfig, type TargetConfig } from './config/target-config.ts'
import { TargetDaemon, type TargetService } from './target-daemon.ts'

class ListeningService extends RecordingService implements TargetService {
  readonly iqn = 'iqn.2026-11.io.basalt:vol1'
  readonly nqn = 'nqn.2026-11.io.basalt:vol1'
  readonly addresses: TargetService['addresses'] = {
    iscsi: [{ host: '127.0.0.1', port: 3260 }],
    nvme: [{ host: '127.0.0.1', port: 4420 }],
  }
  readonly served: TargetService['served'] = {
    volume: () => {
      throw new Error('nothing is exposed here')
    },
  }
  access: AccessConfig | undefined
  /** While set, hosts do not log out. */
  stubborn = false
  patienceMs = 0

  override async attach(device: BlockDevice): Promise<void> {
    await this.onAttach()
    await super.attach(device)
  }

  onAttach = async (): Promise<void> => undefined

  async drain(options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    this.events.push('drain')
    this.patienceMs = options.timeoutMs
    if (!this.stubborn || options.signal.aborted) return
    await new Promise((resolve) => options.signal.addEventListener('abort', resolve))
  }

  setAccess(access: AccessConfig): void {
    this.access = access
  }

  onDetach = async (): Promise<void> => undefined
  readonly closed = Promise.withResolvers<void>()

  override async detach(): Promise<void> {
    await super.detach()
    await this.onDetach()
  }

  async close(): Promise<void> {
    this.events.push('close')
    this.closed.resolve()
  }
}

describe('TargetDaemon', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let service: ListeningService
  const levels: string[] = []
  /** Fires the timer of a drain time of one hour. */
  let overdue = (): void => undefined
  const real = realPorts()
  const clock: Clock = {
    monotonicMs: () => real.clock.monotonicMs(),
    bootMs: () => real.clock.bootMs(),
    wallMs: () => real.clock.wallMs(),
    sleep: (delayMs) => real.clock.sleep(delayMs),
    yield: () => real.clock.yield(),
    after: (delayMs, callback) => {
      if (delayMs !== 3_600_000) return real.clock.after(delayMs, callback)
      overdue = callback
      return { cancel: () => undefined }
    },
  }
  const ports = { ...real, clock }
  beforeEach(() => {
    directory = temporaryDirectory()
    service = new ListeningService()
  })
  afterEach(() => directory.remove())

  const configOf = (flags: Record<string, string> = {}): Promise<TargetConfig> =>
    loadTargetConfig({
      flags: { data: `${directory.path}/d`, volume: 'vol1', size: '16MiB', admin: '127.0.0.1:0', ...flags },
      environment: {},
    })
  const open = async (flags?: Record<string, string>): Promise<TargetDaemon> =>
    TargetDaemon.open({
      config: await configOf(flags),
      ports,
      version: '0.0.1',
      pid: process.pid,
      openService: async () => service,
      openRepository: () => {
        throw new BlockError('INVALID_ARGUMENT', 'there are no repositories here')
      },
      setLogLevel: (level) => levels.push(level),
      onFatal: (error) => {
        throw error
      },
    })
  const health = async (admin: string): Promise<{ status: number; reasons: string[] }> => {
    const response = await fetch(`http://${admin}/healthz`)
    const { reasons } = (await response.json()) as { reasons: string[] }
    return { status: response.status, reasons }
  }

  it('opens in order, is ready, and closes in reverse', async () => {
    const daemon = await open()
    const { ready } = daemon
    expect(ready).toMatchObject({
      ready: true,
      pid: process.pid,
      volume: 'vol1',
      iqn: 'iqn.2026-11.io.basalt:vol1',
      iscsi: '127.0.0.1:3260',
      nqn: 'nqn.2026-11.io.basalt:vol1',
      nvme: '127.0.0.1:4420',
    })
    expect(await health(ready.admin)).toEqual({ status: 200, reasons: [] })
    expect(service.device?.sizeBytes).toBe(16 * MIB)
    expect(await daemon.stop(new AbortController().signal)).toBe(true)
    expect(service.events).toEqual(['attach', 'drain', 'detach', 'close'])
    await expect(fetch(`http://${ready.admin}/healthz`)).rejects.toThrow()
    const again = await open({ size: '16MiB' })
    expect(await again.stop(AbortSignal.abort())).toBe(true)
  })

  it('answers 503 while it starts and while it drains', async () => {
    const port = await freePort()
    const admin = formatHostPort({ host: '127.0.0.1', port })
    service.onAttach = async () => {
      expect(await health(admin)).toEqual({ status: 503, reasons: ['the server is starting'] })
    }
    const daemon = await open({ admin })
    service.stubborn = true
    const hurry = new AbortController()
    const stopped = daemon.stop(hurry.signal)
    expect(await health(admin)).toEqual({ status: 503, reasons: ['the server is draining'] })
    hurry.abort()
    expect(await stopped).toBe(true)
  })

  it('gives up when the drain time is over before the volume is closed', async () => {
    const daemon = await open({ 'drain-timeout': '1h' })
    const closed = Promise.withResolvers<void>()
    service.onDetach = () => closed.promise
    const stopped = daemon.stop(AbortSignal.abort())
    overdue()
    expect(await stopped).toBe(false)
    expect(service.patienceMs).toBe(2_700_000)
    closed.resolve()
    await service.closed.promise
  })

  it('lets go of everything when it cannot start', async () => {
    service.onAttach = async () => {
      throw new Error('no')
    }
    await expect(open()).rejects.toThrow('no')
    expect(service.events).toEqual(['close'])
    service.onAttach = async () => undefined
    const daemon = await open()
    await daemon.stop(AbortSignal.abort())
  })

  it('takes over from a new configuration what it can, and refuses to open itself to all', async () => {
    mkdirSync(`${directory.path}/d`)
    const config = `${directory.path}/c.yaml`
    const write = (text: string): void => writeFileSync(config, text, { mode: 0o600 })
    write('initiators: [iqn.2026-11.org.example:a]\n')
    const daemon = await open({ config, iscsi: '0.0.0.0:3260' })
    write('initiators: [iqn.2026-11.org.example:b]\nlog-level: debug\nread-only: true\n')
    const changes = daemon.reload(await configOf({ config, iscsi: '0.0.0.0:3260' }))
    expect(changes).toEqual({ applied: ['log-level', 'initiators'], needRestart: ['read-only'] })
    expect(service.access?.initiators).toEqual(['iqn.2026-11.org.example:b'])
    expect(levels.at(-1)).toBe('debug')
    write('{}\n')
    const opened = await configOf({ config })
    expect(() => daemon.reload(opened)).toThrow(/would let everybody/)
    expect(service.access?.initiators).toEqual(['iqn.2026-11.org.example:b'])
    expect(readFileSync(`${directory.path}/d/server.json`, 'utf8')).toContain('"version":1')
    await daemon.stop(AbortSignal.abort())
  })
})

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return typeof address === 'object' && address !== null ? address.port : 0
}
