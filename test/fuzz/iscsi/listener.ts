/**
 * Reads what the target says to a hostile initiator, and holds it to the book: PDUs of a target, digests right, each
 * status numbered by the one before it (RFC 7143 §4.2.2.2), a window that never goes back (§4.2.2.1), a Reject with the
 * header that it is about (§11.17).
 */
import { viewOf } from '../../../src/base/binary.ts'
import { serialBefore } from '../../../src/base/serial32.ts'
import { dataSegmentLength } from '../../../src/iscsi/pdu/bhs.ts'
import { decodeTargetPdu } from '../../../src/iscsi/pdu/decode.ts'
import { BHS_BYTES, Opcode, RESERVED_TAG } from '../../../src/iscsi/pdu/opcodes.ts'
import type { R2t } from '../../../src/iscsi/pdu/r2t.ts'
import { PduStream } from '../../../src/iscsi/pdu/stream.ts'

export class StrictListener {
  pdus = 0
  rejects = 0
  readonly #stream: PduStream
  readonly #digests: { readonly header: boolean; readonly data: boolean }
  readonly #onR2t: (r2t: R2t) => void
  #header: Uint8Array = new Uint8Array(BHS_BYTES)
  #statSn: number | undefined
  #expCmdSn = 0
  #maxCmdSn = 0

  constructor(
    digests: { readonly header: boolean; readonly data: boolean },
    onR2t: (r2t: R2t) => void = () => undefined,
  ) {
    this.#digests = digests
    this.#onR2t = onR2t
    this.#stream = new PduStream(
      {
        header: (view, offset) => {
          this.#header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES).slice()
          return new Uint8Array(dataSegmentLength(view, offset))
        },
        end: (data) => this.#take(data),
        fault: (fault) => {
          throw new Error(`the target sent a ${fault}`)
        },
      },
      { dataSegmentBytesMax: 8192, ahsBytesMax: 0 },
    )
  }

  push(chunk: Uint8Array): void {
    this.#stream.push(chunk)
  }

  #window({ expCmdSn, maxCmdSn }: { readonly expCmdSn: number; readonly maxCmdSn: number }): void {
    if (this.pdus > 1) {
      if (serialBefore(expCmdSn, this.#expCmdSn))
        throw new Error(`ExpCmdSN ${expCmdSn} after ${this.#expCmdSn}`)
      if (serialBefore(maxCmdSn, this.#maxCmdSn))
        throw new Error(`MaxCmdSN ${maxCmdSn} after ${this.#maxCmdSn}`)
    }
    this.#expCmdSn = expCmdSn
    this.#maxCmdSn = maxCmdSn
  }

  #take(data: Uint8Array): void {
    const pdu = decodeTargetPdu(viewOf(this.#header), 0)
    this.pdus++
    if (pdu.opcode === 'malformed') throw new Error(`the target sent opcode ${pdu.receivedOpcode}`)
    this.#window(pdu)
    if (pdu.opcode === Opcode.loginResponse) {
      if (pdu.status === 0) this.#stream.setDigests(this.#digests)
      this.#statSn = (pdu.statSn + 1) >>> 0
      return
    }
    if (pdu.opcode === Opcode.r2t) this.#onR2t(pdu)
    if (pdu.opcode === Opcode.reject) {
      this.rejects++
      if (data.byteLength !== BHS_BYTES) throw new Error('a Reject without the header that it rejects')
    }
    const showsNext =
      pdu.opcode === Opcode.r2t ||
      (pdu.opcode === Opcode.nopIn && pdu.initiatorTaskTag === RESERVED_TAG) ||
      (pdu.opcode === Opcode.dataIn && !pdu.statusPresent)
    if (pdu.opcode === Opcode.dataIn && !pdu.statusPresent) return
    if (pdu.statSn !== this.#statSn) throw new Error(`StatSN ${pdu.statSn}, not ${this.#statSn}`)
    if (!showsNext) this.#statSn = (pdu.statSn + 1) >>> 0
  }
}
