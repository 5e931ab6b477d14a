/**
 * The configuration file of a daemon: the flags' names as keys, and who may use the volumes (access-file.ts). Unknown keys and values of the wrong kind are errors that name
 * `file:line:column`; nothing is guessed.
 */
import { dirname, resolve } from 'node:path'
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../base/errors.ts'
import type { AccessConfig } from './access-config.ts'
import { ACCESS_KEYS, type AccessFile, readAccess } from './access-file.ts'
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

const closed = { additionalProperties: false }

/** The whole file, as a JSON schema. */
const schemaOf = (table: AnySettings): TSchema =>
  Type.Object(
    {
      ...Object.fromEntries(Object.entries(table).map(([name, { schema }]) => [name, Type.Optional(schema)])),
      ...ACCESS_KEYS,
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
  const access = await readAccess(value as AccessFile, { path, document, warnings })
  if ((access.chap !== undefined || access.dhchap !== undefined) && file.readableByOthers) {
    warnings.push(`${path} holds CHAP settings and others may read it; chmod 600 it`)
  }
  return { settings, access, warnings }
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
