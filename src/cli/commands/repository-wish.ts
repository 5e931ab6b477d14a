/**
 * Where backups are: the flags by which that is told, and what they come to. Secrets come from files or from the environment, by
 * the names that other programs of S3 have.
 */
import { BlockError } from '../../base/errors.ts'
import type { RepositoryWish } from '../../client/wire/repository.ts'
import type { Call, FlagDescription } from '../command.ts'
import { secretOf } from './secret-files.ts'

const REGION_DEFAULT = 'us-east-1'

export const REPOSITORY_FLAGS: readonly FlagDescription[] = [
  { name: 'directory', placeholder: 'DIR', help: 'a directory, at the same path on every server' },
  { name: 'bucket', placeholder: 'BUCKET', help: 'a bucket of S3' },
  { name: 'prefix', placeholder: 'TEXT', help: "in the bucket, what all objects' names begin with" },
  { name: 'endpoint', placeholder: 'URL', help: 'of a service other than AWS' },
  { name: 'region', placeholder: 'REGION', help: 'of the bucket', default: REGION_DEFAULT },
  {
    name: 'path-style',
    placeholder: undefined,
    help: 'the bucket in the path and not in the host name; so it is with --endpoint',
  },
  {
    name: 'access-key-id',
    placeholder: 'ID',
    help: 'whose secret key follows',
    variable: 'AWS_ACCESS_KEY_ID',
  },
  {
    name: 'secret-key-file',
    placeholder: 'FILE',
    help: 'file with the secret key; AWS_SECRET_ACCESS_KEY holds the key itself',
  },
  {
    name: 'session-token-file',
    placeholder: 'FILE',
    help: 'file with the token of a temporary key; AWS_SESSION_TOKEN holds the token itself',
  },
  {
    name: 'encryption-key-file',
    placeholder: 'FILE',
    help: 'file with 64 hex digits by which backups are encrypted; BASALT_ENCRYPTION_KEY holds them itself',
  },
]

/** INVALID_ARGUMENT for what cannot be right; never with what a secret was. */
export async function readRepository(call: Call): Promise<RepositoryWish> {
  const directory = call.text('directory')
  const bucket = call.text('bucket')
  if ((directory === undefined) === (bucket === undefined)) {
    throw usage('--directory DIR or --bucket BUCKET says where; give one of them')
  }
  const encryptionKey = await readEncryptionKey(call)
  if (bucket !== undefined) return { s3: await readS3(call, bucket), encryption_key: encryptionKey }
  const stray = S3_FLAGS.find((flag) => call.text(flag) !== undefined || call.isSet(flag))
  if (stray !== undefined) throw usage(`--${stray} is of S3 and does not go with --directory`)
  if (directory?.startsWith('/') !== true) {
    throw usage('--directory: write the whole path, as it is on every server')
  }
  return { directory, encryption_key: encryptionKey }
}

async function readS3(call: Call, bucket: string): Promise<NonNullable<RepositoryWish['s3']>> {
  const keyId = call.text('access-key-id') ?? call.variable('AWS_ACCESS_KEY_ID')
  const secret = await secretOf(call, 'secret-key-file', 'AWS_SECRET_ACCESS_KEY')
  if (keyId === undefined || secret === undefined) {
    throw usage(
      'S3 wants a key: --access-key-id or AWS_ACCESS_KEY_ID, and --secret-key-file or AWS_SECRET_ACCESS_KEY',
    )
  }
  return {
    endpoint: call.text('endpoint') ?? null,
    region: call.text('region') ?? REGION_DEFAULT,
    bucket,
    prefix: call.text('prefix') ?? '',
    access_key_id: keyId,
    secret_access_key: secret,
    session_token: (await secretOf(call, 'session-token-file', 'AWS_SESSION_TOKEN')) ?? null,
    ...(call.isSet('path-style') && { force_path_style: true }),
  }
}

const S3_FLAGS = [
  ...['prefix', 'endpoint', 'region', 'path-style', 'access-key-id', 'secret-key-file', 'session-token-file'],
] as const

async function readEncryptionKey(call: Call): Promise<string | null> {
  const key = await secretOf(call, 'encryption-key-file', 'BASALT_ENCRYPTION_KEY')
  if (key === undefined) return null
  // What was given is not repeated: it may be a key with a digit too few.
  if (/^[0-9a-f]{64}$/i.test(key)) return key.toLowerCase()
  throw usage("--encryption-key-file: a key is 64 hex digits on one line; 'openssl rand -hex 32' makes one")
}

const usage = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
