/**
 * What the CLI knows of the terminal it may be on, and of time: widths, questions, Ctrl-C, pauses. One object, so that
 * commands run in tests as they run for people.
 */
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Terminal {
  /** Columns of stdout when it is a terminal. */
  readonly outputWidth: number | undefined
  /** Columns of stderr when it is a terminal: where progress is drawn. */
  readonly progressWidth: number | undefined
  /** One line from whoever sits there; undefined when nobody does. */
  ask(question: string): Promise<string | undefined>
  /** Calls `listener` on Ctrl-C instead of ending the process, until the returned call. */
  onInterrupt(listener: () => void): () => void
  /** Milliseconds since some fixed moment. */
  nowMs(): number
  /** Resolves after `delayMs`, or when `signal` aborts. */
  pause(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** The process's own terminal. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  return {
    outputWidth: stdout.isTTY ? stdout.columns : undefined,
    progressWidth: stderr.isTTY ? stderr.columns : undefined,
    ask: async (question) => {
      if (!stdin.isTTY) return undefined
      const lines = createInterface({ input: stdin, output: stderr })
      const answer = lines.question(question)
      // End of input and Ctrl-C answer nothing.
      const end = new Promise<string>((resolve) => {
        lines.once('close', () => resolve(''))
      })
      return Promise.race([answer, end]).finally(() => lines.close())
    },
    onInterrupt: (listener) => {
      process.on('SIGINT', listener)
      return () => void process.off('SIGINT', listener)
    },
    nowMs: () => performance.now(),
    pause: async (delayMs, signal) => {
      try {
        await sleep(delayMs, undefined, signal === undefined ? {} : { signal })
      } catch (error) {
        if (signal?.aborted !== true) throw error
      }
    },
  }
}
