/**
 * Set by a front end when its protocol (or the end of the connection) aborts a command. Who executes the command looks at
 * it where a change would get its place in the log; what it lets through before is done.
 */
export interface TaskSignal {
  readonly aborted: boolean
  /** Calls `listener` when it is aborted, at once when it is already; for commands that wait for long. */
  onAbort(listener: () => void): void
}
