/** Puts a repository together: the store of its kind, retries, threads. The only way in for those who serve volumes. */
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { Repository } from '../repository.ts'
import type { RepositorySpec } from '../spec.ts'

export interface RepositoryPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Reaches for nothing yet. INVALID_ARGUMENT when the spec makes no sense. */
export function openRepository(spec: RepositorySpec, _ports: RepositoryPorts): Repository {
  throw new BlockError('INVALID_ARGUMENT', `repositories of kind ${spec.kind} cannot be opened yet`)
}
