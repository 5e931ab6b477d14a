/**
 * Runs the host's tools: found on PATH, arguments as they are and never through a shell, with bounded time and output. A
 * command that does not end in time is killed and not waited for: one that hangs in the kernel cannot be.
 */
import { spawn } from 'node:child_process'
import { BlockError } from '../../../base/errors.ts'
import type { Logger } from '../../../base/log.ts'

const OUTPUT_BYTES_MAX = 256 * 1024
/** Of a tool's own words that go into an error. */
const WORDS_MAX = 400

export interface Finished {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly timeoutMs: number
  /** Statuses that are answers; any other is an error. 0 alone unless told otherwise. */
  readonly accept?: readonly number[]
  /** Which error a status and the tool's words are; DISK unless told otherwise. */
  readonly explain?: (finished: Finished) => BlockError | undefined
}

export type Run = (tool: string, args: readonly string[], options: RunOptions) => Promise<Finished>

/** TIMED_OUT, NOT_FOUND when the tool is not installed, else what `explain` says. No error has the arguments: secrets are in some. */
export function runner(log: Logger): Run {
  return async (tool, args, options) => {
    const finished = await finish(tool, args, options.timeoutMs)
    log.debug('csi.tool_ran', { tool, status: finished.status })
    if ((options.accept ?? [0]).includes(finished.status)) return finished
    throw options.explain?.(finished) ?? new BlockError('DISK', `${tool} ended with ${said(finished)}`)
  }
}

/** The status and the last words of a command, for an error. */
export function said({ status, stdout, stderr }: Finished): string {
  const words = (stderr.trim() || stdout.trim()).replace(/\s+/g, ' ')
  return `status ${status}${words === '' ? '' : `: ${words.slice(-WORDS_MAX)}`}`
}

function finish(tool: string, args: readonly string[], timeoutMs: number): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8')
      child[name].on('data', (text: string) => {
        if (output[name].length < OUTPUT_BYTES_MAX) output[name] += text
      })
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      for (const stream of [child.stdout, child.stderr]) stream.destroy()
      child.unref()
      reject(new BlockError('TIMED_OUT', `${tool} did not end within ${Math.round(timeoutMs / 1000)} s`))
    }, timeoutMs)
    child.on('error', (cause) => {
      clearTimeout(timer)
      const isMissing = 'code' in cause && cause.code === 'ENOENT'
      reject(
        isMissing
          ? new BlockError('NOT_FOUND', `${tool} is not installed on this node`)
          : new BlockError('DISK', `${tool} could not be started: ${cause.message}`, { cause }),
      )
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code !== null) resolve({ status: code, ...output })
      else reject(new BlockError('ABORTED', `${tool} was ended by ${signal ?? 'a signal'}`))
    })
  })
}
