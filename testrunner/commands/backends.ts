/** The backends by their names; each is loaded when it is used. */
import { BlockError } from '../../src/base/errors.ts'
import type { Backend } from '../backends/backend.ts'
import type { RunnerPorts, RunOptions } from './options.ts'

/** Rejects with BlockError for what the options of that backend lack. */
export async function openBackend(
  { backend, nodes }: Pick<RunOptions, 'backend' | 'nodes'>,
  { clock, random }: Pick<RunnerPorts, 'clock' | 'random'>,
): Promise<Backend> {
  if (nodes !== undefined && backend !== 'ssh')
    throw new BlockError('INVALID_ARGUMENT', '--nodes is for --backend ssh')
  switch (backend) {
    case 'local': {
      const { localBackend } = await import('../backends/local/local-backend.ts')
      return localBackend({ clock, random })
    }
    default:
      throw new BlockError('INVALID_ARGUMENT', `there is no backend ${backend} in this version`)
  }
}
