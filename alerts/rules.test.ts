import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { catalog } from '../dashboards/src/catalog.ts'
import { namesIn } from '../dashboards/src/expressions.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: {
    readonly summary: string
    readonly description: string
    readonly runbook_url: string
  }
}
interface UnitTest {
  readonly name: string
  readonly promql_expr_test: readonly { readonly exp_samples: readonly unknown[] }[]
}

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const { groups } = parse(read('alerts/basalt.rules.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const names = rules.map(({ alert }) => alert).sort()
const filesIn = (directory: string, end: string): string[] =>
  readdirSync(new URL(`../${directory}`, import.meta.url)).filter((name) => name.endsWith(end))

describe('alerts', () => {
  it('say what is wrong, and have a page of the runbook each', () => {
    expect(new Set(names).size).toBe(names.length)
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning'], alert).toContain(labels.severity)
      expect(annotations.runbook_url).toBe(`docs/runbook/${alert}.md`)
      expect(annotations.summary.length, alert).toBeLessThan(100)
      expect(annotations.description, alert).toMatch(/\.$/)
    }
    const pages = filesIn('docs/runbook', '.md').filter((name) => name !== 'README.md')
    expect(pages.sort()).toEqual(names.map((name) => `${name}.md`))
    const index = read('docs/runbook/README.md')
    for (const name of names) expect(index).toContain(`[${name}](${name}.md)`)
  })

  it('name only metrics that there are', () => {
    const known = catalog()
    for (const { alert, expr } of rules) {
      const unknown = namesIn(expr).filter(
        (name) =>
          name !== 'up' && !known.some((metric) => [metric.name, `${metric.name}_bucket`].includes(name)),
      )
      expect(unknown, alert).toEqual([])
    }
  })

  it('each have a unit test in which they fire and clear', () => {
    const tests = filesIn('alerts', '.test.yaml').flatMap(
      (name) => (parse(read(`alerts/${name}`)) as { tests: UnitTest[] }).tests,
    )
    expect(tests.map(({ name }) => name).sort()).toEqual(names)
    for (const { name, promql_expr_test: asked } of tests) {
      expect(
        asked.map(({ exp_samples: samples }) => samples.length),
        name,
      ).toEqual([1, 0])
    }
  })

  it('lead through the runbook by links that work, and by commands that there are', () => {
    const described = [...read('docs/cli.md').matchAll(/^### basalt ([a-z]+(?: [a-z][a-z-]*)?)/gm)]
    const commands = [...described.map(([, words = '']) => words), 'cluster certify']
    for (const name of names) {
      const page = read(`docs/runbook/${name}.md`)
      for (const heading of ['What it means', 'What hosts see', 'How to check', 'What to do']) {
        expect(page, name).toContain(`\n## ${heading}\n`)
      }
      for (const [, to = ''] of page.matchAll(/\]\((\w+)\.md\)/g)) expect(names, name).toContain(to)
      for (const [, words = ''] of page.matchAll(/\bbasalt ([a-z]+(?: (?!--)[a-z][a-z-]+)?)/g)) {
        const isThere = commands.some((command) => command === words || command === words.split(' ')[0])
        expect(isThere, `${name}: basalt ${words}`).toBe(true)
      }
    }
  })
})
