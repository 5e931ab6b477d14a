/**
 * HTML, SVG and XML from template literals: whatever is put into one is escaped, unless it is markup itself. What comes out
 * is well-formed XML too: every element is closed, every attribute quoted.
 */

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Markup | readonly Markup[] | null

/** Nothing for null. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? ''
  for (const [at, part] of parts.entries()) text += partText(part) + (strings[at + 1] ?? '')
  return new Markup(text)
}

function partText(part: Part): string {
  if (part === null) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(({ text }) => text).join('')
  return escapeText(`${part}`)
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}

/** For text and for quoted attributes. Characters that XML 1.0 does not have become U+FFFD. */
const escapeText = (text: string): string =>
  cleanText(text).replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one)

/** Without control characters other than tabs and new lines, halves of surrogate pairs and non-characters. */
export const cleanText = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  text.toWellFormed().replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, '\ufffd')
