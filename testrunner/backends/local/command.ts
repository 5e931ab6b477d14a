/** Short commands of the system, run to their end. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { BlockError } from '../../../src/base/errors.ts'

export type Command = readonly [string, ...string[]]

const COMMAND_MS = 15_000

/** Its standard output. DISK with what it said when it fails, NOT_FOUND when it is not there. */
export async function runCommand([program, ...args]: Command, input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: COMMAND_MS })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new BlockError('NOT_FOUND', `cannot run ${program} (${cause.code})`, { cause })),
    )
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (code === 0) return stdout
  const reason = stderr.trim().split('\n').slice(-3).join('; ') || `exit code ${code}`
  throw new BlockError('DISK', `${[program, ...args].slice(0, 8).join(' ')}: ${reason}`)
}
