/**
 * Who may use the volumes, as it stands in a configuration file: CHAP and DH-HMAC-CHAP secrets, and the lists of initiators
 * and hosts. Only there: flags and variables show in lists of processes.
 */
import { dirname, resolve } from 'node:path'
import { type Static, type TSchema, Type } from 'typebox'
import { parseDhchapSecret } from '../base/dhchap-secret.ts'
import { BlockError } from '../base/errors.ts'
import { parseIscsiName, parseNqn } from '../base/names.ts'
import type { DhchapCredential } from '../frontend/access.ts'
import { Secret } from '../frontend/secret.ts'
import { type AccessConfig, type ChapCredentials, checkChap } from './access-config.ts'
import { readTextFile } from './text-file.ts'
import type { YamlDocument } from './yaml-document.ts'

const SECRET_FILE_BYTES_MAX = 4096
const NAMES_MAX = 1024

const text = (expects: string): TSchema => Type.String({ description: expects, minLength: 1 })
const names = (expects: string): TSchema =>
  Type.Optional(
    Type.Array(text(`an ${expects} name`), {
      description: `a list of ${expects} names`,
      maxItems: NAMES_MAX,
    }),
  )
const secretText = Type.Optional(Type.String({ description: 'a secret in quotes', minLength: 1 }))
const secretFile = Type.Optional(Type.String({ description: 'a file', minLength: 1 }))
const credentials = {
  user: Type.String({ description: 'a user name', minLength: 1, maxLength: 255 }),
  secret: secretText,
  'secret-file': secretFile,
}
const closed = { additionalProperties: false }
const Mutual = Type.Object(credentials, { ...closed, description: 'user and secret' })
const Chap = Type.Object(
  { ...credentials, mutual: Type.Optional(Mutual) },
  { ...closed, description: 'user and secret' },
)
const Dhchap = Type.Object(
  {
    host: Type.String({ description: 'an NQN', minLength: 1 }),
    secret: secretText,
    'secret-file': secretFile,
    'controller-secret': secretText,
    'controller-secret-file': secretFile,
  },
  { ...closed, description: 'host and secret' },
)

/** The keys of the file that say it. */
export const ACCESS_KEYS = {
  chap: Type.Optional(Chap),
  initiators: names('iSCSI'),
  dhchap: Type.Optional(
    Type.Array(Dhchap, { description: 'a list of hosts and their secrets', maxItems: NAMES_MAX }),
  ),
  hosts: names('NVMe'),
}
const AccessFile = Type.Object({
  chap: Type.Optional(Chap),
  initiators: Type.Optional(Type.Array(Type.String())),
  dhchap: Type.Optional(Type.Array(Dhchap)),
  hosts: Type.Optional(Type.Array(Type.String())),
})
export type AccessFile = Static<typeof AccessFile>

export interface AccessReading {
  readonly path: string
  readonly document: YamlDocument
  readonly warnings: string[]
}

/** INVALID_ARGUMENT with `file:line:column` for what cannot be used. */
export async function readAccess(value: AccessFile, reading: AccessReading): Promise<AccessConfig> {
  const initiators = namesOf('initiators', value.initiators, { parse: parseIscsiName, reading })
  const hosts = namesOf('hosts', value.hosts, { parse: parseNqn, reading })
  return {
    ...(initiators === undefined ? {} : { initiators }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(value.chap === undefined ? {} : { chap: await readChap(value.chap, reading) }),
    ...(value.dhchap === undefined ? {} : { dhchap: await readDhchap(value.dhchap, reading) }),
  }
}

function namesOf(
  key: string,
  given: readonly string[] | undefined,
  { parse, reading: { document } }: { parse: (text: string, what: string) => string; reading: AccessReading },
): readonly string[] | undefined {
  if (given?.length === 0) throw nobody(document, key)
  return given?.map((name, index) => parse(name, `${document.at(`/${key}/${index}`)}: ${key}`))
}

async function readChap(
  given: NonNullable<AccessFile['chap']>,
  reading: AccessReading,
): Promise<NonNullable<AccessConfig['chap']>> {
  const { mutual, ...own } = given
  const chap = {
    ...(await readCredentials(own, '/chap', reading)),
    ...(mutual === undefined ? {} : { mutual: await readCredentials(mutual, '/chap/mutual', reading) }),
  }
  reading.warnings.push(...checkChap(chap, reading.document.at('/chap')))
  return chap
}

async function readCredentials(
  given: Static<typeof Mutual>,
  pointer: string,
  reading: AccessReading,
): Promise<ChapCredentials> {
  const secret = await readSecret(given, { pointer, key: 'secret', reading })
  if (secret !== undefined) return { user: given.user, secret }
  throw invalid(`${placeOf(pointer, reading)}: give either secret or secret-file`)
}

async function readDhchap(
  given: NonNullable<AccessFile['dhchap']>,
  reading: AccessReading,
): Promise<readonly DhchapCredential[]> {
  if (given.length === 0) throw nobody(reading.document, 'dhchap')
  const entries: DhchapCredential[] = []
  for (const [index, entry] of given.entries()) {
    const pointer = `/dhchap/${index}`
    const place = placeOf(pointer, reading)
    const host = parseNqn(entry.host, `${place}.host`)
    if (entries.some((other) => other.host.toLowerCase() === host.toLowerCase())) {
      throw invalid(`${place}.host: ${host} is there twice`)
    }
    const secret = await readSecret(entry, { pointer, key: 'secret', reading })
    if (secret === undefined) throw invalid(`${place}: give either secret or secret-file`)
    const controllerSecret = await readSecret(entry, { pointer, key: 'controller-secret', reading })
    checkDhchap(secret, `${place}.secret`)
    if (controllerSecret !== undefined) checkDhchap(controllerSecret, `${place}.controller-secret`)
    if (controllerSecret?.equals(secret) === true) {
      throw invalid(`${place}: controller-secret is the one of the host; each direction needs its own`)
    }
    entries.push({ host, secret, ...(controllerSecret === undefined ? {} : { controllerSecret }) })
  }
  return entries
}

const checkDhchap = (secret: Secret, what: string): void =>
  secret.lend((bytes) => void parseDhchapSecret(Buffer.from(bytes).toString('utf8'), what))

/** Given by itself or by the name of a file; undefined: neither. */
async function readSecret<Key extends 'secret' | 'controller-secret'>(
  given: { readonly [Name in Key | `${Key}-file`]?: string | undefined },
  { pointer, key, reading }: { pointer: string; key: Key; reading: AccessReading },
): Promise<Secret | undefined> {
  const { path, warnings } = reading
  const place = placeOf(pointer, reading)
  const own: string | undefined = given[key]
  const file: string | undefined = given[`${key}-file`]
  if (own !== undefined && file !== undefined) throw invalid(`${place}: give either ${key} or ${key}-file`)
  if (own !== undefined) return Secret.fromText(own)
  if (file === undefined) return undefined
  const name = resolve(dirname(path), file)
  const content = await readTextFile(name, `${place}.${key}-file`, SECRET_FILE_BYTES_MAX)
  if (content.readableByOthers) warnings.push(`${name} holds a secret and others may read it; chmod 600 it`)
  return Secret.fromText(content.text.replace(/\r?\n$/, ''))
}

const placeOf = (pointer: string, { document }: AccessReading): string =>
  `${document.at(pointer)}: ${pointer.slice(1).replaceAll('/', '.')}`

const nobody = (document: YamlDocument, key: string): BlockError =>
  invalid(`${document.at(`/${key}`)}: ${key}: an empty list admits nobody; name one, or leave the key out`)

const invalid = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
