/** Every command that asks a service, in the order of the help. */
import type { CommandDescription, Noun } from '../command.ts'
import { CLUSTER_COMMANDS, CLUSTER_NOUN } from './cluster.ts'
import { JOB_COMMANDS, JOB_NOUN } from './job.ts'
import { SERVER_COMMANDS, SERVER_NOUN } from './server.ts'
import { TARGET_COMMANDS, TARGET_NOUN } from './target.ts'
import { TOKEN_COMMANDS, TOKEN_NOUN } from './token.ts'
import { VOLUME_COMMANDS, VOLUME_NOUN } from './volume.ts'

/** A noun stands before those under it. */
export const NOUNS: readonly Noun[] = [
  TARGET_NOUN,
  VOLUME_NOUN,
  SERVER_NOUN,
  CLUSTER_NOUN,
  TOKEN_NOUN,
  JOB_NOUN,
]

export const COMMANDS: readonly CommandDescription[] = [
  ...TARGET_COMMANDS,
  ...VOLUME_COMMANDS,
  ...SERVER_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...TOKEN_COMMANDS,
  ...JOB_COMMANDS,
]
