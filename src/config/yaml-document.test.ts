import { describe, expect, it } from 'vitest'
import { parseYaml } from './yaml-document.ts'

describe('parseYaml', () => {
  it('remembers where keys and values stood', () => {
    const document = parseYaml('a: 1\nchap:\n  user: bob\nlist:\n  - x\n  - y\n', 'f.yaml')
    expect(document.value).toEqual({ a: 1, chap: { user: 'bob' }, list: ['x', 'y'] })
    expect(document.atKey('/chap/user')).toBe('f.yaml:3:3')
    expect(document.at('/chap/user')).toBe('f.yaml:3:9')
    expect(document.at('/list/1')).toBe('f.yaml:6:5')
    expect(document.position('/list/1')).toEqual({ line: 6, column: 5 })
    expect(document.keyPosition('/chap/user')).toEqual({ line: 3, column: 3 })
  })

  it('reads an empty file as nothing', () => {
    expect(parseYaml('# only a comment\n', 'f').value).toBeNull()
  })

  it.each([
    ['a tab for indentation', 'a:\n\tb: 1\n', /^f:2:1: /],
    ['a key twice', 'a: 1\na: 2\n', /^f:2:1: Map keys must be unique/],
    ['an alias', 'a: &x [1]\nb: *x\n', /^f:2:4: aliases/],
    ['a second document', 'a: 1\n---\nb: 1\n', /^f:2:1: /],
    ['an unknown tag', 'a: !python/object 1\n', /^f:1:4: /],
    ['a key that is a list', '? [a]\n: 1\n', /^f:1:3: a key must be a plain word/],
    ['a key that is a number', '1: 1\n', /^f:1:1: a key must be a plain word/],
    ['a terminal escape in the text', 'a: "\u001b[31m\n', /^f:\d+:\d+: [\x20-\x7e]+$/],
  ])('refuses %s and names its place', (_, text, expected) => {
    expect(() => parseYaml(text, 'f')).toThrow(expected)
  })

  it('tells the place of an error among its facts', () => {
    expect(() => parseYaml('a: 1\nb: *x\n', 'f')).toThrow(
      expect.objectContaining({ facts: { line: 2, column: 4 } }),
    )
  })

  it('keeps __proto__ an ordinary key', () => {
    const { value } = parseYaml('__proto__:\n  polluted: true\n', 'f')
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  const bombs: Record<string, string> = {
    'sixty thousand brackets': '['.repeat(60_000),
    'sixty thousand brackets in lines': `${'['.repeat(1000)}\n`.repeat(60),
    'braces that close': '{a: '.repeat(60) + '}'.repeat(60),
    'dashes in a line': `${'- '.repeat(500)}a\n`,
    'a staircase': Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'many keys': Array.from({ length: 1999 }, (_, i) => `k${i}: ${i}`).join('\n'),
    'more lines than allowed': 'a\n'.repeat(30_000),
    'a long line': 'a'.repeat(60_000),
    'a billion laughs': Array.from(
      { length: 9 },
      (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`,
    ).join('\n'),
    'too many bytes': `${'# x\n'.repeat(400)}${'a'.repeat(1 << 20)}`,
  }
  it.each(Object.entries(bombs))('ends soon on %s', (_, text) => {
    const began = performance.now()
    try {
      parseYaml(text, 'f')
    } catch (error) {
      expect((error as Error).message).toMatch(/^f:/)
    }
    // unbounded, it would take minutes; the margin is for a loaded machine
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})
