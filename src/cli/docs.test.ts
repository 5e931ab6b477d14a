import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from './commands/all.ts'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

describe('docs/cli.md', () => {
  it('has a section with an example for exactly the commands that there are', () => {
    const sections = [...page.matchAll(/^### basalt ([a-z]+(?:[ -][a-z]+)*)\b[^\n]*\n(.*?)(?=^##)/gms)]
    const words = COMMANDS.map((command) => command.words.join(' '))
    expect(sections.map(([, name]) => name).sort()).toEqual([...words].sort())
    for (const [, name, text] of sections) expect(text, name).toContain(`\n$ basalt ${name}`)
  })

  it('names every flag of every command', () => {
    const flags = new Set(COMMANDS.flatMap((command) => (command.flags ?? []).map(({ name }) => name)))
    const missing = [...flags].filter((name) => name !== 'output' && !page.includes(`--${name}`))
    expect(missing).toEqual([])
  })
})
