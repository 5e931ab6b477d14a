/**
 * What a queue says: data (C2HData), completions (CapsuleResp), and requests for data (R2T), laid into the writer. With
 * SQ flow control off, data that was read well ends its command by itself (SUCCESS, NVMe/TCP transport: C2HData), and
 * the completion is spared: half the PDUs of a read.
 */
import { encodeCqe } from '../commands.ts'
import { beginCapsuleResp, ENTRY_OFFSET } from '../pdu/capsule.ts'
import { encodeC2hData, encodeR2t } from '../pdu/transfer.ts'
import { PduType } from '../pdu/types.ts'
import type { PduWriter } from '../pdu/writer.ts'
import type { Command } from './command.ts'

/** SQHD while SQ flow control is off. */
const NO_HEAD = 0xffff

export class Responder {
  readonly #writer: PduWriter
  #entries = 1
  #head = 0
  #flowControl = true

  constructor(writer: PduWriter) {
    this.#writer = writer
  }

  /** What Connect came to. */
  connected(options: { readonly entries: number; readonly sqFlowControl: boolean }): void {
    this.#entries = options.entries
    this.#flowControl = options.sqFlowControl
    // The Connect itself took the first entry.
    this.#head = 1 % options.entries
  }

  /** A command has been taken from the submission queue. */
  consumed(): void {
    if (++this.#head >= this.#entries) this.#head = 0
  }

  /** Ends `command`. `data` is lent until it was copied or sent, which `release` tells. */
  result(
    command: Command,
    status: number,
    dw0: number,
    dw1: number,
    data: Uint8Array | undefined,
    release: (() => void) | undefined,
  ): void {
    if (data !== undefined && data.byteLength > 0) {
      const success = !this.#flowControl && status === 0 && dw0 === 0 && dw1 === 0
      const writer = this.#writer
      const at = writer.begin(PduType.c2hData)
      encodeC2hData(writer.view, at, {
        last: true,
        success,
        cccid: command.cid,
        datao: 0,
        datal: data.byteLength,
      })
      writer.end(data, release)
      if (success) return
    } else release?.()
    this.#completion(command.cid, status, dw0, dw1)
  }

  /** Calls `call` when all that was said until now has gone out, or was dropped. */
  whenWritten(call: () => void): void {
    this.#writer.whenWritten(call)
  }

  /** Where data of the next command that is answered, with no word before it, will stand; see `IoCommand.place`. */
  place(lengthBytes: number): Uint8Array | undefined {
    return this.#writer.place(PduType.c2hData, lengthBytes)
  }

  r2t(command: Command): void {
    const writer = this.#writer
    const at = writer.begin(PduType.r2t)
    encodeR2t(writer.view, at, {
      cccid: command.cid,
      ttag: command.transferTag,
      r2to: 0,
      r2tl: command.wantedBytes,
    })
    writer.end()
  }

  #completion(cid: number, status: number, dw0: number, dw1: number): void {
    const writer = this.#writer
    const at = writer.begin(PduType.capsuleResp)
    beginCapsuleResp(writer.view, at)
    encodeCqe(writer.view, at + ENTRY_OFFSET, {
      dw0,
      dw1,
      sqhd: this.#flowControl ? this.#head : NO_HEAD,
      cid,
      status,
    })
    writer.end()
  }
}
