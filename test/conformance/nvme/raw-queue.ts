/** Commands on a raw connection: sends one, plays the host's part of its transfers, and returns how it ended. */
import { strict as assert } from 'node:assert'
import { type Completion, decodeCqe, SglIdentifier } from '../../../src/nvme/commands.ts'
import { ENTRY_OFFSET } from '../../../src/nvme/pdu/capsule.ts'
import { decodeC2hData, decodeR2t, type R2t } from '../../../src/nvme/pdu/transfer.ts'
import { PduType } from '../../../src/nvme/pdu/types.ts'
import { formatStatus } from '../../../src/nvme/status.ts'
import type { Entry, Pdu, RawConnection } from './raw-connection.ts'

export interface Ended extends Completion {
  /** What the controller sent. */
  readonly data: Uint8Array
  /** SUCCESS of a C2HData stood for the completion: `sqhd` means nothing. */
  readonly bySuccessFlag: boolean
  readonly r2ts: readonly R2t[]
  readonly dataPdus: readonly Pdu[]
}

export interface Transfer {
  /** Sent as the controller asks for it by R2T; the descriptor is made when the entry has none. */
  readonly dataOut?: Uint8Array
  /** How much the controller may send; the descriptor is made when the entry has none. */
  readonly dataInBytes?: number
  /** Data of an H2CData at most. */
  readonly transferBytesMax?: number
}

/** Sends a command, and runs it to its end. */
export function run(queue: RawConnection, entry: Entry, transfer: Transfer = {}): Promise<Ended> {
  return finish(queue, begin(queue, entry, transfer), transfer)
}

/** Sends a command; returns its CID. */
export function begin(queue: RawConnection, entry: Entry, transfer: Transfer = {}): number {
  const lengthBytes = transfer.dataOut?.byteLength ?? transfer.dataInBytes ?? 0
  const hasOwn = entry.sgl !== undefined || entry.capsuleData !== undefined
  const sgl = { identifier: SglIdentifier.transport, lengthBytes }
  return queue.capsule(hasOwn ? entry : { ...entry, sgl })
}

/** Runs a command that was sent to its end. PDUs of other commands fail the case. */
export async function finish(queue: RawConnection, cid: number, transfer: Transfer = {}): Promise<Ended> {
  const { dataOut, transferBytesMax = 16_384 } = transfer
  const parts: Uint8Array[] = []
  const dataPdus: Pdu[] = []
  const r2ts: R2t[] = []
  for (;;) {
    const pdu = await queue.next()
    if (pdu.type === PduType.c2hData) {
      const data = decodeC2hData(pdu.header, 0)
      assert.equal(data.cccid, cid, 'C2HData of another command')
      const before = parts.reduce((sum, part) => sum + part.byteLength, 0)
      assert.equal(data.datao, before, 'C2HData is out of order')
      parts.push(pdu.data)
      dataPdus.push(pdu)
      if (!data.success) continue
      const ended = { status: 0, dw0: 0, dw1: 0, sqhd: 0, cid }
      return { ...ended, data: Buffer.concat(parts), bySuccessFlag: true, r2ts, dataPdus }
    }
    if (pdu.type === PduType.r2t) {
      const r2t = decodeR2t(pdu.header, 0)
      assert.equal(r2t.cccid, cid, 'an R2T of another command')
      r2ts.push(r2t)
      assert(dataOut !== undefined, 'an R2T of a command that has no data')
      answer(queue, r2t, dataOut, transferBytesMax)
      continue
    }
    assert.equal(pdu.type, PduType.capsuleResp, `a PDU of type ${pdu.type} instead of a completion`)
    const completion = decodeCqe(pdu.header, ENTRY_OFFSET)
    assert.equal(completion.cid, cid, 'the completion of another command')
    return { ...completion, data: Buffer.concat(parts), bySuccessFlag: false, r2ts, dataPdus }
  }
}

/** Sends what an R2T asks for. */
export function answer(queue: RawConnection, r2t: R2t, dataOut: Uint8Array, transferBytesMax = 16_384): void {
  const { cccid, ttag } = r2t
  const end = r2t.r2to + r2t.r2tl
  for (let datao = r2t.r2to; datao < end; datao += transferBytesMax) {
    const part = dataOut.subarray(datao, Math.min(end, datao + transferBytesMax))
    queue.h2cData({ cccid, ttag, datao, last: datao + part.byteLength === end }, part)
  }
}

/** The next PDU, as a completion of `cid`. */
export async function completionOf(queue: RawConnection, cid: number): Promise<Completion> {
  const { header } = await queue.next(PduType.capsuleResp)
  const completion = decodeCqe(header, ENTRY_OFFSET)
  assert.equal(completion.cid, cid, 'the completion of another command')
  return completion
}

/** The next PDU, as an R2T of `cid`. */
export async function r2tOf(queue: RawConnection, cid: number): Promise<R2t> {
  const r2t = decodeR2t((await queue.next(PduType.r2t)).header, 0)
  assert.equal(r2t.cccid, cid, 'an R2T of another command')
  return r2t
}

const CODE_MASK = 0x7ff
const DNR = 0x4000

/** The status is this one, DNR aside, or one of these. */
export function hasStatus({ status }: Pick<Completion, 'status'>, ...expected: readonly number[]): void {
  const isThere = expected.some((one) => (status & CODE_MASK) === (one & CODE_MASK))
  assert(isThere, `status ${formatStatus(status)} instead of ${expected.map(formatStatus).join(' or ')}`)
}

/** The status is this one, and a retry is of no use. */
export function isFinal(ended: Pick<Completion, 'status'>, ...expected: readonly number[]): void {
  hasStatus(ended, ...expected)
  assert((ended.status & DNR) !== 0, `status ${formatStatus(ended.status)} without Do Not Retry`)
}

export function isSuccess(ended: Pick<Completion, 'status'>): void {
  assert.equal(formatStatus(ended.status), formatStatus(0), 'the command failed')
}
