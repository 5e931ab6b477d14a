/** Panels, alerts and documentation against what a real Prometheus and real processes say. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { catalog, type ProcessName } from '../../dashboards/src/catalog.ts'
import { DASHBOARDS } from '../../dashboards/src/generated.ts'
import type { Prometheus } from './prometheus.ts'

export const RULES = fileURLToPath(new URL('../../alerts/basalt.rules.yaml', import.meta.url))

export interface PanelToCheck {
  readonly name: string
  readonly expressions: readonly string[]
}

/** Panels as they are in the files that Grafana reads, with what Grafana would put in the place of its variables: each of `volumes`. */
export function panelsOf(volumes: readonly string[]): readonly PanelToCheck[] {
  return DASHBOARDS.flatMap(({ uid }) => {
    const path = new URL(`../../dashboards/${uid}.json`, import.meta.url)
    const { panels } = JSON.parse(readFileSync(path, 'utf8')) as {
      panels: readonly { title: string; type: string; targets?: readonly { expr: string }[] }[]
    }
    return panels
      .filter(({ type }) => type !== 'row')
      .map(({ title, targets = [] }) => ({
        name: `${uid}: ${title}`,
        expressions: targets.flatMap(({ expr }) =>
          volumes.map((volume) => expr.replaceAll('$__rate_interval', '10s').replaceAll('$volume', volume)),
        ),
      }))
  })
}

/** Whether the panel had something to show at any time of the run; an expression that is wrong throws. */
export async function hasData(prometheus: Prometheus, panel: PanelToCheck): Promise<boolean> {
  const answers = await Promise.all(panel.expressions.map((expr) => prometheus.history(expr)))
  return answers.some((series) =>
    series.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value)))),
  )
}

/** Expressions of all alerts, by their names. */
export function alertExpressions(): readonly { readonly alert: string; readonly expr: string }[] {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as {
    groups: readonly { rules: readonly { alert: string; expr: string }[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

/** The same rules, with `for` of a few scrapes, so that a test need not wait for minutes; one that is late fires nothing. */
export const hurriedRules = (): string => readFileSync(RULES, 'utf8').replace(/^( +for:) .*$/gm, '$1 4s')

/** What a process shows and the documentation does not list, and the other way round. */
export async function undocumented(process: ProcessName, url: string): Promise<readonly string[]> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const shown = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  )
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const documented = new Map(
    [...page.matchAll(/^\| `(\w+)` +\| (\w+)/gm)].map(([, name = '', type = '']) => [name, type]),
  )
  const expected = catalog().filter(({ of }) => of.includes(process))
  return [
    ...[...shown].flatMap(([name, type]) =>
      documented.get(name) === type ? [] : [`${name} (${type}) is not in docs/metrics.md`],
    ),
    ...expected.flatMap(({ name }) => (shown.has(name) ? [] : [`${name} is not shown by ${process}`])),
  ]
}
