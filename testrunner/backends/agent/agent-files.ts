/** The files of an agent, as they are sent to a machine. */
import { join } from 'node:path'

export const AGENT_DIRECTORY = join(import.meta.dirname, 'remote')
export const AGENT_FILES = [
  'agent.ts',
  'files.ts',
  'frames.ts',
  'launch.sh',
  'processes.ts',
  'programs.ts',
] as const
/** In the folder of a machine. */
export const AGENT_FOLDER = '.agent'
