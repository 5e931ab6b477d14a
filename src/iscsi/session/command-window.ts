/**
 * The command window of a session (RFC 7143 §4.2.2.1): which CmdSN is next, and how many more commands the
 * initiator may send. MaxCmdSN follows from the free places among `depth`, so it never goes back, and a full
 * house closes the window by itself.
 *
 * One connection carries the commands in order, so a hole among them can only be one that the initiator declared
 * by aborting a command that it never sent; any other hole is a broken initiator.
 */
import { assert } from '../../base/assert.ts'
import { serialAdd, serialAfter, serialBefore } from '../../base/serial32.ts'

/** `ignored`: outside the window, to be dropped without a word. `gap`: commands before it are missing. */
export type WindowVerdict = 'accepted' | 'ignored' | 'gap'

export class CommandWindow {
  readonly #depth: number
  #expCmdSn: number
  /** Accepted commands whose place is not yet free again. */
  #taken = 0
  /** CmdSNs ahead of ExpCmdSN that will not come. */
  readonly #skipped = new Set<number>()

  constructor(options: { expCmdSn: number; depth: number }) {
    this.#expCmdSn = options.expCmdSn
    this.#depth = options.depth
  }

  get expCmdSn(): number {
    return this.#expCmdSn
  }

  get maxCmdSn(): number {
    return serialAdd(this.#expCmdSn, this.#depth - this.#taken - 1)
  }

  /** A non-immediate PDU arrived. When accepted it holds a place until `free`. */
  accept(cmdSn: number): WindowVerdict {
    if (cmdSn !== this.#expCmdSn) return this.holds(cmdSn) ? 'gap' : 'ignored'
    if (this.#taken === this.#depth) return 'ignored'
    this.#taken++
    this.#advance()
    return 'accepted'
  }

  /** Gives a place back. */
  free(): void {
    this.#taken--
    assert(this.#taken >= 0, 'a place is given back once')
  }

  /** Whether a command with this number may still come. */
  holds(cmdSn: number): boolean {
    return !serialBefore(cmdSn, this.#expCmdSn) && !serialAfter(cmdSn, this.maxCmdSn)
  }

  /** The command with this number was aborted before it was sent: it counts as received (§11.6.1). */
  skip(cmdSn: number): void {
    assert(this.holds(cmdSn), 'only what may come can be skipped')
    if (cmdSn === this.#expCmdSn) this.#advance()
    else this.#skipped.add(cmdSn)
  }

  #advance(): void {
    do this.#expCmdSn = serialAdd(this.#expCmdSn, 1)
    while (this.#skipped.size > 0 && this.#skipped.delete(this.#expCmdSn))
  }
}
