import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const read = (path: string): string => readFileSync(path, 'utf8')
const DOCUMENTS = ['ARCHITECTURE.md', 'README.md', ...globSync('docs/**/*.md')]

/** Paths from the root of the repository that a document names in backticks, and targets of its links. */
function pathsIn(document: string): string[] {
  const text = read(document).replace(/^```[\s\S]*?^```/gm, '')
  const named = [...text.matchAll(/`((?:src|test|bench|docs|\.ci)\/[^`\s]*|\.[a-z-]+\.cjs)`/g)]
  const linked = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].filter(([, to]) => !/^[a-z]+:/.test(to!))
  return [...named.map(([, path]) => path!), ...linked.map(([, to]) => join(dirname(document), to!))]
}

interface Row {
  readonly field: string
  readonly kind: 'zero' | 'value'
  readonly offset: number
  readonly lengthBytes: number
}
interface Table {
  readonly lengthBytes: number
  readonly rows: readonly Row[]
}

const BYTES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u24: 3, u32: 4, u64: 8 }

/** The layouts that a source file declares, read from its text. */
function layoutsOf(path: string): [string, Table][] {
  const source = read(path)
  const constants = new Map([...source.matchAll(/^const ([A-Z_]+) = (\d+)$/gm)].map(([, k, v]) => [k!, v!]))
  const number = (text: string): number => Number(constants.get(text) ?? text)
  return [...source.matchAll(/ layout\('(\w+)', (\w+), \{\n([\s\S]*?)\n\}\)/g)].map(
    ([, name, length, body]) => {
      const fields = [...body!.matchAll(/^ {2}(\w+): (\w+)\((\w+)(?:, (\w+))?\),/gm)]
      const rows = fields.map(
        ([, field, kind, offset, lengthBytes]): Row => ({
          field: field!,
          kind: kind === 'zero' ? 'zero' : 'value',
          offset: number(offset!),
          lengthBytes: lengthBytes === undefined ? BYTES[kind!]! : number(lengthBytes),
        }),
      )
      return [name!, { lengthBytes: number(length!), rows }]
    },
  )
}

/** The tables of the format pages, by the mark `<!-- layout NAME -->` above each. */
function documentedLayouts(): [string, Table][] {
  return globSync('docs/formats/*.md').flatMap((page) =>
    [
      ...read(page).matchAll(/`(\w+)`, (\d+) bytes, in `[^`]*`[^\n]*\n\n<!-- layout \1 -->\n((?:\|.*\n)+)/g),
    ].map(([, name, lengthBytes, table]): [string, Table] => {
      const cells = table!.trimEnd().split('\n').slice(2)
      const rows = cells.map((line): Row => {
        const [offset, bytes, field, meaning] = line
          .split('|')
          .slice(1)
          .map((cell) => cell.trim())
        const kind = meaning === 'zero' ? 'zero' : 'value'
        return { field: field!, kind, offset: Number(offset), lengthBytes: Number(bytes) }
      })
      return [name!, { lengthBytes: Number(lengthBytes), rows }]
    }),
  )
}

describe('the documents', () => {
  it.each(DOCUMENTS)('%s names only files that there are', (document) => {
    for (const path of pathsIn(document)) expect(existsSync(path), path).toBe(true)
  })

  it('the architecture names the folders of the tree, and fits a sitting', () => {
    const architecture = read('ARCHITECTURE.md')
    const folders = architecture.match(/^ {4}(?:src|test|bench)\/\S*/gm)?.map((line) => line.trim()) ?? []
    for (const folder of folders) expect(existsSync(folder), folder).toBe(true)
    for (const folder of globSync('src/*/')) expect(folders).toContain(`${folder.replace(/\/$/, '')}/`)
    expect(pathsIn('ARCHITECTURE.md').length).toBeGreaterThan(80)
    expect(architecture.split('\n').length).toBeLessThan(300)
  })

  it('give a reason for exactly the dependencies that there are', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
    const [, direct, development] = read('docs/dependencies.md').split(/^## \w+$/m)
    const names = (table: string | undefined) =>
      [...(table ?? '').matchAll(/^\| `([^`]+)` +\| \S.* \|$/gm)].map(([, name]) => name)
    expect(names(direct)).toEqual(Object.keys(dependencies ?? {}))
    expect(names(development)).toEqual(Object.keys(devDependencies ?? {}))
  })

  it('have the glossary in alphabetical order, each word once', () => {
    const words = [...read('docs/glossary.md').matchAll(/^- \*\*([^*]+)\*\*: \S/gm)].map(([, word]) => word!)
    expect(words.length).toBeGreaterThan(50)
    expect(words).toEqual([...new Set(words)].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)))
  })

  it('list every decision', () => {
    const listed = [...read('docs/adr/README.md').matchAll(/\]\((\d{4}-[a-z-]+\.md)\)/g)].map(
      ([, name]) => name,
    )
    expect(listed).toEqual(globSync('[0-9]*.md', { cwd: 'docs/adr' }).sort())
  })

  it('have the byte table of every layout on disk, as its source declares it', () => {
    const sources = globSync(['src/blockvol/**/*.ts', 'src/frontend/**/*.ts', 'src/backup/**/*.ts']).filter(
      (path) => !path.endsWith('.test.ts'),
    )
    const declared = new Map(sources.flatMap(layoutsOf))
    expect(declared.size).toBeGreaterThan(7)
    for (const [name, { lengthBytes, rows }] of declared) {
      expect(
        rows.reduce((sum, row) => sum + row.lengthBytes, 0),
        name,
      ).toBe(lengthBytes)
    }
    expect(new Map(documentedLayouts())).toEqual(declared)
  })
})
