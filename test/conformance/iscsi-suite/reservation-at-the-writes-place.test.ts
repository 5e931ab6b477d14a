import { expect, it } from 'vitest'
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { pattern, type SentPdu, SessionHarness, write10 } from '../../e2e/iscsi/session-harness.ts'

const KEY_A = 0xa1n
const KEY_B = 0xb2n
const WRITE_EXCLUSIVE_REGISTRANTS = 5
const ACTION = { register: 0, reserve: 1, preempt: 4, preemptAndAbort: 5 } as const

/** PERSISTENT RESERVE OUT. */
function reserveOut(h: SessionHarness, action: number, key: bigint, actionKey: bigint): void {
  const parameters = new Uint8Array(24)
  const view = new DataView(parameters.buffer)
  view.setBigUint64(0, key)
  view.setBigUint64(8, actionKey)
  const cdb = Buffer.from([0x5f, action, WRITE_EXCLUSIVE_REGISTRANTS, 0, 0, 0, 0, 0, 24, 0]).toString('hex')
  h.command(cdb, { write: true, expectedDataTransferLength: 24 }, parameters)
}
const statuses = (sent: readonly SentPdu[]): number[] =>
  sent.flatMap(({ pdu }) => (pdu.opcode === Opcode.scsiResponse ? [pdu.status] : []))

/** Both registered, the first holds the reservation. */
async function start(): Promise<[SessionHarness, SessionHarness]> {
  const a = new SessionHarness()
  const b = new SessionHarness({ beside: a })
  reserveOut(a, ACTION.register, 0n, KEY_A)
  reserveOut(b, ACTION.register, 0n, KEY_B)
  expect([statuses(await a.settled()), statuses(await b.settled())]).toEqual([[0], [0]])
  reserveOut(a, ACTION.reserve, KEY_A, 0n)
  expect(statuses(await a.settled())).toEqual([0])
  return [a, b]
}

it('SPC-4, PERSISTENT RESERVE OUT: a write that waits when PREEMPT is answered gets RESERVATION CONFLICT and does not land', async () => {
  const [a, b] = await start()
  a.device.hold()
  a.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
  reserveOut(b, ACTION.preempt, KEY_B, KEY_A)
  expect(statuses(await b.settled())).toEqual([0])
  a.device.letGo()
  expect(statuses(await a.settled())).toEqual([0x18])
  expect(a.device.counts.writes).toBe(0)
})

it('SPC-4, PERSISTENT RESERVE OUT: PREEMPT AND ABORT is answered when what it aborts can no longer land, and nobody answers that', async () => {
  const [a, b] = await start()
  a.device.hold()
  a.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096))
  reserveOut(b, ACTION.preemptAndAbort, KEY_B, KEY_A)
  expect(statuses(await b.settled())).toEqual([])
  a.device.letGo()
  expect(statuses(await b.settled())).toEqual([0])
  expect([await a.settled(), a.device.counts.writes]).toEqual([[], 0])
  b.command(write10(0, 8), { write: true, expectedDataTransferLength: 4096 }, pattern(4096, 2))
  expect(statuses(await b.settled())).toEqual([0])
})
