/**
 * What a setting is: one table for each command, from which come the flags, the `BASALT_*` variables, the keys of the
 * configuration file and the text of `--help`. A setting is text wherever it comes from, and is parsed in one place, so
 * that all three accept the same.
 */
import { resolve } from 'node:path'
import { formatHostPort, type HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import { printable } from '../base/names.ts'

/** More paths than any host uses to one target. */
const PORTALS_MAX = 16

/** A JSON schema as it is: a program that reads no file needs nothing that makes or checks schemas. */
export interface FileShape {
  readonly description: string
  readonly type?: 'string' | 'boolean'
  readonly anyOf?: readonly object[]
}

export interface Setting<T> {
  /** What stands after the flag in `--help`; undefined for a switch. */
  readonly placeholder: string | undefined
  readonly help: string
  /** What the value must be, for "expected …, found …". */
  readonly expects: string
  readonly default: string | undefined
  readonly required: boolean
  /** May be given several times: a list in the file, commas in the variable; `parse` takes the latter form. */
  readonly isList: boolean
  /** A path: in the file, relative to the file's directory. */
  readonly isPath: boolean
  /** SIGHUP changes it in a running server. */
  readonly reloads: boolean
  /** Shape in the configuration file. */
  readonly schema: FileShape
  /** `what` names where the text came from, and begins the error (INVALID_ARGUMENT). */
  parse(text: string, what: string): T
}

/** All settings of a command, by name. */
export type SettingTable<Settings> = { readonly [Name in keyof Settings]: Setting<Settings[Name]> }

type Draft<T> = Pick<Setting<T>, 'help' | 'expects' | 'parse'> & Partial<Setting<T>>

/** A setting with what most have; `draft` has the rest. */
export const setting = <T>(draft: Draft<T>): Setting<T> => ({
  placeholder: undefined,
  default: undefined,
  required: false,
  isList: false,
  isPath: false,
  reloads: false,
  schema: { type: 'string', description: draft.expects },
  ...draft,
})

/** A switch: `--NAME`, `--no-NAME`; off unless given. */
export const switchSetting = (help: string): Setting<boolean> =>
  setting({
    default: 'false',
    help,
    expects: 'true or false',
    schema: { type: 'boolean', description: 'true or false' },
    parse: (text, what) => {
      if (/^(true|yes|1)$/i.test(text)) return true
      if (/^(false|no|0)$/i.test(text)) return false
      throw new BlockError('INVALID_ARGUMENT', `${what}: '${printable(text)}' is neither true nor false`)
    },
  })

/** In the file, a number may stand for itself. */
export const integerOrText = (expects: string): FileShape => ({
  anyOf: [{ type: 'integer' }, { type: 'string' }],
  description: expects,
})

/** In the file, several may stand as a list. */
export const textOrList = (expects: string): FileShape => ({
  anyOf: [
    { type: 'string' },
    { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: PORTALS_MAX },
  ],
  description: expects,
})

/** The items of a comma-separated list, each parsed by itself and none twice. */
export function listOf(
  parse: (text: string, what: string) => HostPort,
  text: string,
  what: string,
): HostPort[] {
  const items = text.split(',')
  if (items.length > PORTALS_MAX) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: ${items.length} portals; at most ${PORTALS_MAX} are possible`,
    )
  }
  const addresses = items.map((item) => parse(item.trim(), what))
  const known = new Set<string>()
  for (const address of addresses) {
    const name = formatHostPort(address)
    if (address.port !== 0 && known.has(name)) {
      throw new BlockError('INVALID_ARGUMENT', `${what}: ${name} is given twice`)
    }
    known.add(name)
  }
  return addresses
}

/** Parses a path of the command line: absolute from then on. */
export const path = (text: string, what: string): string => {
  if (text !== '' && !text.includes('\0')) return resolve(text)
  throw new BlockError('INVALID_ARGUMENT', `${what}: a path must not be empty nor hold a zero byte`)
}

/** The environment variable of a setting. */
export const variableOf = (name: string): string => `BASALT_${name.toUpperCase().replaceAll('-', '_')}`
