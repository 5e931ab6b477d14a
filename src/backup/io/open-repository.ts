/** Puts a repository together: the store of its kind, and threads. The only way in for those who serve volumes. */
import { isAbsolute } from 'node:path'
import { BlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { Random } from '../../base/ports/random.ts'
import type { RetryLimits } from '../objects.ts'
import { openedRepository } from '../opened-repository.ts'
import type { ObjectStore } from '../ports.ts'
import type { Repository } from '../repository.ts'
import type { RepositorySpec } from '../spec.ts'
import { codecPool } from './codec-pool.ts'
import { DirectoryStore } from './directory-store.ts'
import { lazyStore } from './lazy-store.ts'

export interface RepositoryPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** How long requests are repeated; ordinary limits when not given. */
  readonly limits?: RetryLimits
}

/** Reaches for nothing yet. INVALID_ARGUMENT when the spec makes no sense. */
export function openRepository(spec: RepositorySpec, ports: RepositoryPorts): Repository {
  return openedRepository({
    ...ports,
    store: storeOf(spec),
    codec: codecPool(),
    keyHex: spec.encryption?.keyHex ?? null,
  })
}

function storeOf(spec: RepositorySpec): ObjectStore {
  switch (spec.kind) {
    case 's3':
      if (spec.prefix !== '' && !spec.prefix.endsWith('/')) {
        throw new BlockError('INVALID_ARGUMENT', `the prefix '${spec.prefix}' must end with a slash`)
      }
      return lazyStore(async () => new (await import('./s3-store.ts')).S3Store(spec))
    case 'directory':
      if (!isAbsolute(spec.path))
        throw new BlockError('INVALID_ARGUMENT', `'${spec.path}' is not an absolute path`)
      return new DirectoryStore(spec.path)
  }
}
