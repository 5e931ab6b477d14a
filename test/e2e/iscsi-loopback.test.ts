import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { OPEN_ACCESS } from '../../src/frontend/access.ts'
import { Secret } from '../../src/frontend/secret.ts'
import { AsyncEvent, TaskManagementFunction } from '../../src/iscsi/pdu/opcodes.ts'
import type { ParameterWishes } from '../../src/iscsi/text/parameters.ts'
import { INITIATOR, IQN, LoopbackTarget, rawLogin, until } from './iscsi/fixture.ts'
import { pattern } from './iscsi/session-harness.ts'

const BLOCK = 512

const running: LoopbackTarget[] = []

async function start(...options: Parameters<typeof LoopbackTarget.start>): Promise<LoopbackTarget> {
  const setup = await LoopbackTarget.start(...options)
  running.push(setup)
  return setup
}

afterEach(async () => {
  for (const setup of running.splice(0)) await setup[Symbol.asyncDispose]()
})

describe('discovery', () => {
  it('lists the targets that the initiator may use, at the portals that it reaches', async () => {
    const setup = await start({ access: { ...OPEN_ACCESS, initiators: [INITIATOR] } })
    const found = await setup.initiator().discover(setup.portal)
    expect(found).toEqual([{ targetName: IQN, portals: [{ address: setup.portal, portalGroupTag: 1 }] }])
    expect(await setup.initiator('iqn.2026-11.org.example:stranger').discover(setup.portal)).toEqual([])
  })

  it('asks for a secret where there is one', async () => {
    const chap = { user: 'all', secret: Secret.fromText('discovery secret') }
    const setup = await start({ discoveryChap: [chap] })
    await expect(setup.initiator().discover(setup.portal)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await setup.initiator().discover(setup.portal, { chap })).toHaveLength(1)
  })
})

describe('CHAP', () => {
  const secret = Secret.fromText('correct horse battery')
  const back = Secret.fromText('staple of the disk')
  const mutual = { user: 'alice', secret, mutual: { user: 'disk', secret: back } }

  it('lets in with the right secret, one-way and mutually, and nobody else', async () => {
    const setup = await start({ access: { ...OPEN_ACCESS, chap: [mutual] } })
    for (const chap of [{ user: 'alice', secret }, mutual]) {
      const session = await setup.connect({ chap })
      expect(setup.target.sessions()).toMatchObject([{ initiator: INITIATOR, target: IQN }])
      await session.logout()
    }
    const refused = { code: 'ACCESS_DENIED' }
    await expect(setup.connect()).rejects.toMatchObject(refused)
    await expect(setup.connect({ chap: { user: 'alice', secret: back } })).rejects.toMatchObject(refused)
    await expect(setup.connect({ chap: { user: 'bob', secret } })).rejects.toMatchObject(refused)
    // A target that cannot prove itself is refused by the initiator.
    const wrong = { ...mutual, mutual: { user: 'disk', secret: Secret.fromText('some other secret') } }
    await expect(setup.connect({ chap: wrong })).rejects.toThrow()
    expect(setup.target.sessions()).toEqual([])
  })

  it('guessing is slowed down', async () => {
    const loginLimits = { burst: 20, perSecond: 0.001, failureCost: 8, addressesMax: 10 }
    const setup = await start({
      access: { ...OPEN_ACCESS, chap: [mutual] },
      loginLimits,
    })
    const guess = { chap: { user: 'alice', secret: back } }
    const codes: unknown[] = []
    for (let i = 0; i < 4; i++) codes.push(await setup.connect(guess).catch((error) => error.code))
    expect(codes).toEqual(['ACCESS_DENIED', 'ACCESS_DENIED', 'ACCESS_DENIED', 'DISCONNECTED'])
  })
})

describe('reading and writing', () => {
  const variants: Record<string, Partial<ParameterWishes>> = {
    'all early': {},
    'immediate data only': { initialR2t: true },
    'unsolicited Data-Out only': { immediateData: false },
    'everything asked for': { initialR2t: true, immediateData: false },
    'tiny segments and bursts': {
      maxRecvDataSegmentLengthBytes: 512,
      maxBurstLengthBytes: 1536,
      firstBurstLengthBytes: 1024,
      maxOutstandingR2t: 1,
    },
    'both digests': { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] },
  }

  it.each(Object.entries(variants))('gives back what was written: %s', async (_name, parameters) => {
    const setup = await start()
    const client = await setup.client({ parameters })
    const oracle = new Uint8Array(4096 * BLOCK)
    const command = fc.record({
      lba: fc.integer({ min: 0, max: 4095 }),
      blocks: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 2048 })),
      seed: fc.integer({ min: 0, max: 255 }),
      writes: fc.boolean(),
    })
    const commands = fc.sample(fc.array(command, { minLength: 60, maxLength: 60 }), {
      numRuns: 1,
      seed: 42,
    })[0]!
    for (const { lba, blocks: wanted, seed, writes } of commands) {
      const blocks = Math.min(wanted, 4096 - lba)
      const start = lba * BLOCK
      const end = start + blocks * BLOCK
      if (writes) {
        const data = pattern(blocks * BLOCK, seed)
        await client.write(lba, blocks, data, { fua: seed % 2 === 0 })
        oracle.set(data, start)
      } else {
        const target = new Uint8Array(blocks * BLOCK)
        await client.read(lba, blocks, target)
        expect(Buffer.compare(target, oracle.subarray(start, end))).toBe(0)
      }
    }
    const whole = new Uint8Array(oracle.byteLength)
    setup.device.readNow(0, whole)
    expect(Buffer.compare(whole, oracle)).toBe(0)
    await client.flush()
    expect(setup.device.counts.flushes).toBe(1)
    await client.session.logout()
  })

  it('many commands at once do not mix', async () => {
    const setup = await start()
    const client = await setup.client()
    const places = Array.from({ length: 300 }, (_, i) => i)
    await Promise.all(places.map((i) => client.write(i * 64, 64, pattern(64 * BLOCK, i))))
    await Promise.all(
      places.map(async (i) => {
        const target = new Uint8Array(64 * BLOCK)
        await client.read(i * 64, 64, target)
        expect(Buffer.compare(target, pattern(64 * BLOCK, i))).toBe(0)
      }),
    )
    const [info] = setup.target.sessions()
    expect(info).toMatchObject({ readBytes: 300 * 64 * BLOCK, writtenBytes: 300 * 64 * BLOCK })
    await client.session.logout()
  })

  it('under a small budget everything still ends well', async () => {
    const setup = await start({
      limits: { bytesMax: 256 * 1024, sessionBytesMax: 128 * 1024 },
    })
    const parameters = { initialR2t: true, immediateData: false }
    const clients = await Promise.all([setup.client({ parameters }), setup.client({ parameters })])
    await Promise.all(
      clients.flatMap((client, c) =>
        Array.from({ length: 24 }, async (_, i) => {
          const lba = (c * 24 + i) * 256
          await client.write(lba, 256, pattern(256 * BLOCK, i))
          const target = new Uint8Array(256 * BLOCK)
          await client.read(lba, 256, target)
          expect(Buffer.compare(target, pattern(256 * BLOCK, i))).toBe(0)
        }),
      ),
    )
    for (const { session } of clients) await session.logout()
  })

  it('the observer hears of every command', async () => {
    const setup = await start()
    const heard: [string, number][] = []
    setup.target.addVolume({
      iqn: `${IQN}2`,
      volume: setup.volume,
      observer: { command: (kind, durationMs, bytes) => heard.push([kind, durationMs >= 0 ? bytes : -1]) },
    })
    const client = await setup.client({ targetName: `${IQN}2` } as object)
    heard.length = 0
    await client.write(0, 8, pattern(4096))
    await client.read(0, 8, new Uint8Array(4096))
    await client.flush()
    expect(heard).toEqual([
      ['write', 4096],
      ['read', 4096],
      ['flush', 0],
    ])
    await client.session.logout()
  })
})

describe('a command that is aborted', () => {
  it('changes nothing after the abort was answered', async () => {
    const setup = await start()
    const { session } = await setup.client()
    setup.device.hold()
    const cdb = Uint8Array.from(Buffer.from('2a000000000000000800', 'hex'))
    const ended = Promise.withResolvers<string>()
    const referencedTaskTag = session.submit(
      { cdb, dataOut: pattern(4096) },
      { completed: () => ended.resolve('answered'), failed: (error) => ended.resolve(error.code) },
    )
    await until(() => setup.device.waiting === 1)
    const response = session.manageTask({ function: TaskManagementFunction.abortTask, referencedTaskTag })
    // The echo comes behind the abort: the target has seen it.
    await session.nopOut()
    expect(setup.device.counts.writes).toBe(0)
    setup.device.letGo()
    expect(await response).toBe(0)
    expect(await ended.promise).toBe('ABORTED')
    expect(setup.device.counts.writes).toBe(0)
    await session.logout()
  })
})

describe('the end of a session', () => {
  it('comes with the volume: all its connections are reset', async () => {
    const setup = await start()
    const { session } = await setup.client()
    setup.device.lose('failover')
    expect(await session.closed).toMatchObject({ code: 'DISCONNECTED' })
    await expect(setup.connect()).rejects.toMatchObject({ code: 'BUSY' })
  })

  it('comes with rules that no longer allow it', async () => {
    const setup = await start()
    const { session } = await setup.client()
    setup.volume.setAccess({ ...OPEN_ACCESS, initiators: [INITIATOR] })
    expect(setup.target.sessions()).toHaveLength(1)
    setup.volume.setAccess({ ...OPEN_ACCESS, initiators: [] })
    await session.closed
    await expect(setup.connect()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    setup.volume.setAccess(OPEN_ACCESS)
    await (await setup.connect()).logout()
  })

  it('comes with the removal of the target', async () => {
    const setup = await start()
    const { session } = await setup.client()
    await setup.target.removeVolume(IQN)
    await session.closed
    await expect(setup.connect()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('is asked for when the target drains; what is under way is finished', async () => {
    const setup = await start()
    const client = await setup.client()
    const { session } = client
    setup.device.hold()
    const writing = client.write(0, 8, pattern(4096))
    await until(() => setup.device.waiting === 1)
    const asked = Promise.withResolvers<number>()
    session.onAsyncMessage((message) => asked.resolve(message.asyncEvent))
    const closed = setup.target.close({ drainMs: 20_000 })
    expect(await asked.promise).toBe(AsyncEvent.logoutRequest)
    setup.device.letGo()
    await writing
    await session.logout()
    await closed
    expect(setup.device.counts.writes).toBe(1)
  })

  it('does not wait for ever for an initiator that does not log out', async () => {
    const setup = await start()
    const raw = await setup.raw()
    await raw.login(rawLogin())
    await setup.target.close({ drainMs: 50 })
    await raw.closed
  })
})

describe('a second login of the same initiator port', () => {
  it('replaces the first, and waits until nothing of it can change the medium', async () => {
    const setup = await start()
    const settings = { isid: 0x4000_0000_0001 }
    const first = await setup.client(settings)
    setup.device.hold()
    const writing = first.write(0, 8, pattern(4096)).catch((error) => error.code)
    await until(() => setup.device.waiting === 1)
    let isIn = false
    const second = setup.connect(settings).then((session) => {
      isIn = true
      return session
    })
    expect(await writing).toBe('DISCONNECTED')
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(isIn).toBe(false)
    setup.device.letGo()
    const session = await second
    expect([setup.device.counts.writes, setup.target.sessions().length]).toEqual([0, 1])
    await session.logout()
  })

  it('of another port stands beside it', async () => {
    const setup = await start()
    const sessions = await Promise.all([1, 2].map((isid) => setup.connect({ isid })))
    expect(setup.target.sessions().map(({ tsih }) => tsih)).toHaveLength(2)
    for (const session of sessions) await session.logout()
  })
})

it('a target that is elsewhere is found there', async () => {
  const there = await start()
  const address = `${there.portal.host}:${there.portal.port}`
  const here = await start({ elsewhere: { find: () => ({ kind: 'moved', address }), targets: () => [] } })
  await here.target.removeVolume(IQN)
  const session = await here.connect()
  expect([here.target.sessions().length, there.target.sessions().length]).toEqual([0, 1])
  await session.logout()
})
