import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const here = new URL('.', import.meta.url)
const page = readFileSync(new URL('../../../docs/placement.md', here), 'utf8')
const sources = readdirSync(here)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => readFileSync(new URL(name, here), 'utf8'))
  .join('\n')

describe('docs/placement.md', () => {
  it('lists every code of errors, warnings, rejections, health and waiting', () => {
    const codes = [
      ...sources.matchAll(/(?:error|warn|wait)\(\s*'([a-z_]+)'/g),
      ...sources.matchAll(/(?:code|reason)\b(?: =)?:? '([a-z_]+)'/g),
      ...sources.matchAll(/\[\s*'([a-z]+_[a-z_]+)',/g),
      ...sources.matchAll(/^ {2}([a-z_]+): '(?:unsafe|rebuilding|degraded)'/gm),
    ].map(([, code]) => code!)
    expect(codes.length).toBeGreaterThan(60)
    expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
  })

  it('names no code that there is not', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('|'))
    const named = rows.flatMap((row) => [...row.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, code]) => code!))
    expect(named.length).toBeGreaterThan(60)
    expect(named.filter((code) => !sources.includes(`'${code}'`) && !sources.includes(`${code}:`))).toEqual(
      [],
    )
  })
})
