/**
 * Sequence numbers of one session with one connection (RFC 7143 §4.2.2): commands are numbered, and sent only
 * up to MaxCmdSN; responses are numbered by the target, without a hole at ErrorRecoveryLevel 0.
 */
import { serialAdd, serialAfter, serialBefore } from '../../base/serial32.ts'

export class SequenceWindow {
  #cmdSn: number
  #expStatSn: number
  #maxCmdSn: number

  constructor(start: { cmdSn: number; expStatSn: number; maxCmdSn: number }) {
    this.#cmdSn = start.cmdSn
    this.#expStatSn = start.expStatSn
    this.#maxCmdSn = start.maxCmdSn
  }

  /** CmdSN of the next command that is not immediate; immediate ones carry it without using it up. */
  get cmdSn(): number {
    return this.#cmdSn
  }

  get expStatSn(): number {
    return this.#expStatSn
  }

  /** Whether the target takes another command that is not immediate. */
  get isOpen(): boolean {
    return !serialAfter(this.#cmdSn, this.#maxCmdSn)
  }

  /** The CmdSN of a command that is sent now. */
  takeCmdSn(): number {
    const taken = this.#cmdSn
    this.#cmdSn = serialAdd(taken, 1)
    return taken
  }

  /** Takes ExpCmdSN and MaxCmdSN of any PDU of the target. The window never shrinks (§4.2.2.1). */
  update(expCmdSn: number, maxCmdSn: number): void {
    if (serialBefore(maxCmdSn, serialAdd(expCmdSn, -1))) return
    if (serialAfter(maxCmdSn, this.#maxCmdSn)) this.#maxCmdSn = maxCmdSn
  }

  /** Takes the StatSN of a PDU that advances it. False: a response is missing or came twice. */
  acknowledge(statSn: number): boolean {
    if (statSn !== this.#expStatSn) return false
    this.#expStatSn = serialAdd(statSn, 1)
    return true
  }
}
