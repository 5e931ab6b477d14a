/** The rig as a command (rig/README.md). */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BlockError } from '../../../src/base/errors.ts'
import { missingRequirements } from './requirements.ts'

export const RIG = join(import.meta.dirname, 'rig', 'rig')
/** What the product itself needs in the guest, beside what storage tests use: libraries of Node. */
export const LIBRARIES = ['libatomic1', 'libstdc++6'] as const
/** Programs of scenarios. */
const PROGRAMS = ['sqlite3'] as const

const BUILD_MS = 600_000
const WORDS_MAX = 600
const run = promisify(execFile)

/** Makes the guest, or finds it up to date. NOT_FOUND for programs that this computer lacks, DISK when it cannot be made. */
export async function buildGuest(signal: AbortSignal): Promise<void> {
  const missing = missingRequirements()
  if (missing.length > 0) throw new BlockError('NOT_FOUND', missing.join('; '))
  const extra = [...LIBRARIES, ...PROGRAMS].flatMap((name) => ['--extra', name])
  try {
    await run(RIG, ['build', ...extra], { timeout: BUILD_MS, signal })
  } catch (cause) {
    signal.throwIfAborted()
    const { stderr = '' } = cause as { readonly stderr?: string }
    throw new BlockError('DISK', `the guest cannot be built: ${stderr.trim().slice(-WORDS_MAX)}`, { cause })
  }
}
