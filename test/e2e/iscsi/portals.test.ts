/** One target at two portals: what an initiator is told of them, and what a session at one means for the other. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { IQN, LoopbackTarget, until } from './fixture.ts'
import { pattern } from './session-harness.ts'

let setup: LoopbackTarget
let second: { host: string; port: number }
const FIRST_DESIGNATOR_AT = 4
const RELATIVE_PORT = 0x14
const BLOCK = 512

beforeEach(async () => {
  setup = await LoopbackTarget.start()
  second = await setup.target.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => setup[Symbol.asyncDispose]())

/** A session at a portal, past the unit attention that begins it. */
async function clientAt(portal: { host: string; port: number }, isid = 5) {
  const session = await setup.connect({ portal, isid })
  const client = new BlockClient(session)
  await client.testUnitReady()
  return { session, client }
}

async function inquiryPage(session: InitiatorSession, page: number): Promise<Uint8Array> {
  const dataIn = new Uint8Array(255)
  await session.execute({ cdb: Uint8Array.of(0x12, 1, page, 0, 255, 0), dataIn })
  return dataIn
}

/** The relative target port identifier of page 83h: association 1, type 4. */
async function relativePort(session: InitiatorSession): Promise<number> {
  const page = await inquiryPage(session, 0x83)
  const view = new DataView(page.buffer)
  const end = 4 + view.getUint16(2)
  for (let at = FIRST_DESIGNATOR_AT; at < end; at += 4 + page[at + 3]!) {
    if ((page[at + 1]! & 0x3f) === RELATIVE_PORT) return view.getUint16(at + 6)
  }
  throw new Error('no relative target port')
}

describe('a target at two portals', () => {
  it('is discovered at both, each a portal group of its own', async () => {
    const found = await setup.initiator().discover(second)
    const portals = [
      { address: setup.portal, portalGroupTag: 1 },
      { address: second, portalGroupTag: 2 },
    ]
    expect(found).toEqual([{ targetName: IQN, portals }])
  })

  it('names the port by which the command came, and lists both in one group', async () => {
    const { session: one } = await clientAt(setup.portal)
    const { session: two } = await clientAt(second)
    expect([await relativePort(one), await relativePort(two)]).toEqual([1, 2])
    const dataIn = new Uint8Array(64)
    await two.execute({ cdb: Uint8Array.of(0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), dataIn })
    expect(Buffer.from(dataIn.subarray(0, 20)).toString('hex')).toBe(
      ['00000010', '00cf0001', '00020002', '00000001', '00000002'].join(''),
    )
  })

  it('ISID RULE (RFC 7143 §4.4.3): one ISID has a session with each portal group, under way at once', async () => {
    const one = await clientAt(setup.portal)
    const two = await clientAt(second)
    const writes = Array.from({ length: 32 }, (_, i) =>
      (i % 2 === 0 ? one : two).client.write(i * 8, 8, pattern(8 * BLOCK, i)),
    )
    await Promise.all(writes)
    const back = new Uint8Array(8 * BLOCK)
    for (let i = 0; i < 32; i++) {
      await (i % 2 === 0 ? two : one).client.read(i * 8, 8, back)
      expect(back).toEqual(pattern(8 * BLOCK, i))
    }
    expect(setup.target.sessions().map(({ portalGroupTag }) => portalGroupTag)).toEqual([1, 2])
  })

  it('two ISIDs stand beside each other in one portal group', async () => {
    const one = await clientAt(second, 5)
    const two = await clientAt(second, 6)
    await one.client.write(0, 1, pattern(BLOCK))
    await two.client.write(1, 1, pattern(BLOCK))
    expect(setup.target.sessions()).toHaveLength(2)
  })

  it('session reinstatement (§6.3.5) at one portal, amid writes, leaves the session at the other alone', async () => {
    const one = await clientAt(setup.portal)
    const two = await clientAt(second)
    setup.device.hold()
    const torn = one.client.write(0, 8, pattern(8 * BLOCK, 1)).catch((error: unknown) => error)
    const kept = two.client.write(8, 8, pattern(8 * BLOCK, 2))
    await until(() => setup.device.waiting === 2)
    const again = clientAt(setup.portal)
    await one.session.closed
    setup.device.letGo()
    const { client } = await again
    await client.write(0, 8, pattern(8 * BLOCK, 3))
    await kept
    expect(await torn).toMatchObject({ code: 'DISCONNECTED' })
    const back = new Uint8Array(16 * BLOCK)
    await two.client.read(0, 16, back)
    expect(back.subarray(0, 8 * BLOCK)).toEqual(pattern(8 * BLOCK, 3))
    expect(back.subarray(8 * BLOCK)).toEqual(pattern(8 * BLOCK, 2))
  })
})
