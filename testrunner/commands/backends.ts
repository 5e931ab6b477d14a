/** The backends by their names; each is loaded when it is used. */
import { access } from 'node:fs/promises'
import { BlockError } from '../../src/base/errors.ts'
import type { Backend } from '../backends/backend.ts'
import type { RunnerPorts, RunOptions } from './options.ts'

/** Rejects with INVALID_ARGUMENT for what the options of that backend lack. */
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
    case 'netns': {
      const { netnsBackend } = await import('../backends/netns/netns-backend.ts')
      return netnsBackend({ clock, random })
    }
    case 'vm': {
      const { vmBackend } = await import('../backends/vm/vm-backend.ts')
      return vmBackend({ clock, random })
    }
    case 'ssh': {
      if (nodes === undefined)
        throw new BlockError(
          'INVALID_ARGUMENT',
          '--backend ssh needs --nodes FILE: the computers that it uses',
        )
      await access(nodes).catch((cause: unknown) => {
        throw new BlockError('INVALID_ARGUMENT', `--nodes: cannot read ${nodes}`, { cause })
      })
      const { sshBackend } = await import('../backends/ssh/ssh-backend.ts')
      return sshBackend({ nodesFile: nodes })
    }
  }
}
