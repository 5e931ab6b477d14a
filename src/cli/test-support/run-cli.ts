/** The whole CLI in this process, with its terminal, its time and its streams in the hands of a test. */
import { type DaemonCommand, runCli } from '../program.ts'
import type { Terminal } from '../terminal.ts'

export interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly environment?: Record<string, string>
  readonly daemons?: readonly DaemonCommand[]
  /** Columns: somebody sits at a terminal that wide. */
  readonly width?: number
  /** What that somebody types when asked. */
  readonly types?: string
  /** Called at each pause, with how often there was one; may press Ctrl-C. */
  readonly onPause?: (count: number, interrupt: () => void) => void
  /** Called with all of stdout after each piece; may press Ctrl-C. */
  readonly onOutput?: (out: string, interrupt: () => void) => void
}

/** Pauses take no time here, and the clock goes by what they would have taken. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  let out = ''
  let err = ''
  let nowMs = 0
  let pauses = 0
  let onInterrupt = (): void => undefined
  const interrupt = (): void => onInterrupt()
  const terminal: Terminal = {
    outputWidth: options.width,
    progressWidth: options.width,
    ask: async (question) => {
      if (options.types === undefined) return undefined
      err += question
      return options.types
    },
    onInterrupt: (listener) => {
      onInterrupt = listener
      return () => {
        onInterrupt = () => undefined
      }
    },
    nowMs: () => nowMs,
    pause: async (delayMs) => {
      nowMs += delayMs
      options.onPause?.(++pauses, interrupt)
    },
  }
  const code = await runCli(args, {
    version: '1.2.3',
    daemons: options.daemons ?? [],
    stdout: {
      write: (text) => {
        out += text
        options.onOutput?.(out, interrupt)
      },
    },
    stderr: { write: (text) => (err += text) },
    environment: { TZ: 'UTC', ...options.environment },
    terminal,
  })
  return { code, out, err }
}
