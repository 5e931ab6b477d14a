/**
 * The configuration file of a daemon: the flags' names as keys, and what may stand only in a file, CHAP
 * secrets and the list of initiators. Unknown keys and values of the wrong kind are errors that name
 * `file:line:column`; nothing is guessed.
 */
import { dirname, resolve } from 'node:path'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../base/errors.ts'
import { parseIscsiName } from '../base/names.ts'
import { Secret } from '../frontend/secret.ts'
import type { AccessConfig, ChapCredentials } from './access-config.ts'
import { checkChap } from './access-config.ts'
import type { SettingTable } from './settings.ts'
import { suggest } from './suggest.ts'
import { readTextFile } from './text-file.ts'
import {
  escapePointer,
  parseYaml,
  YAML_BYTES_MAX,
  type YamlDocument,
  type YamlValue,
} from './yaml-document.ts'

const SECRET_FILE_BYTES_MAX = 4096
const INITIATORS_MAX = 1024

const text = (expects: string): TSchema => Type.String({ description: expects, minLength: 1 })
const credentials = {
  user: Type.String({ description: 'a user name', minLength: 1, maxLength: 255 }),
  secret: Type.Optional(Type.String({ description: 'a secret in quotes', minLength: 1 })),
  'secret-file': Type.Optional(Type.String({ description: 'a file', minLength: 1 })),
}
const closed = { additionalProperties: false }
const Mutual = Type.Object(credentials, { ...closed, description: 'user and secret' })
const Chap = Type.Object(
  { ...credentials, mutual: Type.Optional(Mutual) },
  { ...closed, description: 'user and secret' },
)
const Access = {
  chap: Type.Optional(Chap),
  initiators: Type.Optional(
    Type.Array(text('an iSCSI name'), { description: 'a list of iSCSI names', maxItems: INITIATORS_MAX }),
  ),
}
const AccessSchema = Type.Object(Access)

/** The whole file, as a JSON schema. */
const schemaOf = (table: AnySettings): TSchema =>
  Type.Object(
    {
      ...Object.fromEntries(Object.entries(table).map(([name, { schema }]) => [name, Type.Optional(schema)])),
      ...Access,
    },
    { ...closed, description: 'settings by name' },
  )

/** Settings of any command. */
export type AnySettings = SettingTable<Readonly<Record<string, unknown>>>

export interface ConfigFile {
  /** Text of the settings that the file has, and where each stands. */
  readonly settings: ReadonlyMap<string, { readonly text: string; readonly place: string }>
  readonly access: AccessConfig
  /** Things that work and are unwise, a sentence each. */
  readonly warnings: readonly string[]
}

/** Reads and checks the file at `path`. NOT_FOUND when it is missing, INVALID_ARGUMENT for all that is wrong in it. */
export async function readConfigFile(path: string, table: AnySettings): Promise<ConfigFile> {
  const file = await readTextFile(path, '--config', YAML_BYTES_MAX)
  const document = parseYaml(file.text, path)
  const value = document.value ?? {}
  check(schemaOf(table), value, document)

  const settings = new Map<string, { text: string; place: string }>()
  for (const [name, { isPath }] of Object.entries(table)) {
    const given = (value as Readonly<Record<string, YamlValue>>)[name]
    if (given === undefined) continue
    // A list becomes what a variable would hold: its items with commas between.
    const text = isPath ? resolve(dirname(path), String(given)) : String(given)
    settings.set(name, { text, place: `${document.at(`/${name}`)}: ${name}` })
  }
  const warnings: string[] = []
  const access = await readAccess(value as Static<typeof AccessSchema>, { path, document, warnings })
  if (access.chap !== undefined && file.readableByOthers) {
    warnings.push(`${path} holds CHAP settings and others may read it; chmod 600 it`)
  }
  return { settings, access, warnings }
}

interface Reading {
  readonly path: string
  readonly document: YamlDocument
  readonly warnings: string[]
}

async function readAccess(value: Static<typeof AccessSchema>, reading: Reading): Promise<AccessConfig> {
  const { document } = reading
  const initiators = value.initiators?.map((name, index) =>
    parseIscsiName(String(name), `${document.at(`/initiators/${index}`)}: initiators`),
  )
  if (initiators?.length === 0) {
    throw invalid(
      `${document.at('/initiators')}: initiators: an empty list admits nobody; name one, or leave the key out`,
    )
  }
  const access: AccessConfig = initiators === undefined ? {} : { initiators }
  if (value.chap === undefined) return access
  const { mutual, ...own } = value.chap
  const chap = {
    ...(await readCredentials(own, '/chap', reading)),
    ...(mutual === undefined ? {} : { mutual: await readCredentials(mutual, '/chap/mutual', reading) }),
  }
  reading.warnings.push(...checkChap(chap, document.at('/chap')))
  return { ...access, chap }
}

async function readCredentials(
  given: Static<typeof Mutual>,
  pointer: string,
  { path, document, warnings }: Reading,
): Promise<ChapCredentials> {
  const { user, secret, 'secret-file': secretFile } = given
  const place = `${document.at(pointer)}: ${pointer.slice(1).replaceAll('/', '.')}`
  if ((secret === undefined) === (secretFile === undefined)) {
    throw invalid(`${place}: give either secret or secret-file`)
  }
  if (secret !== undefined) return { user, secret: Secret.fromText(secret) }
  const file = resolve(dirname(path), secretFile ?? '')
  const content = await readTextFile(file, `${place}.secret-file`, SECRET_FILE_BYTES_MAX)
  if (content.readableByOthers) warnings.push(`${file} holds a secret and others may read it; chmod 600 it`)
  return { user, secret: Secret.fromText(content.text.replace(/\r?\n$/, '')) }
}

/** Throws for the first thing (in the order of the file) that does not fit the schema. */
function check(schema: TSchema, value: YamlValue, document: YamlDocument): void {
  const error = Value.Errors(schema, value).find(({ keyword }) => keyword !== 'boolean')
  if (error === undefined) return
  const { keyword, instancePath } = error
  const params = error.params as { additionalProperties?: string[]; requiredProperties?: string[] }
  const node = schemaAt(schema, instancePath)
  const key = instancePath.slice(1).replaceAll('/', '.')
  if (keyword === 'additionalProperties') {
    const unknown = params.additionalProperties?.[0] ?? ''
    const known = Object.keys(propertiesOf(node))
    const near = suggest(unknown, known)
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`
    throw invalid(
      `${document.atKey(`${instancePath}/${escapePointer(unknown)}`)}: unknown key '${unknown}'; ${hint}`,
    )
  }
  const place = document.at(instancePath)
  if (keyword === 'required') throw invalid(`${place}: ${key}: ${params.requiredProperties?.[0]} is missing`)
  const expects = (node as { description?: string } | undefined)?.description ?? 'something else'
  throw invalid(
    `${place}: ${key === '' ? 'the file' : key}: expected ${expects}, found ${kindOf(at(value, instancePath))}`,
  )
}

const propertiesOf = (node: TSchema | undefined): Readonly<Record<string, TSchema>> =>
  (node as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {}

/** The part of `schema` that describes the value at a JSON pointer. */
function schemaAt(schema: TSchema, pointer: string): TSchema | undefined {
  let node: TSchema | undefined = schema
  for (const part of pointer.split('/').slice(1)) {
    node = propertiesOf(node)[part] ?? (node as { items?: TSchema } | undefined)?.items
  }
  return node
}

function at(value: YamlValue, pointer: string): YamlValue | undefined {
  let node: YamlValue | undefined = value
  for (const part of pointer.split('/').slice(1)) {
    node = (node as Readonly<Record<string, YamlValue>> | null | undefined)?.[part]
  }
  return node
}

function kindOf(value: YamlValue | undefined): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a group of keys'
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`
}

const invalid = (message: string): BlockError => new BlockError('INVALID_ARGUMENT', message)
