import { existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type CsiClient, csiClient } from '../../../test/conformance/csi/fixture/client.ts'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { BlockError } from '../../base/errors.ts'
import { RealClock } from '../../io/clock.ts'
import { PinoLogger } from '../../io/logger.ts'
import { loadSyscalls } from '../../io/syscalls.ts'
import { MetricsRegistry } from '../../metrics/registry.ts'
import { identityService, type Readiness } from '../identity.ts'
import { CallMetrics } from './call-metrics.ts'
import { CallRunner } from './call-runner.ts'
import { CsiError } from './csi-error.ts'
import type { ControllerService, CsiCall, Rpc } from './handlers.ts'
import { type CsiSocket, serveCsi } from './serve-csi.ts'

const folder = mkdtempSync(join(tmpdir(), 'csi-'))
const SECRET = 'twelve-chars-and-more'
const realClock = new RealClock({ syscalls: loadSyscalls(() => undefined) })

interface Opened {
  readonly path: string
  readonly client: CsiClient
  readonly runner: CallRunner
  readonly socket: CsiSocket
  readonly lines: string[]
  readonly metrics: MetricsRegistry
}
const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

type CreateVolume = ControllerService['CreateVolume']
/** A controller that only makes volumes, by `handle`. */
function controllerOf(
  handle: CreateVolume['handle'],
  more: Partial<ControllerService> = {},
): ControllerService {
  const CreateVolume: CreateVolume = { keysOf: ({ name }) => [name], handle }
  return { CreateVolume, ...more } as ControllerService
}

let sockets = 0
async function serve(
  controller: ControllerService,
  options: { clock?: ManualClock; path?: string; readiness?: Readiness; mode?: number } = {},
): Promise<Opened> {
  const path = options.path ?? join(folder, `${++sockets}.sock`)
  const lines: string[] = []
  const logger = new PinoLogger({ level: 'debug', stream: { write: (line) => void lines.push(line) } })
  const callMetrics = new CallMetrics()
  const metrics = new MetricsRegistry()
  callMetrics.addTo(metrics)
  const runner = new CallRunner({ clock: options.clock ?? realClock, logger, metrics: callMetrics })
  const identity = identityService({
    driverName: 'csi.example.org',
    version: '7',
    served: { controller },
    readiness: async () => options.readiness ?? { kind: 'ready' },
  })
  const socket = await serveCsi({
    path,
    mode: options.mode ?? 0o660,
    flag: '--endpoint',
    services: { identity, controller },
    runner,
  })
  const client = csiClient(path)
  open.push(() => {
    client.close()
    socket.close()
  })
  return { path, client, runner, socket, lines, metrics }
}

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  await call.then(
    () => 'OK',
    (error: { code: string }) => error.code,
  )
const done: CreateVolume['handle'] = async ({ name }) => ({ volume: { volumeId: name, capacityBytes: '5' } })

/** A handler that ends when it is told, and says when it was called. */
function held() {
  const begun = Promise.withResolvers<CsiCall>()
  const ends = Promise.withResolvers<void>()
  const handle: CreateVolume['handle'] = async (request, call) => {
    begun.resolve(call)
    await ends.promise
    return await done(request, call)
  }
  return { handle, begun: begun.promise, end: ends.resolve }
}

describe('the socket', () => {
  it('has the mode that was asked for, and is gone after its end', async () => {
    const { path, socket } = await serve(controllerOf(done), { mode: 0o600 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    socket.close()
    await expect.poll(() => existsSync(path)).toBe(false)
  })

  it('takes the place of one that nobody listens to', async () => {
    const path = join(folder, 'stale.sock')
    const left = createServer()
    await new Promise<void>((resolve) => left.listen(path, resolve))
    // what a killed process leaves: the file, and nobody behind it
    const handle = (left as unknown as { _handle: { close(): void } })._handle
    linkSync(path, `${path}.kept`)
    handle.close()
    rmSync(path, { force: true })
    renameSync(`${path}.kept`, path)
    const { client } = await serve(controllerOf(done), { path })
    expect(await client.identity.Probe({})).toEqual({ ready: { value: true } })
  })

  it('leaves alone what somebody listens to, and what is no socket', async () => {
    const { path } = await serve(controllerOf(done))
    await expect(serve(controllerOf(done), { path })).rejects.toMatchObject({ code: 'IN_USE' })
    const file = join(folder, 'precious')
    writeFileSync(file, 'data')
    await expect(serve(controllerOf(done), { path: file })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(existsSync(file)).toBe(true)
  })
})

describe('a call', () => {
  it('is answered, and counted', async () => {
    const { client, metrics } = await serve(controllerOf(done))
    const { volume } = await client.controller.CreateVolume({ name: 'v' })
    expect(volume).toMatchObject({ volumeId: 'v', capacityBytes: '5' })
    const text = await metrics.render()
    expect(text).toContain('basalt_csi_calls_total{method="CreateVolume",code="OK"} 1')
    expect(text).toContain('basalt_csi_call_seconds_count{method="CreateVolume"} 1')
    expect(text).toContain('basalt_csi_calls_under_way 0')
  })

  it.each([
    [new CsiError('ALREADY_EXISTS', 'there is one'), 'ALREADY_EXISTS'],
    [new BlockError('NO_SPACE', 'full'), 'RESOURCE_EXHAUSTED'],
    [new BlockError('CONFLICT', 'not so'), 'FAILED_PRECONDITION'],
    [new BlockError('DISCONNECTED', 'no answer'), 'UNAVAILABLE'],
    [new BlockError('ACCESS_DENIED', 'no'), 'PERMISSION_DENIED'],
  ])('ends with the status of %s', async (error, code) => {
    const { client } = await serve(
      controllerOf(async () => {
        throw error
      }),
    )
    await expect(client.controller.CreateVolume({ name: 'v' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(error.message),
    })
  })

  it('that meets a bug of ours says so in the log only', async () => {
    const { client, lines } = await serve(
      controllerOf(async () => {
        throw new TypeError('x is not a function')
      }),
    )
    const call = client.controller.CreateVolume({ name: 'v' })
    await expect(call).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(call).rejects.not.toThrow('x is not')
    expect(lines.join('')).toContain('x is not a function')
  })

  it('of a service that is not served is UNIMPLEMENTED', async () => {
    const { client } = await serve(controllerOf(done))
    expect(await codeOf(client.node.NodeGetInfo({}))).toBe('UNIMPLEMENTED')
    expect(await codeOf(client.controller.ListVolumes({}))).toBe('UNIMPLEMENTED')
  })
})

describe('keys', () => {
  it('let one call at a time have a volume, and others go on', async () => {
    const { handle, begun, end } = held()
    const { client } = await serve(
      controllerOf((request, call) => (request.name === 'v' ? handle : done)(request, call)),
    )
    const first = client.controller.CreateVolume({ name: 'v' })
    await begun
    expect(await codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('ABORTED')
    expect(await codeOf(client.controller.CreateVolume({ name: 'w' }))).toBe('OK')
    // what lacks a name is told so, however many there are
    expect(await codeOf(client.controller.CreateVolume({ name: '' }))).toBe('OK')
    end()
    await first
    expect(await codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('OK')
  })

  it('of several volumes are taken together or not at all', async () => {
    const { handle, begun, end } = held()
    const DeleteVolume: ControllerService['DeleteVolume'] = {
      keysOf: ({ volumeId }) => volumeId.split('+'),
      handle: async () => ({}),
    }
    const { client } = await serve(controllerOf(handle, { DeleteVolume }))
    const first = client.controller.CreateVolume({ name: 'b' })
    await begun
    expect(await codeOf(client.controller.DeleteVolume({ volumeId: 'a+b' }))).toBe('ABORTED')
    expect(await codeOf(client.controller.DeleteVolume({ volumeId: 'a+c' }))).toBe('OK')
    end()
    await first
  })

  it('stay taken after a deadline until the handler has really ended', async () => {
    const { handle, begun, end } = held()
    const { client, metrics } = await serve(controllerOf(handle))
    // a deadline counts from before the connection is there
    await client.controller.DeleteVolume({}).catch(() => undefined)
    const first = codeOf(client.controller.CreateVolume({ name: 'v' }, { timeoutMs: 500 }))
    const { signal } = await begun
    expect(await first).toBe('DEADLINE_EXCEEDED')
    await expect.poll(() => signal.aborted).toBe(true)
    expect(await codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('ABORTED')
    expect(await metrics.render()).toContain('basalt_csi_calls_under_way 1')
    end()
    await expect.poll(() => codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('OK')
    // the client's own clock may have ended it first, by less than a millisecond of the driver's
    expect(await metrics.render()).toMatch(/code="(DEADLINE_EXCEEDED|CANCELLED)"\} 1/)
  })

  it('stay taken after the client went, too', async () => {
    const { handle, begun, end } = held()
    const { client, lines } = await serve(controllerOf(handle))
    const giveUp = new AbortController()
    const first = codeOf(client.controller.CreateVolume({ name: 'v' }, { signal: giveUp.signal }))
    const { signal } = await begun
    giveUp.abort()
    expect(await first).toBe('CANCELLED')
    await expect.poll(() => signal.aborted).toBe(true)
    expect(await codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('ABORTED')
    end()
    await expect.poll(() => codeOf(client.controller.CreateVolume({ name: 'v' }))).toBe('OK')
    expect(lines.join('')).toContain('"code":"CANCELLED"')
  })
})

describe('a deadline', () => {
  it('is told on the scale of the clock, and answered by it', async () => {
    const clock = new ManualClock()
    const metrics = new CallMetrics()
    const logger = new PinoLogger({ level: 'error', stream: { write: () => undefined } })
    const runner = new CallRunner({ clock, logger, metrics })
    const { handle, begun, end } = held()
    const rpc = { handle } as unknown as Rpc<{ name: string }, object>
    const gone = new AbortController().signal
    const call = { method: 'CreateVolume', keySpace: 'controller', timeoutMs: 3000, gone } as const
    const beganMs = clock.monotonicMs()
    const code = codeOf(runner.run(call, rpc, { name: 'v' }))
    expect((await begun).deadlineMs).toBe(beganMs + 3000)
    await clock.advance(2999)
    expect((await begun).signal.aborted).toBe(false)
    await clock.advance(1)
    expect(await code).toBe('DEADLINE_EXCEEDED')
    expect((await begun).signal.aborted).toBe(true)
    end()
  })

  it('that passed is what ended a call, also when its client went before the timer rang', async () => {
    const metrics = new CallMetrics()
    const logger = new PinoLogger({ level: 'error', stream: { write: () => undefined } })
    const runner = new CallRunner({ clock: new ManualClock(), logger, metrics })
    const codeWithin = (timeoutMs: number): Promise<string> => {
      const rpc: Rpc<object, object> = { handle: () => new Promise(() => undefined) }
      const call = { method: 'NodeGetInfo', keySpace: 'node', timeoutMs, gone: AbortSignal.abort() } as const
      return codeOf(runner.run(call, rpc, {}))
    }
    expect(await codeWithin(0)).toBe('DEADLINE_EXCEEDED')
    expect(await codeWithin(1000)).toBe('ABORTED')
    const registry = new MetricsRegistry()
    metrics.addTo(registry)
    const rendered = await registry.render()
    expect(rendered).toContain('code="DEADLINE_EXCEEDED"} 1')
    expect(rendered).toContain('code="CANCELLED"} 1')
  })

  it('that there is not is null', async () => {
    const runner = new CallRunner({
      clock: new ManualClock(),
      logger: new PinoLogger({ level: 'error', stream: { write: () => undefined } }),
      metrics: new CallMetrics(),
    })
    const rpc: Rpc<object, number | null> = { handle: async (_, { deadlineMs }) => deadlineMs }
    const gone = new AbortController().signal
    expect(await runner.run({ method: 'X', keySpace: 'node', timeoutMs: null, gone }, rpc, {})).toBeNull()
  })
})

describe('a stop', () => {
  it('waits for calls under way, refuses new ones, and answers what was asked', async () => {
    const { handle, begun, end } = held()
    const { client, runner, socket, path } = await serve(controllerOf(handle))
    const other = csiClient(path)
    await other.identity.Probe({})
    const first = codeOf(client.controller.CreateVolume({ name: 'v' }))
    await begun
    const drained = socket.drain()
    const stopped = runner.stop(new AbortController().signal)
    expect(await codeOf(other.identity.Probe({}))).toBe('UNAVAILABLE')
    end()
    await stopped
    expect(await first).toBe('OK')
    await drained
    other.close()
  })

  it('tells handlers to end when there is no more time', async () => {
    const { client, runner } = await serve(
      controllerOf(async (_, { signal }) => {
        begun.resolve()
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
        return {}
      }),
    )
    const begun = Promise.withResolvers<void>()
    const first = codeOf(client.controller.CreateVolume({ name: 'v' }))
    await begun.promise
    const hurry = new AbortController()
    const stopped = runner.stop(hurry.signal)
    hurry.abort()
    await stopped
    expect(await first).toBe('UNAVAILABLE')
  })
})

describe('a secret', () => {
  it('reaches neither log nor answer, whatever the handler makes of it', async () => {
    const { client, lines } = await serve(
      controllerOf(async ({ name, secrets }, { log }) => {
        log.info('volume.tried', { text: `with ${secrets['chap-secret']}` })
        log.warn('volume.odd', {}, new Error(`odd ${secrets['chap-secret']}`))
        if (name === 'refused') throw new CsiError('INVALID_ARGUMENT', `no ${secrets['chap-secret']}`)
        if (name === 'bug') throw new Error('outer', { cause: new Error(`inner ${secrets['chap-secret']}`) })
        if (name === 'tool') throw new BlockError('DISK', `iscsiadm -v ${secrets['chap-secret']}`)
        return { volume: { volumeId: name } }
      }),
    )
    const secrets = { 'chap-secret': SECRET, 'chap-user': 'user-of-chap' }
    const messages: string[] = []
    for (const name of ['fine', 'refused', 'bug', 'tool', SECRET]) {
      await client.controller
        .CreateVolume({ name, secrets, parameters: {} })
        .catch((error: Error) => messages.push(error.message))
    }
    expect(messages).toHaveLength(3)
    expect(messages.join()).not.toContain(SECRET)
    expect(messages[0]).toContain('no (hidden)')
    expect(lines.filter((line) => line.includes('volume.tried'))).toHaveLength(5)
    expect(lines.filter((line) => line.includes('"event":"csi.'))).toHaveLength(5)
    expect(lines.join('')).not.toContain(SECRET)
  })
})

describe('identity', () => {
  it('says who it is, and what it serves', async () => {
    const { client } = await serve(controllerOf(done))
    expect(await client.identity.GetPluginInfo({})).toMatchObject({
      name: 'csi.example.org',
      vendorVersion: '7',
    })
    const { capabilities } = await client.identity.GetPluginCapabilities({})
    expect(
      capabilities.map(({ service, volumeExpansion }) => service?.type ?? volumeExpansion?.type),
    ).toEqual(['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS', 'ONLINE'])
  })

  it.each([
    [{ kind: 'ready' }, { ready: { value: true } }],
    [{ kind: 'waiting', reason: 'the master is away' }, { ready: { value: false } }],
  ] as const)('probes %o', async (readiness, answer) => {
    const { client } = await serve(controllerOf(done), { readiness })
    expect(await client.identity.Probe({})).toEqual(answer)
  })

  it('is not healthy when somebody has to mend something', async () => {
    const { client } = await serve(controllerOf(done), {
      readiness: { kind: 'broken', reason: 'the token is refused' },
    })
    await expect(client.identity.Probe({})).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('the token is refused'),
    })
  })
})
