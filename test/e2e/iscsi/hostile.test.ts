/**
 * What an initiator may do to a target over a real connection: floods, silence, lengths that lie. Bad input costs only
 * its sender: each test ends with another session that works as before.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Connection } from '../../../src/base/ports/net.ts'
import type { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import { encodeLoginRequest, type LoginRequest } from '../../../src/iscsi/pdu/login.ts'
import { encodeNopOut } from '../../../src/iscsi/pdu/nop.ts'
import {
  LoginStage,
  LoginStatus,
  Opcode,
  RESERVED_TAG,
  RejectReason,
} from '../../../src/iscsi/pdu/opcodes.ts'
import { encodeScsiCommand, type ScsiCommand } from '../../../src/iscsi/pdu/scsi-command.ts'
import { encodeText } from '../../../src/iscsi/text/pairs.ts'
import { INITIATOR, IQN, LoopbackTarget, net, rawLogin, until } from './fixture.ts'
import { ManualClock } from './manual-clock.ts'
import { pattern } from './session-harness.ts'

let setup: LoopbackTarget
const open: RawConnection[] = []
const raw = async (): Promise<RawConnection> => {
  const connection = await setup.raw()
  open.push(connection)
  return connection
}

/** A session beside the hostile one still reads what it writes. */
async function othersWork(): Promise<void> {
  const client = await setup.client({ isid: 99 })
  await client.write(0, 8, pattern(4096))
  const target = new Uint8Array(4096)
  await client.read(0, 8, target)
  expect(target).toEqual(pattern(4096))
  await client.session.logout()
}

afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  await setup[Symbol.asyncDispose]()
})

const loginRequest = (fields: Partial<LoginRequest> = {}): LoginRequest => ({
  opcode: Opcode.loginRequest,
  transit: true,
  continue: false,
  csg: LoginStage.operationalNegotiation,
  nsg: LoginStage.fullFeaturePhase,
  versionMax: 0,
  versionMin: 0,
  dataSegmentLength: 0,
  isid: 1,
  tsih: 0,
  initiatorTaskTag: 0,
  cid: 0,
  cmdSn: 0,
  expStatSn: 0,
  ...fields,
})

/** READ(16), numbered by its tag. */
const read16 = (options: { tag: number; blocks: number; lba?: number }): Omit<ScsiCommand, 'opcode'> => {
  const cdb = new Uint8Array(16)
  cdb[0] = 0x88
  const view = new DataView(cdb.buffer)
  view.setUint32(6, options.lba ?? 0)
  view.setUint32(10, options.blocks)
  return {
    immediate: false,
    final: true,
    read: true,
    write: false,
    attr: 1,
    totalAhsLength: 0,
    dataSegmentLength: 0,
    lun: 0n,
    initiatorTaskTag: options.tag,
    expectedDataTransferLength: options.blocks * 512,
    cmdSn: 1 + options.tag,
    expStatSn: 0,
    cdb,
  }
}

describe('a connection that does not log in', () => {
  it('is closed when the login takes too long, even if it is busy sending bytes one by one', async () => {
    const clock = new ManualClock()
    setup = await LoopbackTarget.start({ targetClock: clock, limits: { loginTimeoutMs: 15_000 } })
    const [silent, slow] = [await raw(), await raw()]
    for (let second = 0; second < 14; second++) {
      slow.sendBytes(Uint8Array.of(0x43))
      clock.advance(1000)
    }
    clock.advance(2000)
    await Promise.all([silent.closed, slow.closed])
    await othersWork()
  })

  it('gives way to others when too many of its kind are there, the oldest first', async () => {
    const clock = new ManualClock()
    setup = await LoopbackTarget.start({ targetClock: clock, limits: { loginsMax: 5 } })
    const holders: Awaited<ReturnType<typeof raw>>[] = []
    for (let i = 0; i < 5; i++) holders.push(await raw())
    await othersWork()
    await holders[0]!.closed
    clock.advance(20_000)
    await Promise.all(holders.map((holder) => holder.closed))
    await othersWork()
  })

  it('is refused before anything is read when an address comes too often', async () => {
    const loginLimits = { burst: 50, perSecond: 0.001, failureCost: 1, addressesMax: 8 }
    setup = await LoopbackTarget.start({ loginLimits })
    const client = await setup.client()
    const flood = await Promise.all(Array.from({ length: 300 }, raw))
    const logins = flood.map((connection) =>
      connection.login(rawLogin()).then(
        () => true,
        () => false,
      ),
    )
    const admitted = (await Promise.all(logins)).filter(Boolean).length
    expect(admitted).toBeLessThanOrEqual(49)
    await client.write(0, 8, pattern(4096))
    await client.session.logout()
  })

  it.each([
    [
      'a segment of 16 MiB',
      Uint8Array.from({ length: 48 }, (_, i) => (i === 0 ? 0x43 : i >= 5 && i < 8 ? 0xff : 0)),
    ],
    [
      'additional headers',
      Uint8Array.from({ length: 1100 }, (_, i) => (i === 0 ? 0x43 : i === 4 ? 0xff : 0)),
    ],
    ['HTTP', Buffer.from(`GET / HTTP/1.1\r\nHost: example.org\r\nAccept: ${'x'.repeat(300)}\r\n\r\n`)],
  ])('is closed for %s', async (_name, bytes) => {
    setup = await LoopbackTarget.start()
    const connection = await raw()
    connection.sendBytes(bytes)
    await connection.closed
    await othersWork()
  })

  it('is told that a command is not a login, then closed', async () => {
    setup = await LoopbackTarget.start()
    const connection = await raw()
    connection.send((view, at) => encodeScsiCommand(view, at, read16({ tag: 77, blocks: 1 })))
    expect((await connection.next()).pdu).toMatchObject({
      opcode: Opcode.loginResponse,
      initiatorTaskTag: 77,
      status: LoginStatus.invalidDuringLogin,
    })
    await connection.closed
    await othersWork()
  })

  it('is told what is wrong with its login, then closed', async () => {
    setup = await LoopbackTarget.start()
    const connection = await raw()
    const text = encodeText([{ key: 'InitiatorName', value: INITIATOR }])
    connection.send(
      (view, at) => encodeLoginRequest(view, at, loginRequest({ dataSegmentLength: text.byteLength })),
      text,
    )
    expect((await connection.next()).pdu).toMatchObject({
      opcode: Opcode.loginResponse,
      status: LoginStatus.missingParameter,
    })
    await connection.closed
  })
})

describe('sessions', () => {
  it('are bounded: the next login is told so, those that are there go on', async () => {
    setup = await LoopbackTarget.start({ limits: { sessionsMax: 3 } })
    const clients = await Promise.all([1, 2].map((isid) => setup.client({ isid })))
    const third = await setup.connect({ isid: 3 })
    await expect(setup.connect({ isid: 4 })).rejects.toMatchObject({ code: 'BUSY' })
    // The same port again takes its own place.
    const again = await setup.connect({ isid: 3 })
    await third.closed
    await again.logout()
    await clients[0]!.write(0, 8, pattern(4096))
    for (const { session } of clients) await session.logout()
    await othersWork()
  })

  it('of discovery are bounded as well, and end when they are idle', async () => {
    const clock = new ManualClock()
    setup = await LoopbackTarget.start({
      targetClock: clock,
      limits: { sessionsMax: 4, discoveryIdleSeconds: 5 },
    })
    const { targetName: _, ...discovery } = rawLogin()
    const idle = await Promise.all(
      [1, 2, 3, 4].map(async (isid) => {
        const connection = await raw()
        await connection.login({ ...discovery, isid })
        return connection
      }),
    )
    const refused = await raw()
    await expect(refused.login({ ...discovery, isid: 5 })).rejects.toMatchObject({ code: 'BUSY' })
    for (let second = 0; second < 7; second++) clock.advance(1000)
    await Promise.all(idle.map((connection) => connection.closed))
    await othersWork()
  })

  it('end when the initiator does not answer, though it dribbles bytes of a PDU', async () => {
    const clock = new ManualClock()
    const limits = { pingAfterSeconds: 3, pingTimeoutSeconds: 3, loginTimeoutMs: 1e9 }
    setup = await LoopbackTarget.start({ targetClock: clock, limits })
    const [silent, slow] = [await raw(), await raw()]
    await silent.login(rawLogin({ isid: 1 }))
    await slow.login(rawLogin({ isid: 2 }))
    await until(() => setup.target.sessions().length === 2)
    for (let second = 0; second < 8; second++) {
      slow.sendBytes(Uint8Array.of(0x01))
      clock.advance(1000)
      if (second === 2) expect((await silent.next()).pdu).toMatchObject({ opcode: Opcode.nopIn })
    }
    await Promise.all([silent.closed, slow.closed])
    await othersWork()
  })

  it('are closed for a segment longer than was declared, with a Reject', async () => {
    setup = await LoopbackTarget.start({ wishes: { maxRecvDataSegmentLengthBytes: 4096 } })
    const connection = await raw()
    await connection.login(rawLogin())
    connection.send((view, at) => {
      encodeScsiCommand(view, at, {
        immediate: false,
        final: true,
        read: false,
        write: true,
        attr: 1,
        totalAhsLength: 0,
        dataSegmentLength: 2 ** 24 - 1,
        lun: 0n,
        initiatorTaskTag: 1,
        expectedDataTransferLength: 2 ** 32 - 1,
        cmdSn: 1,
        expStatSn: 0,
        cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0),
      })
    })
    const { pdu } = await connection.next()
    expect(pdu).toMatchObject({ opcode: Opcode.reject, reason: RejectReason.protocolError })
    await connection.closed
    await othersWork()
  })

  it('announcing endless data hold no memory for it', async () => {
    setup = await LoopbackTarget.start({ limits: { queueDepth: 64, sessionBytesMax: 1 << 20 } })
    const connection = await raw()
    await connection.login(rawLogin())
    for (let i = 0; i < 60; i++) {
      connection.send((view, at) =>
        encodeScsiCommand(view, at, {
          immediate: false,
          final: true,
          read: false,
          write: true,
          attr: 1,
          totalAhsLength: 0,
          dataSegmentLength: 0,
          lun: 0n,
          initiatorTaskTag: i,
          expectedDataTransferLength: 2 ** 32 - 1,
          cmdSn: 1 + i,
          expStatSn: 0,
          cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0x08, 0x00, 0),
        }),
      )
    }
    connection.send((view, at) =>
      encodeNopOut(view, at, {
        immediate: true,
        dataSegmentLength: 0,
        lun: 0n,
        initiatorTaskTag: 1000,
        targetTransferTag: RESERVED_TAG,
        cmdSn: 61,
        expStatSn: 0,
      }),
    )
    // One command of a megabyte fits the session's share; the others wait, holding nothing.
    expect((await connection.next()).pdu).toMatchObject({ opcode: Opcode.r2t, initiatorTaskTag: 0 })
    expect((await connection.next()).pdu).toMatchObject({ opcode: Opcode.nopIn, initiatorTaskTag: 1000 })
    await othersWork()
  })

  it('whose answers are not taken are not read any more, and end after a while', async () => {
    const clock = new ManualClock()
    setup = await LoopbackTarget.start({ targetClock: clock, limits: { outputStallSeconds: 30 } })
    let socket: Connection | undefined
    const connection = await setup.raw({
      listen: net.listen.bind(net),
      connect: async (address) => {
        socket = await net.connect(address)
        return socket
      },
    })
    open.push(connection)
    await connection.login(rawLogin())
    await until(() => setup.target.sessions().length === 1)
    socket!.pause()
    for (let i = 0; i < 120; i++) {
      connection.send((view, at) => encodeScsiCommand(view, at, read16({ tag: i, blocks: 512 })))
    }
    await until(() => setup.target.sessions()[0]!.commands > 40)
    const before = setup.target.sessions()[0]!.commands
    expect(before).toBeLessThan(121)
    for (let second = 0; second < 29; second++) clock.advance(1000)
    await othersWork()
    await until(() => setup.target.sessions().length === 1)
    for (let second = 0; second < 3; second++) clock.advance(1000)
    await until(() => setup.target.sessions().length === 0)
    await othersWork()
  })

  it('whose answers wait long in the socket get the right bytes in the end', async () => {
    setup = await LoopbackTarget.start()
    const blocks = 128
    for (let i = 0; i < 40; i++) await setup.device.write(i * blocks * 512, pattern(blocks * 512, i))
    let socket: Connection | undefined
    const connection = await setup.raw({
      listen: net.listen.bind(net),
      connect: async (address) => {
        socket = await net.connect(address)
        return socket
      },
    })
    open.push(connection)
    await connection.login(rawLogin())
    await until(() => setup.target.sessions().length === 1)
    socket!.pause()
    let tag = 0
    for (let i = 0; i < 40; i++) {
      // Answers without data of their own, in batches of their own, between the reads.
      connection.send((view, at) => encodeScsiCommand(view, at, read16({ tag: tag++, blocks: 0 })))
      await new Promise((resolve) => setImmediate(resolve))
      connection.send((view, at) =>
        encodeScsiCommand(view, at, read16({ tag: tag++, blocks, lba: i * blocks })),
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket!.resume()
    for (let i = 0; i < 40; i++) {
      expect((await connection.next()).pdu).toMatchObject({ initiatorTaskTag: 2 * i })
      const { pdu, data } = await connection.next()
      expect(pdu).toMatchObject({ opcode: Opcode.dataIn, initiatorTaskTag: 2 * i + 1 })
      expect(Buffer.compare(data, pattern(blocks * 512, i))).toBe(0)
    }
  })

  it('survive nothing of random bytes, and nobody else notices', async () => {
    setup = await LoopbackTarget.start()
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 48, maxLength: 600 }),
        fc.boolean(),
        async (bytes, loggedIn) => {
          const connection = await setup.raw()
          if (loggedIn) await connection.login(rawLogin())
          connection.sendBytes(bytes)
          connection.close()
          await connection.closed
        },
      ),
      { numRuns: 60, seed: 7 },
    )
    await othersWork()
    await until(() => setup.target.sessions().length === 0)
    expect(IQN).toBeDefined()
  })
})
