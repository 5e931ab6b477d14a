/** Every command that asks a service, in the order of the help. */
import type { CommandDescription, Noun } from '../command.ts'
import { BACKUP_COMMANDS, BACKUP_NOUN } from './backup.ts'
import { CLUSTER_COMMANDS, CLUSTER_NOUN } from './cluster.ts'
import { JOB_COMMANDS, JOB_NOUN } from './job.ts'
import { REPOSITORY_COMMANDS, REPOSITORY_NOUN } from './repository.ts'
import { SCHEDULE_COMMANDS, SCHEDULE_NOUN } from './schedule.ts'
import { SCRUB } from './scrub.ts'
import { SERVER_COMMANDS, SERVER_NOUN } from './server.ts'
import { SNAPSHOT_COMMANDS, SNAPSHOT_NOUN } from './snapshot.ts'
import { TARGET_COMMANDS, TARGET_NOUN } from './target.ts'
import { TARGET_BACKUP_NOUN } from './target-backup.ts'
import { TARGET_SNAPSHOT_NOUN } from './target-snapshot.ts'
import { TOKEN_COMMANDS, TOKEN_NOUN } from './token.ts'
import { VOLUME_COMMANDS, VOLUME_NOUN } from './volume.ts'

/** A noun stands before those under it. */
export const NOUNS: readonly Noun[] = [
  TARGET_NOUN,
  TARGET_SNAPSHOT_NOUN,
  TARGET_BACKUP_NOUN,
  VOLUME_NOUN,
  SNAPSHOT_NOUN,
  SCHEDULE_NOUN,
  REPOSITORY_NOUN,
  BACKUP_NOUN,
  SERVER_NOUN,
  CLUSTER_NOUN,
  TOKEN_NOUN,
  JOB_NOUN,
]

export const COMMANDS: readonly CommandDescription[] = [
  ...TARGET_COMMANDS,
  ...VOLUME_COMMANDS,
  ...SNAPSHOT_COMMANDS,
  ...SCHEDULE_COMMANDS,
  ...REPOSITORY_COMMANDS,
  ...BACKUP_COMMANDS,
  SCRUB,
  ...SERVER_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...TOKEN_COMMANDS,
  ...JOB_COMMANDS,
]
