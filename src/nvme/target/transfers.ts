/** Data that hosts were asked for by R2T: who it is for, by transfer tag, and what is wrong with an H2CData. */
import { DataHeader } from '../pdu/transfer.ts'
import { FatalErrorStatus, type PduFault, PduFlag } from '../pdu/types.ts'
import type { Command } from './command.ts'

const AT = DataHeader.at
const TAG_MAX = 0xffff
/** Far more than a queue has entries, and far fewer than there are tags. */
const TRANSFERS_MAX = 1024
const OWED_FACTOR = 10

export const OUT_OF_SEQUENCE: PduFault = { fes: FatalErrorStatus.pduSequenceError, fei: 0 }
const OUT_OF_RANGE: PduFault = { fes: FatalErrorStatus.dataTransferOutOfRange, fei: 0 }
const wrongField = (fei: number): PduFault => ({ fes: FatalErrorStatus.invalidPduHeaderField, fei })

export class Transfers {
  readonly #commands = new Map<number, Command>()
  #nextTag = 0
  #idleTicks = 0

  /** No more may be added. */
  get isFull(): boolean {
    return this.#commands.size >= TRANSFERS_MAX
  }

  /** Gives `command` a tag that no other has. */
  add(command: Command): void {
    do this.#nextTag = this.#nextTag === TAG_MAX ? 0 : this.#nextTag + 1
    while (this.#commands.has(this.#nextTag))
    command.transferTag = this.#nextTag
    command.owedTicks = 0
    if (this.#commands.size === 0) this.#idleTicks = 0
    this.#commands.set(this.#nextTag, command)
  }

  /** Whether the host still owes data of `command`. */
  has(command: Command): boolean {
    return this.#commands.get(command.transferTag) === command
  }

  delete(command: Command): void {
    this.#commands.delete(command.transferTag)
  }

  clear(): void {
    this.#commands.clear()
  }

  /**
   * Once a second; true: the host owes data, and has sent none of any command for more than `secondsMax`, or not all of
   * one for ten times as long. Commands wait for each other on a slow link, so one alone is not asked how it goes on.
   */
  tick(secondsMax: number): boolean {
    if (this.#commands.size === 0) return false
    if (++this.#idleTicks > secondsMax) return true
    for (const command of this.#commands.values()) {
      if (++command.owedTicks > secondsMax * OWED_FACTOR) return true
    }
    return false
  }

  /** The command that the H2CData at `offset`, with `dataBytes` of data, is for. */
  commandOf(view: DataView, offset: number, dataBytes: number): Command | PduFault {
    const datao = view.getUint32(offset + AT.datao, true)
    const command = this.#commands.get(view.getUint16(offset + AT.ttag, true))
    if (command === undefined) return wrongField(AT.ttag)
    if (view.getUint16(offset + AT.cccid, true) !== command.cid) return wrongField(AT.cccid)
    if (datao + dataBytes > command.wantedBytes) return OUT_OF_RANGE
    if (datao !== command.arrivedBytes) return OUT_OF_SEQUENCE
    const isLast = (view.getUint8(offset + AT.flags) & PduFlag.last) !== 0
    if (isLast !== (datao + dataBytes === command.wantedBytes)) return wrongField(AT.flags)
    this.#idleTicks = 0
    return command
  }
}
