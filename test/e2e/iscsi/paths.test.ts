/** A multipath volume by the servers that have it: what each path answers, and what becomes of sessions. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from './fixture.ts'
import { ask, attentions, HOST, NAME, PathCluster } from './paths-fixture.ts'

const BLOCK = 512
let cluster: PathCluster
const read = (lba: number): string => `28 00 ${lba.toString(16).padStart(8, '0')} 00 0001 00`
const write = (lba: number): string => `2a 00 ${lba.toString(16).padStart(8, '0')} 00 0001 00`
const RTPG = 'a3 0a 00000000 00000100 00 00'
const page83 = '12 01 83 00ff 00'

beforeEach(async () => {
  cluster = await PathCluster.start()
  cluster.tell({ a: 'active', b: 'standby' })
  cluster.servers.a.serve()
  cluster.servers.b.standby()
})
afterEach(() => cluster.close())

/** State and ports of each group that RTPG tells, by id. */
function groupsIn(data: Uint8Array): Record<number, string> {
  const view = Buffer.from(data)
  const groups: Record<number, string> = {}
  for (let at = 4; at < 4 + view.readUInt32BE(0); ) {
    const ports = Array.from({ length: view[at + 7]! }, (_, i) => view.readUInt16BE(at + 8 + 4 * i + 2))
    groups[view.readUInt16BE(at + 2)] = `${view[at]!.toString(16)} ports ${ports}`
    at += 8 + 4 * ports.length
  }
  return groups
}

describe('a standby path', () => {
  it('is the same logical unit by another port', async () => {
    const [one, two] = [await cluster.servers.a.connect(), await cluster.servers.b.connect()]
    for (const session of [one, two]) await attentions(session)
    for (const cdb of [
      '12 00 00 00ff 00',
      '12 01 80 00ff 00',
      '12 01 b0 00ff 00',
      '9e 10 0000000000000000 00000020 0000',
    ]) {
      const answers = await Promise.all(
        [one, two].map((session) => ask(session, cdb, { dataInLengthBytes: 255 })),
      )
      expect(answers[0]!.says).toBe('00')
      expect(answers[1], cdb).toEqual(answers[0])
    }
    const [first, second] = await Promise.all(
      [one, two].map((session) => ask(session, page83, { dataInLengthBytes: 255 })),
    )
    const differing = [...first!.data].flatMap((byte, i) =>
      byte === second!.data[i] ? [] : [[byte, second!.data[i]]],
    )
    // relative port, port group, and the port group tag in the port's name (0x0001, 0x0051)
    expect(differing).toEqual([
      [1, 81],
      [1, 6],
      ['0'.charCodeAt(0), '5'.charCodeAt(0)],
    ])
    await Promise.all([one.logout(), two.logout()])
  })

  it('tells all paths and their states, here and there, and of each change once', async () => {
    const [one, two] = [await cluster.servers.a.connect(), await cluster.servers.b.connect()]
    for (const session of [one, two]) {
      expect((await attentions(session))[0]).toBe('6/29/01')
      const { data } = await ask(session, RTPG, { dataInLengthBytes: 256 })
      expect(groupsIn(data)).toEqual({ 1: '0 ports 1', 6: '2 ports 81' })
    }
    cluster.tell({ a: 'active', b: 'standby' })
    expect(await attentions(two)).toEqual(['2/04/0b'])
    // the master's word that nobody leads does not count where the volume is served
    cluster.tell({ a: 'transitioning', b: 'transitioning' })
    expect(await attentions(two)).toEqual(['6/2a/06', '2/04/0a'])
    expect(await attentions(one)).toEqual(['6/2a/06', '00'])
    expect(groupsIn((await ask(one, RTPG, { dataInLengthBytes: 256 })).data)).toEqual({
      1: '0 ports 1',
      6: 'f ports 81',
    })
    expect(groupsIn((await ask(two, RTPG, { dataInLengthBytes: 256 })).data)).toEqual({
      1: 'f ports 1',
      6: 'f ports 81',
    })
    await Promise.all([one.logout(), two.logout()])
  })

  it('hears that the volume has grown', async () => {
    const session = await cluster.servers.b.connect()
    await attentions(session)
    cluster.servers.b.target.updateStandby(NAME, { sizeBytes: 2 * cluster.device.sizeBytes })
    expect(await attentions(session)).toEqual(['6/2a/09', '2/04/0b'])
    const { data } = await ask(session, '9e 10 0000000000000000 00000020 0000', { dataInLengthBytes: 32 })
    expect(Number(Buffer.from(data).readBigUInt64BE(0)) + 1).toBe((2 * cluster.device.sizeBytes) / BLOCK)
    await session.logout()
  })

  it('lets nobody in whom the volume would not let in, also afterwards', async () => {
    const { b } = cluster.servers
    const session = await b.connect()
    b.target.updateStandby(NAME, {
      access: { initiators: ['iqn.x:other'], chap: [], hosts: 'any', dhchap: [] },
    })
    expect((await session.closed)?.code).toBe('DISCONNECTED')
    await expect(b.connect()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })
})

describe('a failover', () => {
  it('keeps the sessions of the path that turns active, with mode parameters and one attention', async () => {
    const { a, b } = cluster.servers
    const [one, two] = [await a.connect(), await b.connect()]
    await attentions(one)
    await attentions(two)
    expect((await ask(one, write(3), { dataOut: new Uint8Array(BLOCK).fill(7) })).says).toBe('00')
    expect((await ask(two, read(3), { dataInLengthBytes: BLOCK })).says).toBe('2/04/0b')
    // D_SENSE of the control mode page
    const select = (await ask(two, '1a 08 0a 00 10 00', { dataInLengthBytes: 16 })).data.slice()
    select.set([0, 0, 0, 0])
    select[6]! |= 0x04
    expect((await ask(two, '15 10 0000 10 00', { dataOut: select })).says).toBe('00')
    await a.stop()
    expect((await one.closed)?.code).toBe('DISCONNECTED')
    a.standby()
    await b.activate()
    expect(await attentions(two)).toEqual(['6/2a/06', '00'])
    const { data } = await ask(two, read(3), { dataInLengthBytes: BLOCK })
    expect(data[0]).toBe(7)
    const { data: mode } = await ask(two, '1a 08 0a 00 ff 00', { dataInLengthBytes: 255 })
    expect(mode[6]! & 0x04).toBe(0x04)
    // the master's word comes later, and changes nothing any more
    cluster.tell({ a: 'standby', b: 'active' })
    expect(await attentions(two)).toEqual(['00'])
    const three = await a.connect()
    expect((await attentions(three)).at(-1)).toBe('2/04/0b')
    await Promise.all([two.logout(), three.logout()])
  })

  it('tells of a size that was not told before', async () => {
    const { a, b } = cluster.servers
    const session = await b.connect()
    await attentions(session)
    await a.stop()
    cluster.device.grow(2 * cluster.device.sizeBytes)
    await b.activate()
    expect(await attentions(session)).toEqual(['6/2a/06', '6/2a/09', '00'])
    await session.logout()
  })

  it('resets what serves before it is a standby path, and may go back', async () => {
    const { a, b } = cluster.servers
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, b],
    ] as const) {
      const session = await to.connect()
      await attentions(session)
      const leaving = await from.connect()
      await from.stop()
      await leaving.closed
      from.standby()
      await to.activate()
      expect((await attentions(session)).at(-1)).toBe('00')
      await session.logout()
    }
  })

  it('sessions that begin while others are read empty are served', async () => {
    const { a, b } = cluster.servers
    const old = await b.connect()
    await attentions(old)
    await a.stop()
    const active = b.activate()
    const fresh = await b.connect(6)
    expect((await attentions(fresh)).at(-1)).toBe('00')
    await active
    expect((await attentions(old)).at(-1)).toBe('00')
    await expect(b.activate()).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(cluster.servers.c.activate()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('sessions go when the opening is lost before they were read empty', async () => {
    const { a, b } = cluster.servers
    const session = await b.connect()
    await attentions(session)
    await a.stop()
    const active = b.activate()
    cluster.device.lose('another epoch')
    await active
    expect((await session.closed)?.code).toBe('DISCONNECTED')
    await until(() => b.target.sessions().length === 0)
  })
})

describe('reservations by several paths', () => {
  const REGISTER = '5f 00 00 0000 00000018 00'
  const keys = (current: number, next: number, flags = 1): { dataOut: Uint8Array } => {
    const dataOut = new Uint8Array(24)
    dataOut[7] = current
    dataOut[15] = next
    dataOut[20] = flags
    return { dataOut }
  }
  const out = (action: string, type = 0): string => `5f ${action} 0${type} 0000 00000018 00`
  const readKeys = async (session: Parameters<typeof ask>[0]): Promise<number[]> => {
    const { data } = await ask(session, '5e 00 0000000000 00ff 00', { dataInLengthBytes: 255 })
    return Array.from({ length: Buffer.from(data).readUInt32BE(4) / 8 }, (_, i) => data[8 + 8 * i + 7]!)
  }

  it('are one state: registered, reserved, preempted and released by the active and by the standby path', async () => {
    const { a, b } = cluster.servers
    const one = await a.connect(1)
    const two = await b.connect(2, `${HOST}2`)
    for (const session of [one, two]) await attentions(session)
    expect((await ask(one, REGISTER, keys(0, 1))).says).toBe('00')
    expect((await ask(two, REGISTER, keys(0, 2))).says).toBe('00')
    expect((await ask(two, REGISTER, keys(9, 2))).says).toBe('18')
    expect(await readKeys(two)).toEqual([1, 2])
    expect(await readKeys(one)).toEqual([1, 2])
    // exclusive access, held by the standby path
    expect((await ask(two, out('01', 3), keys(2, 0))).says).toBe('00')
    expect((await ask(one, out('01', 3), keys(1, 0))).says).toBe('18')
    expect((await ask(one, read(0), { dataInLengthBytes: BLOCK })).says).toBe('18')
    const { data: held } = await ask(one, '5e 01 0000000000 00ff 00', { dataInLengthBytes: 255 })
    expect([held[15], held[21]]).toEqual([2, 3])
    expect((await ask(two, out('02', 1), keys(2, 0))).says).toBe('5/26/04')
    expect((await ask(two, out('02', 3), keys(2, 0))).says).toBe('00')
    expect((await ask(one, read(0), { dataInLengthBytes: BLOCK })).says).toBe('00')
    // the one preempts the other, who is told when he asks next
    expect((await ask(one, out('04', 1), keys(1, 2))).says).toBe('00')
    expect(await readKeys(two)).toEqual([1])
    expect(await attentions(two)).toEqual(['6/2a/05', '2/04/0b'])
    const { data: full } = await ask(one, '5e 03 0000000000 00ff 00', { dataInLengthBytes: 255 })
    expect(Buffer.from(full).readUInt16BE(8 + 18)).toBe(1)
    // and the other way round: by the standby path, told at once
    expect((await ask(two, REGISTER, keys(0, 2))).says).toBe('00')
    expect((await ask(two, out('05', 1), keys(2, 1))).says).toBe('00')
    expect(await attentions(one)).toEqual(['6/2a/05', '00'])
    await Promise.all([one.logout(), two.logout()])
  })

  it('persist through a failover, and who was preempted unseen is told then', async () => {
    const { a, b } = cluster.servers
    const one = await a.connect(1)
    const two = await b.connect(2)
    for (const session of [one, two]) await attentions(session)
    await ask(one, REGISTER, keys(0, 1))
    await ask(two, REGISTER, keys(0, 2))
    await ask(one, out('04', 1), keys(1, 2))
    await ask(one, out('01', 3), keys(1, 0))
    await a.stop()
    expect((await ask(two, REGISTER, keys(0, 2))).says).toBe('08')
    await b.activate()
    expect(await attentions(two)).toEqual(['6/2a/05', '6/2a/06', '00'])
    expect(await readKeys(two)).toEqual([1])
    expect((await ask(two, read(0), { dataInLengthBytes: BLOCK })).says).toBe('18')
    await two.logout()
  })

  it('PREEMPT AND ABORT by a standby path ends what the victim has under way at the active one', async () => {
    const { a, b } = cluster.servers
    const [victim, two] = [await a.connect(1), await b.connect(2)]
    for (const session of [victim, two]) await attentions(session)
    await ask(victim, REGISTER, keys(0, 1))
    await ask(two, REGISTER, keys(0, 2))
    cluster.device.hold()
    let isAnswered = false
    void ask(victim, write(9), { dataOut: new Uint8Array(BLOCK).fill(1) }).then(
      () => {
        isAnswered = true
      },
      () => undefined,
    )
    await until(() => cluster.device.waiting === 1)
    const before = cluster.forwarded
    const aborted = ask(two, out('05', 1), keys(2, 1))
    await until(() => cluster.forwarded > before)
    await victim.nopOut()
    cluster.device.letGo()
    expect((await aborted).says).toBe('00')
    expect([isAnswered, cluster.device.counts.writes]).toEqual([false, 0])
    expect(await attentions(victim)).toEqual(['6/2a/05', '00'])
    victim.close()
    await two.logout()
  })
})
