/** Repositories of backups, for people. */

import type { Repository } from '../../client/wire/repository.ts'
import type { Column } from '../table.ts'
import { formatTime } from './times.ts'

/** Where it is, in one word: as people name a bucket or a folder. */
const placeOf = ({ kind, bucket, prefix, directory }: Repository): string =>
  kind === 's3' ? `s3://${bucket ?? ''}${prefix ? `/${prefix}` : ''}` : (directory ?? '-')

export const REPOSITORY_COLUMNS: readonly Column<Repository>[] = [
  { title: 'NAME', shrinks: true, value: (repository) => repository.name },
  { title: 'WHERE', shrinks: true, value: placeOf },
  { title: 'ENDPOINT', shrinks: true, value: (repository) => repository.endpoint ?? '-' },
  { title: 'ENCRYPTED', value: (repository) => (repository.encrypted ? 'yes' : 'no') },
  { title: 'ADDED', isWide: true, value: (repository) => formatTime(repository.created_at) },
]

export const repositoryFacts = (repository: Repository): [string, string][] => [
  ['name', repository.name],
  ['where', placeOf(repository)],
  ...(repository.kind === 's3'
    ? ([
        ['endpoint', repository.endpoint ?? "the region's own"],
        ['region', repository.region ?? '-'],
        ['access key', repository.access_key_id ?? '-'],
        ['bucket', repository.force_path_style === true ? 'in the path' : 'in the host name'],
      ] satisfies [string, string][])
    : []),
  ['encrypted', repository.encrypted ? 'yes, by the key that was given' : 'no'],
  ['added', formatTime(repository.created_at)],
]
