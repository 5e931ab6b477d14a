/**
 * `basalt repository …`: where backups are stored. Secrets come from files or from the environment, by the names that other
 * programs of S3 have; a repository that is shown does not have them.
 */
import { Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { parseName } from '../../base/names.ts'
import {
  type ArgumentDescription,
  type Call,
  type CommandDescription,
  type FlagDescription,
  type Noun,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import type { ApiClient } from '../http/api-client.ts'
import { REPOSITORY_COLUMNS, repositoryFacts } from '../views/repository.ts'
import {
  fetchRepositories,
  Repository,
  RepositoryCheck,
  type RepositoryWish,
  repositoryPath,
} from '../wire/repository.ts'
import { secretOf } from './secret-files.ts'
import { serverNamesFor } from './server-names.ts'

export const REPOSITORY_NOUN: Noun = {
  words: ['repository'],
  summary: 'say where backups are stored',
  more: `Examples:
  basalt repository add offsite --bucket backups --region eu-central-1 --prefix basalt --encryption-key-file ./backup.key
  basalt repository add minio --bucket backups --endpoint https://minio.example:9000
  basalt repository add local --directory /srv/backups
The secret key of S3 comes from --secret-key-file or AWS_SECRET_ACCESS_KEY.`,
}

export const REPOSITORY: ArgumentDescription = { name: 'REPOSITORY', help: 'name of the repository' }

const REGION_DEFAULT = 'us-east-1'

const WISH_FLAGS: readonly FlagDescription[] = [
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

export const REPOSITORY_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['repository', 'add'],
    summary: 'tell the cluster of a place for backups: a bucket of S3, or a directory that every server has',
    args: [{ name: 'NAME', help: 'that it gets here' }],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const name = parseName(call.arg('NAME'), 'NAME', 'a repository name')
      const wish = await readWish(call)
      await save(call, wish, (api) => api.post('/block/repositories', Repository, { name, ...wish }))
    },
  },
  {
    words: ['repository', 'list'],
    summary: 'list repositories',
    service: 'master',
    run: async (call) => {
      const repositories = await fetchRepositories(await call.connect())
      call.printTable(REPOSITORY_COLUMNS, repositories, 'no repositories')
    },
  },
  {
    words: ['repository', 'get'],
    summary: 'show one repository, without its secrets',
    args: [REPOSITORY],
    service: 'master',
    run: async (call) => {
      const repository = await (await call.connect()).get(repositoryPath(call.arg('REPOSITORY')), Repository)
      call.printFacts(repository, () => repositoryFacts(repository))
    },
  },
  {
    words: ['repository', 'set'],
    summary:
      'replace all that the cluster knows of a repository, such as a key that ran out; its secrets are wanted again',
    args: [REPOSITORY],
    flags: WISH_FLAGS,
    service: 'master',
    run: async (call) => {
      const path = repositoryPath(call.arg('REPOSITORY'))
      const wish = await readWish(call)
      await save(call, wish, (api) => api.call('PUT', path, Repository, wish))
    },
  },
  {
    words: ['repository', 'check'],
    summary: 'try whether a server can write to it, read from it and list it, now',
    args: [REPOSITORY],
    service: 'master',
    run: check,
  },
  {
    words: ['repository', 'remove'],
    summary: 'forget a repository; what is stored there stays',
    args: [REPOSITORY],
    flags: [YES],
    service: 'master',
    run: remove,
  },
]

async function save(
  call: Call,
  wish: RepositoryWish,
  ask: (api: ApiClient) => Promise<Repository>,
): Promise<void> {
  const repository = await ask(await call.connect())
  call.printFacts(repository, () => repositoryFacts(repository))
  if (wish.encryption_key === null && !call.isJson) {
    call.stderr.write('Not encrypted: whoever reads it reads the volumes; --encryption-key-file encrypts.\n')
  }
}

/** INVALID_ARGUMENT for what cannot be right; never with what a secret was. */
async function readWish(call: Call): Promise<RepositoryWish> {
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

async function check(call: Call): Promise<void> {
  const api = await call.connect()
  const name = call.arg('REPOSITORY')
  const found = await api.post(repositoryPath(name, 'check'), RepositoryCheck)
  const nameOf = await serverNamesFor(call, api)
  call.print(found, () => `${nameOf(found.server)} can write, read and delete in '${name}'\n`)
}

async function remove(call: Call): Promise<void> {
  const api = await call.connect()
  const { name } = await api.get(repositoryPath(call.arg('REPOSITORY')), Repository)
  await confirm(call, {
    consequence: `This makes the cluster forget the repository '${name}' and its keys. Backups in it stay, and are of no use without the encryption key.`,
    name,
  })
  await api.call('DELETE', repositoryPath(name), Type.Unknown())
  call.print({ removed: name }, () => `removed ${name}\n`)
}

const usage = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
