/** docs/jobs.md has every step of every kind of job, and says of each what cancelling it does. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MACHINES } from './runner.ts'

const text = readFileSync(new URL('../../../docs/jobs.md', import.meta.url), 'utf8')

/** Rows of the tables in the section of this kind: step and last column. */
function rowsOf(kind: string): ReadonlyMap<string, string> {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${kind}\n`)) ?? ''
  const rows = section.matchAll(/^\| `(\w+)` .*\| ([^|]+) \|$/gm)
  return new Map([...rows].map(([, step, cancelled]) => [step ?? '', (cancelled ?? '').trim()]))
}

describe('docs/jobs.md', () => {
  it.each(Object.values(MACHINES))('tells the steps of $kind', ({ kind, steps }) => {
    // what the master makes by itself goes as a move
    const rows = rowsOf(kind === 'replace' ? 'move' : kind)
    for (const [name, { cancel }] of Object.entries(steps)) {
      expect(rows.get(name), name).toBe('to' in cancel ? `→ \`${cancel.to}\`` : 'too late')
    }
    if (kind !== 'replace') expect([...rows.keys()].sort()).toEqual(Object.keys(steps).sort())
  })

  it('knows a step that every cancelling goes to', () => {
    for (const { steps } of Object.values(MACHINES)) {
      for (const { cancel } of Object.values(steps))
        if ('to' in cancel) expect(steps).toHaveProperty(cancel.to)
    }
  })
})
