/** What a host sent before it answered the NOP-In of a path that turned active was for the path as it was. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import { encodeDataOut } from '../../../src/iscsi/pdu/data-out.ts'
import type { NopIn } from '../../../src/iscsi/pdu/nop.ts'
import { encodeNopOut } from '../../../src/iscsi/pdu/nop.ts'
import { Opcode, RESERVED_TAG, TaskManagementFunction } from '../../../src/iscsi/pdu/opcodes.ts'
import { encodeScsiCommand, type ScsiCommand } from '../../../src/iscsi/pdu/scsi-command.ts'
import type { ScsiResponse } from '../../../src/iscsi/pdu/scsi-response.ts'
import { encodeTaskManagementRequest } from '../../../src/iscsi/pdu/task-management.ts'
import { rawLogin, until } from '../../e2e/iscsi/fixture.ts'
import { ManualClock } from '../../e2e/iscsi/manual-clock.ts'
import { ask, attentions, NAME, outcomeOf, PathCluster } from '../../e2e/iscsi/paths-fixture.ts'

const BLOCK = 512
const TUR = '000000000000'
const write = (lba: number): string => `2a00${lba.toString(16).padStart(8, '0')}00000100`
let cluster: PathCluster
let clock: ManualClock
let raw: RawConnection
let cmdSn: number

beforeEach(async () => {
  clock = new ManualClock()
  cluster = await PathCluster.start({ clock })
  cluster.tell({ a: 'active', b: 'standby' })
  cluster.servers.a.serve()
  cluster.servers.b.standby()
  raw = await cluster.servers.b.raw()
  cmdSn = 1
  await raw.login(rawLogin({ targetName: NAME, cmdSn }))
  send(1, TUR)
  expect(await answer(1)).toBe('6/29/01')
})
afterEach(() => cluster.close())

function send(tag: number, cdb: string, fields: Partial<ScsiCommand> = {}, data?: Uint8Array): void {
  raw.send(
    (view, at) =>
      encodeScsiCommand(view, at, {
        ...{ immediate: false, final: true, read: false, write: false, attr: 1, totalAhsLength: 0 },
        ...{ dataSegmentLength: data?.byteLength ?? 0, lun: 0n, expectedDataTransferLength: 0, expStatSn: 0 },
        initiatorTaskTag: tag,
        cmdSn: cmdSn++,
        cdb: Uint8Array.from(Buffer.from(cdb.padEnd(32, '0'), 'hex')),
        ...fields,
      }),
    data,
  )
}

const sendWrite = (tag: number, lba: number): void =>
  send(tag, write(lba), { write: true, expectedDataTransferLength: BLOCK }, new Uint8Array(BLOCK).fill(tag))

/** The answer to the command with this tag, which has to come next. */
async function answer(tag: number): Promise<string> {
  const { pdu, data } = await raw.next()
  expect(pdu).toMatchObject({ opcode: Opcode.scsiResponse, initiatorTaskTag: tag })
  return outcomeOf((pdu as ScsiResponse).status, data.subarray(2))
}

async function nopIn(): Promise<number> {
  const { pdu } = await raw.next()
  expect(pdu).toMatchObject({ opcode: Opcode.nopIn, initiatorTaskTag: RESERVED_TAG })
  const { targetTransferTag } = pdu as NopIn
  expect(targetTransferTag).not.toBe(RESERVED_TAG)
  return targetTransferTag
}

function nopOut(targetTransferTag: number): void {
  raw.send((view, at) =>
    encodeNopOut(view, at, {
      ...{ immediate: true, dataSegmentLength: 0, lun: 0n, initiatorTaskTag: RESERVED_TAG },
      ...{ targetTransferTag, cmdSn, expStatSn: 0 },
    }),
  )
}

async function failOver(): Promise<{ readonly active: Promise<void>; readonly tag: number }> {
  await cluster.servers.a.stop()
  const active = cluster.servers.b.activate()
  return { active, tag: await nopIn() }
}

describe('a session on a path that turns active', () => {
  it('is reset after a second without an answer, and not before', async () => {
    const { active } = await failOver()
    let isActive = false
    void active.then(() => {
      isActive = true
    })
    clock.advance(999)
    sendWrite(2, 0)
    expect(await answer(2)).toBe('2/04/0b')
    expect(isActive).toBe(false)
    clock.advance(1)
    await raw.closed
    await active
    expect([cluster.servers.b.target.sessions().length, cluster.device.counts.writes]).toEqual([0, 0])
  })

  it('has refused what came before its answer, and executes what comes behind it, in one piece of the stream', async () => {
    const { active, tag } = await failOver()
    sendWrite(2, 1)
    nopOut(tag ^ 1)
    sendWrite(3, 2)
    nopOut(tag)
    send(4, TUR)
    sendWrite(5, 3)
    expect([await answer(2), await answer(3)]).toEqual(['2/04/0b', '2/04/0b'])
    expect([await answer(4), await answer(5)]).toEqual(['6/2a/06', '00'])
    await active
    expect(cluster.device.counts.writes).toBe(1)
    clock.advance(1000)
    send(6, TUR)
    expect(await answer(6)).toBe('00')
  })

  it('never gives the device a command whose data was still on the way', async () => {
    send(2, write(1), { write: true, expectedDataTransferLength: 2 * BLOCK })
    send(3, write(4), { write: true, expectedDataTransferLength: BLOCK })
    const first = await raw.next()
    const second = await raw.next()
    expect([first.pdu.opcode, second.pdu.opcode]).toEqual([Opcode.r2t, Opcode.r2t])
    const { active, tag } = await failOver()
    nopOut(tag)
    expect([await answer(2), await answer(3)]).toEqual(['2/04/0a', '2/04/0a'])
    await active
    const { targetTransferTag } = second.pdu as { targetTransferTag: number }
    raw.send(
      (view, at) =>
        encodeDataOut(view, at, {
          ...{ final: true, dataSegmentLength: BLOCK, lun: 0n, initiatorTaskTag: 3, targetTransferTag },
          ...{ expStatSn: 0, dataSn: 0, bufferOffset: 0 },
        }),
      new Uint8Array(BLOCK).fill(9),
    )
    send(4, TUR)
    expect(await answer(4)).toBe('6/2a/06')
    send(5, TUR)
    expect(await answer(5)).toBe('00')
    expect(cluster.device.counts.writes).toBe(0)
  })

  it('an answer to an older NOP-In shows nothing', async () => {
    clock.advance(10_000)
    const older = await nopIn()
    const { active, tag } = await failOver()
    expect(tag).not.toBe(older)
    nopOut(older)
    sendWrite(2, 0)
    expect(await answer(2)).toBe('2/04/0b')
    nopOut(tag)
    await active
    sendWrite(3, 0)
    expect(await answer(3)).toBe('6/2a/06')
    sendWrite(4, 0)
    expect(await answer(4)).toBe('00')
  })

  it('tells those who are served already what it does to the unit before its answer', async () => {
    const { active, tag } = await failOver()
    const fresh = await cluster.servers.b.connect(9)
    expect((await attentions(fresh)).at(-1)).toBe('00')
    // MODE SELECT(6) of the control page with D_SENSE
    const page = (await ask(fresh, '1a080a001000', { dataInLengthBytes: 16 })).data.slice()
    page.fill(0, 0, 4)
    page[6]! |= 0x04
    const { byteLength } = page
    send(2, '151000001000', { write: true, expectedDataTransferLength: byteLength }, page)
    expect(await answer(2)).toBe('00')
    expect(await attentions(fresh)).toEqual(['6/2a/01', '00'])
    raw.send((view, at) =>
      encodeTaskManagementRequest(view, at, {
        ...{ immediate: true, function: TaskManagementFunction.logicalUnitReset, lun: 0n },
        ...{ initiatorTaskTag: 3, referencedTaskTag: RESERVED_TAG, cmdSn, expStatSn: 0 },
        ...{ refCmdSn: 0, expDataSn: 0 },
      }),
    )
    expect((await raw.next()).pdu).toMatchObject({ initiatorTaskTag: 3, response: 0 })
    expect(await attentions(fresh)).toEqual(['6/29/03', '00'])
    nopOut(tag)
    await active
    await fresh.logout()
  })

  it('one that ends meanwhile is not waited for', async () => {
    const { active } = await failOver()
    raw.close()
    await active
    await until(() => cluster.servers.b.target.sessions().length === 0)
  })

  it('loses its connection when the path goes before it was read empty', async () => {
    const { active, tag } = await failOver()
    const stopped = cluster.servers.b.stop()
    await raw.closed
    await Promise.all([active, stopped])
    nopOut(tag)
    expect(cluster.device.counts.writes).toBe(0)
  })
})
