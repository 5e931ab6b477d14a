/**
 * A command as data: its words, arguments and flags, and what it does with them. From the table of all of them come
 * parsing, help and completion. An argument's name says what it is, and by that what completes it: VOLUME, SERVER, JOB.
 */
import { BlockError } from '../base/errors.ts'
import { parseSize } from '../base/sizes.ts'
import type { ApiClient } from '../client/http/api-client.ts'
import type { Column } from './table.ts'
import { renderFacts, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'

export interface FlagDescription {
  readonly name: string
  /** What follows the flag; undefined for a switch. */
  readonly placeholder: string | undefined
  readonly help: string
  readonly default?: string | undefined
  /** May be given several times; its value is then all of them with commas between. */
  readonly isList?: boolean
  /** Environment variable that gives the same. */
  readonly variable?: string
  /** All values that there are; any other is a usage error. */
  readonly choices?: readonly string[]
}

export type FlagValues = Readonly<Record<string, string | boolean | undefined>>

export interface ArgumentDescription {
  readonly name: string
  readonly help: string
  readonly isOptional?: boolean
  /** The last one, of which there may be several; its value is then all of them with commas between. */
  readonly isList?: boolean
}

export interface Output {
  write(text: string): void
}

export interface CommandDescription {
  /** After `basalt`: `['volume', 'list']`. */
  readonly words: readonly string[]
  readonly summary: string
  readonly args?: readonly ArgumentDescription[]
  readonly flags?: readonly FlagDescription[]
  /** Whose API it talks to, which says how that is found. */
  readonly service: 'master' | 'target'
  run(call: Call): Promise<void>
}

/** A noun of the command line: what stands under `basalt NOUN`. */
export interface Noun {
  readonly words: readonly string[]
  readonly summary: string
  /** Under the commands, in `--help`. */
  readonly more?: string
}

/** Environment variables: what a secret may come from, for a command line is seen by every user of the machine. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface CallParts {
  readonly args: Readonly<Record<string, string | undefined>>
  readonly flags: FlagValues
  readonly environment: Environment
  readonly terminal: Terminal
  readonly stdout: Output
  readonly stderr: Output
  connect(): Promise<ApiClient>
}

/** One use of a command. */
export class Call {
  readonly flags: FlagValues
  readonly terminal: Terminal
  readonly stderr: Output
  readonly #parts: CallParts

  constructor(parts: CallParts) {
    this.flags = parts.flags
    this.terminal = parts.terminal
    this.stderr = parts.stderr
    this.#parts = parts
  }

  get isJson(): boolean {
    return this.flags.json === true
  }

  connect(): Promise<ApiClient> {
    return this.#parts.connect()
  }

  /** The argument called `name`; the parser has seen to it that required ones are there. */
  arg(name: string): string {
    const value = this.#parts.args[name]
    if (value === undefined) throw new BlockError('INVALID_ARGUMENT', `${name} is missing`)
    return value
  }

  optionalArg(name: string): string | undefined {
    return this.#parts.args[name]
  }

  /** All that were given for the list `name`. */
  listArg(name: string): string[] {
    return this.arg(name).split(',')
  }

  /** The flag's text, or undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.flags[name]
    return typeof value === 'string' ? value : undefined
  }

  /** What the environment says; undefined for an empty variable, too. */
  variable(name: string): string | undefined {
    return this.#parts.environment[name] || undefined
  }

  isSet(name: string): boolean {
    return this.flags[name] === true
  }

  /** The flag's values, or undefined when it was not given. */
  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(',')
      .map((item) => item.trim())
  }

  /** Bytes; INVALID_ARGUMENT for what is no size by the house rule. */
  size(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : parseSize(text, `--${name}`)
  }

  /** A whole number; INVALID_ARGUMENT for anything else. Its range is the service's to judge. */
  count(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (/^\d{1,15}$/.test(text)) return Number(text)
    throw new BlockError('INVALID_ARGUMENT', `--${name}: '${text.slice(0, 80)}' is not a whole number`)
  }

  /** The result: `document` for programs, or `forPeople`. */
  print(document: unknown, forPeople: () => string): void {
    this.#parts.stdout.write(this.isJson ? `${JSON.stringify(document, undefined, 2)}\n` : forPeople())
  }

  /** One of many results: a line of its own. */
  printLine(document: unknown, forPeople: () => string): void {
    this.#parts.stdout.write(this.isJson ? `${JSON.stringify(document)}\n` : `${forPeople()}\n`)
  }

  /** A list, as a table that fits the terminal; `none` is said when it is empty. */
  printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], none?: string): void {
    this.print(rows, () => {
      if (rows.length === 0 && none !== undefined) return `${none}\n`
      const width = this.terminal.outputWidth
      return renderTable(columns, rows, { width, isWide: this.flags.output === 'wide' })
    })
  }

  printFacts(document: unknown, facts: () => readonly (readonly [string, string])[]): void {
    this.print(document, () => renderFacts(facts()))
  }
}

/** Flags that several commands share. */
export const YES: FlagDescription = {
  name: 'yes',
  placeholder: undefined,
  help: 'do not ask',
}
export const NO_WAIT: FlagDescription = {
  name: 'no-wait',
  placeholder: undefined,
  help: 'return at once, while the work goes on',
}
export const LIMIT: FlagDescription = { name: 'limit', placeholder: 'N', help: 'at most so many' }
export const WIDE: FlagDescription = {
  name: 'output',
  placeholder: 'FORMAT',
  choices: ['wide'],
  help: 'wide: more columns',
}
export const VOLUME: ArgumentDescription = { name: 'VOLUME', help: 'name or UUID of the volume' }
export const SERVER: ArgumentDescription = { name: 'SERVER', help: 'name or id of the server' }
export const JOB: ArgumentDescription = { name: 'JOB', help: 'id of the job' }
