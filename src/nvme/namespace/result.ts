/** Results without data, made once, and what refuses a command while the device carries it out. */
import type { IoResult } from './io-types.ts'

/** A completion without data. */
export const plainResult = (status: number): IoResult => ({
  status,
  dword0: 0,
  dataIn: undefined,
  release: undefined,
})

export const SUCCESS: IoResult = Object.freeze(plainResult(0))

/** Thrown from `WriteOptions.admit` to end a command with `status`: nothing was done. */
export class CommandRefusedError extends Error {
  override readonly name = 'CommandRefusedError'
  readonly status: number

  constructor(status: number) {
    super('the command was refused')
    this.status = status
  }
}
