/**
 * A daemon that `basalt dev` started lives no longer than it: standard input is a pipe whose other end only the parent
 * has, so its end means that the parent is gone, even by SIGKILL. Then the daemon stops as by SIGTERM, and dies if
 * that takes too long.
 */

/** Set for such daemons. */
export const LIFELINE = 'BASALT_LIFELINE'

const STOP_MS = 10_000

export function holdLifeline(): void {
  const stop = (): void => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_MS).unref()
  }
  process.stdin.on('end', stop).on('error', stop).resume()
}
