/**
 * The Helm chart, made from the same function as the manifests. The function is run with a probe in place of each value: where
 * the probe comes out, the template asks for the value; lines that go when a switch is off stand under an `if`. So a template
 * says nothing that the function does not say.
 *
 * The templates use `toJson`, `printf`, `if`, `range` and variables alone. Every value is inserted as JSON, which is YAML too,
 * so no value can break out of its place.
 */
import { stringify } from 'yaml'
import { manifests } from './manifests.ts'
import type { KubernetesObject } from './names.ts'
import { DeployOptions, defaultOptions } from './options.ts'
import { documentOf } from './yaml-text.ts'

/** Switches that add lines to objects, or objects. `$.Values.NAME` in templates. */
export const SWITCHES = [
  'zones',
  'snapshots',
  'groupSnapshots',
  'volumeAttributesClasses',
  'networkPolicy',
  'serviceMonitor',
] as const
type Switch = (typeof SWITCHES)[number]

export interface ChartFile {
  /** Within the chart's directory. */
  readonly path: string
  readonly text: string
}

/** All files of the chart. `version`: of chart and images. */
export function chartFiles(version: string): ChartFile[] {
  return [
    { path: 'Chart.yaml', text: chartYaml(version) },
    { path: 'values.yaml', text: valuesYaml(version) },
    { path: 'values.schema.json', text: `${JSON.stringify(valuesSchema(), undefined, 2)}\n` },
    { path: 'templates/NOTES.txt', text: NOTES },
    ...templates(version),
  ]
}

const NOTES = `Block servers and master start when their Secrets are there: docs/kubernetes.md shows how they are made.
`

const chartYaml = (version: string): string =>
  stringify({
    apiVersion: 'v2',
    name: 'basalt',
    description: 'Replicated block storage: master, block servers and CSI driver',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.34.0-0',
  })

/** The namespace is the release's. */
const valuesOf = (version: string): Omit<DeployOptions, 'namespace'> => {
  const { namespace: _, ...values } = defaultOptions(version)
  return values
}

const valuesYaml = (version: string): string =>
  `# Values with their defaults; values.schema.json says what each is for.\n${stringify(valuesOf(version), { lineWidth: 0 })}`

function valuesSchema(): object {
  const { namespace: _, ...properties } = DeployOptions.properties
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    // helm adds values of its own
    additionalProperties: true,
    properties,
  }
}

/** One value of the options, by the path at which a template finds it. */
interface Probe {
  readonly path: string
  readonly value: unknown
}

/**
 * Options in which each value is one that stands nowhere else, and what they are. Switches are on, and there is one local disk, whose
 * fields are those of the element that a template's `range` is at.
 */
function probedOptions(version: string): {
  readonly options: DeployOptions
  readonly probes: readonly Probe[]
} {
  const probes: Probe[] = []
  const isSwitch = (key: string): boolean => (SWITCHES as readonly string[]).includes(key)
  const probeFor = (path: string, value: unknown): unknown => {
    const mark = `probe-${probes.length}-end`
    const probe =
      typeof value === 'number' ? 7_000_000 + probes.length : isMap(value) ? { [mark]: mark } : mark
    const made = Array.isArray(value) ? [{ name: mark, key: mark }] : probe
    probes.push({ path, value: made })
    return made
  }
  const walk = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return probeFor(path, value)
    if (Object.keys(value).length === 0) return probeFor(path, value)
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        isSwitch(key) ? true : walk(inner, `${path}.${key}`),
      ]),
    )
  }
  const { namespace: _, ...values } = defaultOptions(version)
  const walked = walk(values, '$.Values') as Omit<DeployOptions, 'namespace'>
  const disk = {
    server: probeFor('.server', '') as string,
    node: probeFor('.node', '') as string,
    path: probeFor('.path', '') as string,
  }
  const namespace = probeFor('$.Release.Namespace', '') as string
  return { options: { ...walked, namespace, servers: { ...walked.servers, localDisks: [disk] } }, probes }
}

const isMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function templates(version: string): ChartFile[] {
  const { options, probes } = probedOptions(version)
  const without = new Map(
    SWITCHES.map((name) => [name, documentsByKey({ ...options, [name]: false }, probes)] as const),
  )
  return manifests(options)
    .filter(({ name }) => name !== '00-namespace')
    .map(({ name, objects }) => ({
      path: `templates/${name}.yaml`,
      text: objects
        .map((object) => {
          const text = templated(object, probes)
          const others = SWITCHES.map((key) => [key, without.get(key)?.get(keyOf(object)) ?? ''] as const)
          const document = conditional(text, new Map(others))
          return object.kind === 'PersistentVolume'
            ? `{{- range $.Values.servers.localDisks }}\n${document}{{- end }}\n`
            : document
        })
        .join(''),
    }))
}

const keyOf = ({ kind, metadata }: KubernetesObject): string => `${kind}/${metadata?.name}`

const documentsByKey = (options: DeployOptions, probes: readonly Probe[]): ReadonlyMap<string, string> =>
  new Map(
    manifests(options).flatMap(({ objects }) =>
      objects.map((object) => [keyOf(object), templated(object, probes)] as const),
    ),
  )

/** The document of `object` with an expression in place of each probe. */
function templated(object: KubernetesObject, probes: readonly Probe[]): string {
  const expressions: string[] = []
  const mark = (expression: string): string => `EXPRESSION${expressions.push(expression) - 1}END`
  const text = documentOf(marked(object, probes, mark) as KubernetesObject)
  return `---\n${text.replace(/EXPRESSION(\d+)END/g, (_, index) => `{{ ${expressions[Number(index)]} }}`)}`
}

function marked(value: unknown, probes: readonly Probe[], mark: (expression: string) => string): unknown {
  const whole = probes.find((probe) => JSON.stringify(probe.value) === JSON.stringify(value))
  if (whole !== undefined) return mark(`toJson ${whole.path}`)
  if (typeof value === 'string') return markedText(value, probes, mark)
  if (Array.isArray(value)) return value.map((inner) => marked(inner, probes, mark))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, marked(inner, probes, mark)]))
}

/** Text with values in it: they are put together by printf, and go into the document as one JSON string. */
function markedText(text: string, probes: readonly Probe[], mark: (expression: string) => string): string {
  const paths: string[] = []
  const format = text.replaceAll('%', '%%').replace(/probe-\d+-end/g, (found) => {
    const probe = probes.find(({ value }) => value === found)
    if (probe === undefined) throw new Error(`chart: ${found} is no value that a text may hold`)
    paths.push(probe.path)
    return '%s'
  })
  return paths.length === 0 ? text : mark(`printf ${JSON.stringify(format)} ${paths.join(' ')} | toJson`)
}

/** `text` with those lines under an `if` that a document made without the switch lacks. */
function conditional(text: string, without: ReadonlyMap<Switch, string>): string {
  const lines = linesOf(text)
  const switches = lines.map((): Switch[] => [])
  for (const [name, other] of without) {
    for (const index of missingLines(lines, linesOf(other), name)) switches[index]?.push(name)
  }
  let out = ''
  let open = ''
  for (const [index, line] of lines.entries()) {
    const wanted = (switches[index] ?? []).map((name) => `$.Values.${name}`)
    const condition = wanted.length > 1 ? `and ${wanted.join(' ')}` : (wanted[0] ?? '')
    if (condition !== open) {
      if (open !== '') out += '{{- end }}\n'
      if (condition !== '') out += `{{- if ${condition} }}\n`
      open = condition
    }
    out += line
  }
  return open === '' ? out : `${out}{{- end }}\n`
}

/** Each with its line break. */
const linesOf = (text: string): string[] => text.split(/(?<=\n)/).filter((line) => line !== '')

/** Indexes of the lines that `fewer` lacks. It must have nothing but lines of `lines`, in their order. */
function missingLines(lines: readonly string[], fewer: readonly string[], name: Switch): number[] {
  const missing: number[] = []
  let next = 0
  for (const [index, line] of lines.entries()) {
    if (line === fewer[next]) next++
    else missing.push(index)
  }
  if (next === fewer.length) return missing
  throw new Error(`chart: without ${name} an object is another one, and not the same with fewer lines`)
}
