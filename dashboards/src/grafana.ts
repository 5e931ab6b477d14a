/**
 * A dashboard as Grafana reads it from a file, made of rows of panels. Schema 41, that of Grafana 12; older ones take it too.
 * Panels stand in the order that they are given in, on a grid of 24 columns.
 */

const SCHEMA_VERSION = 41
const COLUMNS = 24
/** In rows of the grid. */
const HEIGHT = { stat: 4, timeseries: 8, table: 8 } as const
const WIDTH = { stat: 4, timeseries: 8, table: 12 } as const

type Unit =
  | 'short'
  | 's'
  | 'bytes'
  | 'Bps'
  | 'ops'
  | 'percentunit'
  | 'cores'
  | 'bool_yes_no'
  | 'dateTimeFromNow'

export interface Query {
  readonly expr: string
  /** With labels in double braces. */
  readonly legend: string
}

/** From this value on, this colour. */
export type Threshold = readonly [from: number, colour: 'green' | 'yellow' | 'orange' | 'red']

export interface Panel {
  readonly kind: keyof typeof HEIGHT
  readonly title: string
  /** What it shows, and what is good. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** Rising; what is below the first is green. */
  readonly thresholds?: readonly Threshold[]
  /** Below the first threshold it is red: of what is to be high. */
  readonly isBadBelow?: boolean
  readonly max?: number
  readonly isStacked?: boolean
  readonly width?: number
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** Beside the data source: a name, and the query whose answers are its values. */
  readonly variables: readonly { readonly name: string; readonly label: string; readonly query: string }[]
  readonly links: readonly { readonly title: string; readonly uid: string }[]
  readonly rows: readonly Row[]
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

const SOURCE = { type: 'prometheus', uid: '$datasource' } as const

/** The text of the dashboard's file. */
export function dashboardText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboardOf(dashboard), undefined, 2)}\n`
}

function dashboardOf({ uid, title, description, variables, links, rows }: Dashboard): Json {
  return {
    uid,
    title,
    description,
    tags: ['basalt'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [alertAnnotations()] },
    links: links.map((link) => ({
      title: link.title,
      type: 'link',
      url: `/d/${link.uid}`,
      includeVars: true,
      keepTime: true,
    })),
    templating: { list: [sourceVariable(), ...variables.map(variableOf)] },
    panels: placed(rows),
  }
}

/** Alerts that fire, as marks in all graphs. */
const alertAnnotations = (): Json => ({
  name: 'Alerts',
  datasource: SOURCE,
  enable: true,
  iconColor: 'red',
  expr: 'ALERTS{alertname=~"Basalt.*",alertstate="firing"}',
  titleFormat: '{{alertname}}',
  textFormat: '{{volume}}{{server}}{{instance}}',
})

const sourceVariable = (): Json => ({
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  hide: 0,
})

const variableOf = ({ name, label, query }: Dashboard['variables'][number]): Json => ({
  name,
  label,
  type: 'query',
  datasource: SOURCE,
  definition: query,
  query: { query, refId: 'A' },
  refresh: 2,
  sort: 1,
  multi: false,
  includeAll: false,
})

function placed(rows: readonly Row[]): Json[] {
  const panels: Json[] = []
  let id = 0
  let y = 0
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    })
    y += 1
    let x = 0
    let lineHeight = 0
    for (const panel of row.panels) {
      const width = panel.width ?? WIDTH[panel.kind]
      if (x + width > COLUMNS) {
        x = 0
        y += lineHeight
        lineHeight = 0
      }
      panels.push(panelOf(panel, { id: ++id, x, y, width }))
      x += width
      lineHeight = Math.max(lineHeight, HEIGHT[panel.kind])
    }
    y += lineHeight
  }
  return panels
}

function panelOf(
  panel: Panel,
  at: { readonly id: number; readonly x: number; readonly y: number; readonly width: number },
): Json {
  const { kind, title, description, queries } = panel
  return {
    id: at.id,
    type: kind,
    title,
    description,
    datasource: SOURCE,
    gridPos: { x: at.x, y: at.y, w: at.width, h: HEIGHT[kind] },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: SOURCE,
      editorMode: 'code',
      expr,
      legendFormat: legend,
      range: kind === 'timeseries',
      instant: kind !== 'timeseries',
      format: kind === 'table' ? 'table' : 'time_series',
    })),
    fieldConfig: { defaults: fieldOf(panel), overrides: [] },
    options: OPTIONS[kind],
    ...(kind === 'table' && { transformations: TABLE_TRANSFORMATIONS }),
  }
}

function fieldOf({ kind, unit, thresholds, isBadBelow, max, isStacked }: Panel): Json {
  const base = isBadBelow === true ? 'red' : 'green'
  return {
    unit,
    min: 0,
    ...(max !== undefined && { max }),
    color: { mode: kind === 'stat' ? 'thresholds' : 'palette-classic' },
    thresholds: {
      mode: 'absolute',
      steps: [
        { color: base, value: null },
        ...(thresholds ?? []).map(([value, color]) => ({ color, value })),
      ],
    },
    ...(kind === 'timeseries' && {
      custom: {
        lineWidth: 1,
        fillOpacity: isStacked === true ? 40 : 8,
        showPoints: 'never',
        spanNulls: false,
        stacking: { mode: isStacked === true ? 'normal' : 'none' },
        thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'dashed' },
      },
    }),
  }
}

const OPTIONS: Readonly<Record<Panel['kind'], Json>> = {
  stat: {
    colorMode: 'background',
    graphMode: 'none',
    justifyMode: 'auto',
    textMode: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  timeseries: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  table: { showHeader: true, cellHeight: 'sm' },
}

const HIDDEN_COLUMNS = { Time: true, __name__: true, instance: true, job: true } as const
const TABLE_TRANSFORMATIONS: Json = [
  { id: 'organize', options: { excludeByName: HIDDEN_COLUMNS, indexByName: {}, renameByName: {} } },
]
