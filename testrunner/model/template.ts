/**
 * `{{ name.part }}` in the texts of a scenario. A text that is one template and nothing else becomes the value itself, a
 * number stays a number; within other text a value is written out. `{{ "text" }}` is that text, which is how two braces are
 * written. What a value contains is never read as a template again.
 */
import { BadArgument } from './parameter.ts'
import { isValueMap, type Value, type ValueMap } from './value.ts'

/** What one text may grow to when its templates are replaced. */
const TEXT_CHARACTERS_MAX = 1024 * 1024

/** A text is a row of these. */
export type Piece = { readonly text: string } | { readonly path: readonly [string, ...string[]] }

const TEMPLATE = /\{\{\s*(?:"([^"]*)"|([\w-]+(?:\.[\w-]+)*))\s*\}\}/y

/** Throws BadArgument when braces are opened and no name is in them. */
export function parseTemplate(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (;;) {
    const open = text.indexOf('{{', at)
    if (open === -1) break
    TEMPLATE.lastIndex = open
    const match = TEMPLATE.exec(text)
    if (match === null) {
      throw new BadArgument(
        `'${text.slice(open, open + 40)}' is not a template: write {{ name }} or {{ name.part }}, or {{ "{{" }} for two braces`,
      )
    }
    if (open > at) pieces.push({ text: text.slice(at, open) })
    const [whole, literal, path] = match
    pieces.push(
      path === undefined ? { text: literal ?? '' } : { path: path.split('.') as [string, ...string[]] },
    )
    at = open + whole.length
  }
  if (at < text.length) pieces.push({ text: text.slice(at) })
  return pieces
}

/** `value` with all its templates replaced by what `scope` has. Throws BadArgument with the name that is missing. */
export function resolveTemplates(value: Value, scope: ValueMap): Value {
  if (typeof value === 'string') return resolveText(value, scope)
  if (Array.isArray(value)) return (value as readonly Value[]).map((item) => resolveTemplates(item, scope))
  if (!isValueMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveTemplates(item, scope)]))
}

function resolveText(text: string, scope: ValueMap): Value {
  if (!text.includes('{{')) return text
  const pieces = parseTemplate(text)
  const [only] = pieces
  if (only !== undefined && pieces.length === 1) return 'text' in only ? only.text : look(scope, only.path)
  return joined(
    pieces.map((piece) =>
      'text' in piece ? piece.text : written(look(scope, piece.path), piece.path.join('.')),
    ),
    TEXT_CHARACTERS_MAX,
  )
}

function look(scope: ValueMap, [name, ...rest]: readonly [string, ...string[]]): Value {
  if (!Object.hasOwn(scope, name)) {
    throw new BadArgument(`nothing is named '${name}' here: no step has saved it`)
  }
  return select(scope[name] ?? null, name, rest)
}

/** What is at `path` within `value`, which is named `name`. Throws BadArgument. */
export function select(value: Value, name: string, path: readonly string[]): Value {
  let found = value
  let so = name
  for (const part of path) {
    const next = partOf(found, part)
    if (next === undefined) throw new BadArgument(`'${so}' has no '${part}'${partsOf(found)}`)
    found = next
    so = `${so}.${part}`
  }
  return found
}

function partOf(value: Value, part: string): Value | undefined {
  if (Array.isArray(value))
    return part === 'length' ? value.length : (value[Number(part)] as Value | undefined)
  return isValueMap(value) && Object.hasOwn(value, part) ? value[part] : undefined
}

function partsOf(value: Value): string {
  if (Array.isArray(value)) return `: it is a list of ${value.length}`
  if (!isValueMap(value)) return ''
  return `: it has ${Object.keys(value).slice(0, 20).join(', ') || 'nothing'}`
}

/** A value within other text. Throws BadArgument for what has no text of its own. */
export function written(value: Value, name: string): string {
  if (typeof value === 'object') {
    const kind = value === null ? 'empty' : Array.isArray(value) ? 'a list' : 'a group of keys'
    throw new BadArgument(`'${name}' is ${kind} and cannot stand within other text`)
  }
  return `${value}`
}

/** Throws BadArgument when it would be longer than `charactersMax`. */
function joined(texts: readonly string[], charactersMax: number): string {
  const characters = texts.reduce((sum, text) => sum + text.length, 0)
  if (characters > charactersMax) {
    throw new BadArgument(`grows to more than ${charactersMax} characters when its templates are replaced`)
  }
  return texts.join('')
}

/** The text that `parseTemplate` reads as `pieces`. */
export function templateText(pieces: readonly Piece[], charactersMax: number): string {
  const texts: string[] = []
  let plain = ''
  for (const piece of pieces) {
    if ('text' in piece) {
      plain += piece.text
      continue
    }
    texts.push(quoted(plain, true), `{{ ${piece.path.join('.')} }}`)
    plain = ''
  }
  return joined([...texts, quoted(plain, false)], charactersMax)
}

/** Text in which nothing is a template. A brace before a template would be taken for a part of it. */
const quoted = (text: string, isBeforeTemplate: boolean): string =>
  text.replace(isBeforeTemplate ? /\{{2,}|\{$/g : /\{{2,}/g, (braces) => `{{ "${braces}" }}`)

/** `value` such that `resolveTemplates` gives it back as it is. */
export function withoutTemplates(value: Value): Value {
  if (typeof value === 'string') return quoted(value, false)
  if (Array.isArray(value)) return (value as readonly Value[]).map(withoutTemplates)
  if (!isValueMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutTemplates(item)]))
}
