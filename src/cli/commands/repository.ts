/**
 * `basalt repository …`: where backups are stored. Secrets come from files or from the environment, by the names that other
 * programs of S3 have; a repository that is shown does not have them.
 */
import { Type } from 'typebox'
import { parseName } from '../../base/names.ts'
import type { ApiClient } from '../../client/http/api-client.ts'
import {
  fetchRepositories,
  Repository,
  RepositoryCheck,
  type RepositoryWish,
  repositoryPath,
} from '../../client/wire/repository.ts'
import {
  type ArgumentDescription,
  type Call,
  type CommandDescription,
  type Noun,
  WIDE,
  YES,
} from '../command.ts'
import { confirm } from '../confirm.ts'
import { REPOSITORY_COLUMNS, repositoryFacts } from '../views/repository.ts'
import { REPOSITORY_FLAGS, readRepository } from './repository-wish.ts'
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

const REPOSITORY: ArgumentDescription = { name: 'REPOSITORY', help: 'name of the repository' }

export const REPOSITORY_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['repository', 'add'],
    summary: 'tell the cluster of a place for backups: a bucket of S3, or a directory that every server has',
    args: [{ name: 'NAME', help: 'that it gets here' }],
    flags: REPOSITORY_FLAGS,
    service: 'master',
    run: async (call) => {
      const name = parseName(call.arg('NAME'), 'NAME', 'a repository name')
      const wish = await readRepository(call)
      await save(call, wish, (api) => api.post('/block/repositories', Repository, { name, ...wish }))
    },
  },
  {
    words: ['repository', 'list'],
    summary: 'list repositories',
    flags: [WIDE],
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
    flags: REPOSITORY_FLAGS,
    service: 'master',
    run: async (call) => {
      const path = repositoryPath(call.arg('REPOSITORY'))
      const wish = await readRepository(call)
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
