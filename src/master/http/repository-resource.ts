/** Repositories of backups: secrets come in the clear, are sealed before anything else is done, and are never shown. */
import { type Static, Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { VOLUME_NAME_PATTERN } from '../../http/patterns.ts'
import type { RepositoryRecord } from '../records.ts'
import type { NewRepository } from '../snapshot-api.ts'
import type { AccessSealer } from './access.ts'
import { CLOSED, nullable, Text, Timestamp, timestamp } from './schemas.ts'

const Name = Type.String({ pattern: VOLUME_NAME_PATTERN, description: 'Unique among repositories' })
export const ByRepository = Type.Object({ name: Name })

const Short = Type.String({ minLength: 1, maxLength: 1024 })
const secret = (description: string, maxLength = 1024) =>
  Type.String({ minLength: 1, maxLength, writeOnly: true, description })

const FIELDS = {
  s3: Type.Optional(
    Type.Object(
      {
        endpoint: Type.Optional(nullable(Type.String({ minLength: 8, maxLength: 1024, description: 'URL' }))),
        region: Type.Optional(Short),
        bucket: Short,
        prefix: Type.Optional(Type.String({ maxLength: 512, pattern: '^([^/\\s].*[^/\\s]|[^/\\s])?$' })),
        access_key_id: Short,
        secret_access_key: secret('Kept sealed, and never shown'),
        session_token: Type.Optional(nullable(secret('Of credentials that end', 8192))),
        force_path_style: Type.Optional(
          Type.Boolean({ description: 'The bucket is in the path; most services but AWS want that' }),
        ),
      },
      { ...CLOSED, description: 'This or `directory`' },
    ),
  ),
  directory: Type.Optional(
    Type.String({
      pattern: '^/[^\\u0000]{0,1000}$',
      description: 'The same place on every server: a file system that all of them mount',
    }),
  ),
  encryption_key: Type.Optional(
    nullable(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        writeOnly: true,
        description:
          '32 random bytes in hex; without them nothing can be restored, and the cluster may be lost',
      }),
    ),
  ),
}
export const CreateRepositoryBody = Type.Object({ name: Name, ...FIELDS }, CLOSED)
export const SetRepositoryBody = Type.Object(FIELDS, CLOSED)

export const Repository = Type.Object({
  name: Text,
  kind: Type.Enum(['s3', 'directory']),
  endpoint: nullable(Text),
  region: nullable(Text),
  bucket: nullable(Text),
  prefix: nullable(Text),
  access_key_id: nullable(Text),
  force_path_style: nullable(Type.Boolean()),
  directory: nullable(Text),
  encrypted: Type.Boolean(),
  created_at: Timestamp,
})
export const RepositoryList = Type.Object({ repositories: Type.Array(Repository) })

/** INVALID_ARGUMENT unless exactly one kind is named. */
export function repositoryOf(
  name: string,
  body: Static<typeof SetRepositoryBody>,
  seal: AccessSealer,
): NewRepository {
  const { s3, directory, encryption_key: key } = body
  if ((s3 === undefined) === (directory === undefined)) {
    throw new BlockError('INVALID_ARGUMENT', 'a repository is either s3 or a directory: give one of them', {
      facts: { reason: 'repository_kind' },
    })
  }
  return { name, target: targetOf(body, seal), sealedEncryptionKey: key == null ? null : seal(key) }
}

function targetOf(
  { s3, directory }: Static<typeof SetRepositoryBody>,
  seal: AccessSealer,
): RepositoryRecord['target'] {
  if (s3 === undefined) return { kind: 'directory', path: directory ?? '/' }
  return {
    kind: 's3',
    endpoint: s3.endpoint == null ? null : checkedUrl(s3.endpoint),
    region: s3.region ?? 'us-east-1',
    bucket: s3.bucket,
    prefix: s3.prefix ?? '',
    accessKeyId: s3.access_key_id,
    sealedSecretAccessKey: seal(s3.secret_access_key),
    sealedSessionToken: s3.session_token == null ? null : seal(s3.session_token),
    forcePathStyle: s3.force_path_style ?? s3.endpoint != null,
  }
}

function checkedUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url !== undefined && isHttp && url.username === '' && url.password === '') return endpoint
  throw new BlockError('INVALID_ARGUMENT', 'endpoint is to be an http or https URL without a user', {
    facts: { reason: 'repository_endpoint' },
  })
}

export function repositoryResource(record: RepositoryRecord): Static<typeof Repository> {
  const { name, target, sealedEncryptionKey, createdAt } = record
  const common = { name, encrypted: sealedEncryptionKey !== null, created_at: timestamp(createdAt) }
  if (target.kind === 's3') {
    return {
      ...common,
      kind: 's3',
      endpoint: target.endpoint,
      region: target.region,
      bucket: target.bucket,
      prefix: target.prefix,
      access_key_id: target.accessKeyId,
      force_path_style: target.forcePathStyle,
      directory: null,
    }
  }
  const none = { endpoint: null, region: null, bucket: null, prefix: null }
  return {
    ...common,
    ...none,
    kind: 'directory',
    access_key_id: null,
    force_path_style: null,
    directory: target.path,
  }
}
