/** Repositories of backups, as the master's API shows and takes them. Secrets go there and never come back. */
import { type Static, Type } from 'typebox'
import type { ApiClient } from '../http/api-client.ts'
import { Nullable, pathOf } from './common.ts'

export const Repository = Type.Object({
  name: Type.String(),
  kind: Type.String(),
  endpoint: Nullable(Type.String()),
  region: Nullable(Type.String()),
  bucket: Nullable(Type.String()),
  prefix: Nullable(Type.String()),
  access_key_id: Nullable(Type.String()),
  force_path_style: Nullable(Type.Boolean()),
  directory: Nullable(Type.String()),
  encrypted: Type.Boolean(),
  created_at: Type.String(),
})
export type Repository = Static<typeof Repository>

const RepositoryList = Type.Object({ repositories: Type.Array(Repository) })
/** Id of the server that tried it. */
export const RepositoryCheck = Type.Object({ server: Type.String() })

/** Replaces all that was set before. Either `s3` or `directory`. */
export interface RepositoryWish {
  readonly s3?: {
    readonly endpoint: string | null
    readonly region: string
    readonly bucket: string
    readonly prefix: string
    readonly access_key_id: string
    readonly secret_access_key: string
    readonly session_token: string | null
    readonly force_path_style?: boolean
  }
  readonly directory?: string
  /** 64 hex digits; null: backups are not encrypted. */
  readonly encryption_key: string | null
}

export const repositoryPath = (name: string, ...more: readonly string[]): string =>
  pathOf('repositories', name, ...more)

export const fetchRepositories = async (api: ApiClient): Promise<Repository[]> =>
  (await api.get('/block/repositories', RepositoryList)).repositories
