/** The standard streams of a child process as the stream of an agent. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { AgentStream } from './agent-link.ts'

const WORDS_MAX = 2000

export function childStream(
  name: string,
  child: ChildProcessWithoutNullStreams,
): { readonly stream: AgentStream; readonly exited: Promise<void> } {
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-WORDS_MAX)
  })
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      words += error.message
      resolve()
    })
    child.once('close', () => resolve())
  })
  return { stream: { name, input: child.stdout, output: child.stdin, lastWords: () => words }, exited }
}
