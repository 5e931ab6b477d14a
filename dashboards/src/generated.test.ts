import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { catalog } from './catalog.ts'
import { namesIn } from './expressions.ts'
import { DASHBOARDS, generatedFiles } from './generated.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('what is made of code', () => {
  it.each(generatedFiles().map(({ path, text }) => [path, text]))('is up to date: %s', (path, text) => {
    expect(read(path), "run 'npm run dashboards'").toBe(text)
  })
})

describe.each(DASHBOARDS.map((dashboard) => [dashboard.title, dashboard] as const))('%s', (_, { rows }) => {
  const panels = rows.flatMap((row) => row.panels)
  it('has panels with titles of their own, descriptions and expressions', () => {
    const titles = rows.flatMap((row) => row.panels.map(({ title }) => `${row.title}: ${title}`))
    expect(new Set(titles).size).toBe(titles.length)
    for (const { title, description, queries } of panels) {
      expect(description, title).toMatch(/^\S.{10,}\.$/)
      expect(queries.length, title).toBeGreaterThan(0)
    }
  })

  it('names only metrics that there are', () => {
    const known = catalog()
    for (const { title, queries } of panels) {
      for (const { expr } of queries) {
        expect(namesIn(expr), `${title}: ${expr}`).not.toEqual([])
        expect(
          namesIn(expr).filter((name) => !isKnown(name, known)),
          title,
        ).toEqual([])
      }
    }
  })
})

const isKnown = (name: string, known: ReturnType<typeof catalog>): boolean =>
  name === 'ALERTS' ||
  known.some((metric) =>
    metric.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].some((end) => name === metric.name + end)
      : name === metric.name,
  )

describe('the catalogue', () => {
  it('has names as Prometheus wants them, and a meaning for each', () => {
    for (const { name, type, help } of catalog()) {
      expect(name).toMatch(/^(?:basalt|process|nodejs)_[a-z0-9_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(help, name).toMatch(/^\S.*[^.]$/)
    }
  })
})
