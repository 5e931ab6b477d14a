/** Ctrl-C, and what else ends programs: the first one ends the run in good order, the second one at once. */
export interface Interrupts {
  /** Steps under way are cancelled; phases that always run still do. */
  readonly first: AbortSignal
  /** Nothing runs any more but what cleans up. */
  readonly second: AbortSignal
  close(): void
}

/** `listen`: calls back at each interrupt, until what it returns is called. */
export function countInterrupts(
  listen: (onInterrupt: () => void) => () => void,
  say: (text: string) => void,
): Interrupts {
  const first = new AbortController()
  const second = new AbortController()
  const close = listen(() => {
    if (!first.signal.aborted) {
      say('stopping; once more to stop at once')
      first.abort(new Error('the user stopped the run'))
    } else if (!second.signal.aborted) {
      say('stopping at once, and removing what was started')
      second.abort(new Error('the user stopped the run at once'))
    }
  })
  return { first: first.signal, second: second.signal, close }
}
