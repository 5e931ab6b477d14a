import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../base/ports/clock.ts'
import { RealNet } from '../../io/net.ts'
import { encodeNopOut } from '../pdu/nop.ts'
import { Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { INITIATOR_WISHES } from '../text/parameters.ts'
import { RawConnection } from './raw-connection.ts'
import { ScriptedPortal } from './scripted-portal.ts'

const net = new RealNet()
const closing: (() => Promise<void>)[] = []
const timers: (() => void)[] = []
const clock: Clock = {
  monotonicMs: () => 0,
  bootMs: () => 0,
  wallMs: () => 0,
  after: (_, callback) => {
    timers.push(callback)
    return { cancel: () => timers.splice(timers.indexOf(callback), 1) }
  },
  sleep: () => Promise.resolve(),
  yield: () => Promise.resolve(),
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function connect(): Promise<{ raw: RawConnection; portal: ScriptedPortal }> {
  const portal = await ScriptedPortal.open(net, {})
  closing.push(() => portal.close())
  const raw = await RawConnection.connect({ net, clock, ...portal.address })
  closing.push(async () => raw.close())
  return { raw, portal }
}

const login = (raw: RawConnection) =>
  raw.login({
    initiatorName: 'iqn.2026-11.io.basalt:test',
    targetName: 'iqn.2026-11.io.basalt:volume',
    wishes: INITIATOR_WISHES,
    isid: 1,
    cmdSn: 1,
    random: { bytes: (n) => new Uint8Array(n), u64: () => 1n, integer: () => 0 },
  })

function sendPing(raw: RawConnection, initiatorTaskTag: number, data: Uint8Array): void {
  const pdu = {
    immediate: true,
    dataSegmentLength: data.byteLength,
    lun: 0n,
    initiatorTaskTag,
    targetTransferTag: RESERVED_TAG,
    cmdSn: 1,
    expStatSn: 2,
  }
  raw.send((view, offset) => encodeNopOut(view, offset, pdu), data)
}

describe('RawConnection', () => {
  it('sends PDUs and gives what comes in order, asked for before or after', async () => {
    const { raw } = await connect()
    expect(await login(raw)).toMatchObject({ tsih: 7, maxCmdSn: 65 })
    const early = raw.next()
    sendPing(raw, 5, Uint8Array.of(1, 2, 3))
    sendPing(raw, 6, Uint8Array.of(4))
    const first = await early
    expect(first.pdu).toMatchObject({ opcode: Opcode.nopIn, initiatorTaskTag: 5, dataSegmentLength: 3 })
    expect(first.data).toEqual(Uint8Array.of(1, 2, 3))
    expect(first.header).toHaveLength(48)
    expect((await raw.next()).data).toEqual(Uint8Array.of(4))
    expect(timers).toHaveLength(0)
  })

  it('sends bytes as they are', async () => {
    const { raw } = await connect()
    await login(raw)
    const ping = new Uint8Array(48)
    ping.set([0x40, 0x80])
    raw.sendBytes(ping.subarray(0, 7))
    raw.sendBytes(ping.subarray(7))
    expect((await raw.next()).pdu).toMatchObject({ opcode: Opcode.nopIn, initiatorTaskTag: 0 })
  })

  it('tells that the target closed the connection', async () => {
    const { raw, portal } = await connect()
    await login(raw)
    const next = raw.next()
    portal.drop()
    await expect(next).rejects.toMatchObject({ code: 'DISCONNECTED' })
    expect(await raw.nextOrClosed()).toBeUndefined()
    await raw.closed
  })

  it('tells that nothing came', async () => {
    const { raw } = await connect()
    const next = raw.next()
    for (const fire of timers.splice(0)) fire()
    await expect(next).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })
})
