/**
 * Reads what the target says to a hostile host, and holds it to the book: PDUs of a controller, framed and digested as
 * agreed; a TermReq with a reason that there is, about a header that it carries, and nothing behind it.
 */
import { PduStream } from '../../../src/nvme/pdu/stream.ts'
import { decodeTermReq } from '../../../src/nvme/pdu/term-req.ts'
import { decodeR2t, type R2t } from '../../../src/nvme/pdu/transfer.ts'
import { FatalErrorStatus, PduType } from '../../../src/nvme/pdu/types.ts'
import type { HostileStream } from './stream.ts'

const REASONS: readonly number[] = Object.values(FatalErrorStatus)
const HEADER_BYTES_MAX = 128

export class StrictListener {
  pdus = 0
  termReqs = 0
  refusals = 0
  readonly #stream: PduStream
  readonly #onR2t: (r2t: R2t) => void
  readonly #digests: NonNullable<HostileStream['readable']>
  #type = 0
  #reason = { fes: 0, fei: 0 }

  constructor(readable: NonNullable<HostileStream['readable']>, onR2t: (r2t: R2t) => void) {
    this.#digests = readable
    this.#onR2t = onR2t
    this.#stream = new PduStream(
      {
        header: (view, offset) => {
          if (this.termReqs > 0) throw new Error('the target said something behind its TermReq')
          this.#type = view.getUint8(offset)
          if (this.#type === PduType.r2t) this.#onR2t(decodeR2t(view, offset))
          if (this.#type === PduType.c2hTermReq) this.#reason = decodeTermReq(view, offset)
          if (this.#type === PduType.capsuleResp && view.getUint16(offset + 22, true) !== 0) this.refusals++
          return 'lend'
        },
        end: (data) => this.#end(data),
        dataDamaged: () => {
          throw new Error('the target sent a wrong data digest')
        },
        fault: (fault) => {
          throw new Error(`the target sent what no controller may: ${JSON.stringify(fault)}`)
        },
      },
      {
        side: 'host',
        alignmentBytes: readable.alignmentBytes,
        capsuleDataBytesMax: 0,
        transferBytesMax: 2 ** 20,
      },
    )
  }

  push(chunk: Uint8Array): void {
    this.#stream.push(chunk)
  }

  #end(data: Uint8Array): void {
    this.pdus++
    if (this.#type === PduType.icResp) {
      this.#stream.initialized({ headerDigest: this.#digests.header, dataDigest: this.#digests.data })
    }
    if (this.#type !== PduType.c2hTermReq) return
    this.termReqs++
    const { fes, fei } = this.#reason
    if (!REASONS.includes(fes)) throw new Error(`a TermReq with status ${fes}`)
    const isOffset =
      fes === FatalErrorStatus.invalidPduHeaderField || fes === FatalErrorStatus.unsupportedParameter
    if (isOffset && fei >= HEADER_BYTES_MAX) throw new Error(`a TermReq about byte ${fei} of a header`)
    if (data.byteLength > HEADER_BYTES_MAX) throw new Error('a TermReq with more than a header')
  }
}
