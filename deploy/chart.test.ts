import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { renderTemplate, renderText } from './render-chart.ts'
import { chartFiles, SWITCHES } from './src/chart.ts'
import { manifests } from './src/manifests.ts'
import { type DeployOptions, defaultOptions, resolveOptions } from './src/options.ts'
import { documentOf } from './src/yaml-text.ts'

const ROOT = new URL('..', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const FILES = chartFiles(version)
const TEMPLATES = FILES.filter(({ path }) => path.endsWith('.yaml') && path.startsWith('templates/'))

/** As Kubernetes takes them: null is nothing, and so is an empty list of what a pod tolerates, selects or pulls with. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const isNothing = (key: string, inner: unknown): boolean =>
    inner === null ||
    (['imagePullSecrets', 'nodeSelector', 'tolerations'].includes(key) &&
      Object.keys(inner as object).length === 0)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !isNothing(key, inner))
      .map(([key, inner]) => [key, plain(inner)]),
  )
}

const rendered = (options: DeployOptions): unknown[] => {
  const { namespace, ...values } = options
  return TEMPLATES.flatMap(({ text }) => renderTemplate(text, values, namespace)).map(plain)
}
const made = (options: DeployOptions): unknown[] =>
  manifests(options)
    .filter(({ name }) => name !== '00-namespace')
    .flatMap(({ objects }) => objects.map((object) => parse(documentOf(object)) as unknown))
    .map(plain)

describe('the chart', () => {
  it('has values that are the defaults', () => {
    const values = FILES.find(({ path }) => path === 'values.yaml')?.text ?? ''
    const { namespace: _, ...defaults } = defaultOptions(version)
    expect(parse(values)).toEqual(defaults)
  })

  it.each([0, ...SWITCHES.keys().map((index) => 1 << index)])(
    'comes to the objects of the function, switches %i',
    (bits) => {
      // these alone, and all but these
      for (const on of [bits, ~bits]) {
        const switches = Object.fromEntries(SWITCHES.map((name, index) => [name, (on & (1 << index)) !== 0]))
        const options = { ...defaultOptions(version), ...switches }
        expect(rendered(options), JSON.stringify(switches)).toEqual(made(options))
      }
    },
  )

  it('comes to the objects of the function, with other values', () => {
    const options = resolveOptions(defaultOptions(version), {
      namespace: 'storage',
      image: 'registry.local:5000/basalt@sha256:abc',
      imagePullSecrets: [{ name: 'pull' }, { name: 'more' }],
      driverName: 'csi.example.com',
      kubeletDir: '/var/lib/k0s/kubelet',
      logLevel: 'debug',
      groupSnapshots: true,
      master: {
        storageClassName: 'x',
        nodeSelector: { a: 'b', 'c/d': '' },
        tolerations: [{ operator: 'Exists' }],
      },
      servers: {
        replicas: 5,
        storageClassName: 'basalt-local',
        drainTimeout: '5s',
        localDisks: [
          { server: 'basalt-server-0', node: 'a"b', path: '/mnt/{{x}}' },
          { server: 'basalt-server-1', node: 'b', path: '/mnt/%s' },
        ],
      },
      controller: { replicas: 1 },
      node: { tolerations: [] },
    })
    expect(rendered(options)).toEqual(made(options))
  })

  it.skipIf(!hasKubectl())("is understood by Go's templates, which helm uses", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'basalt-chart-'))
    try {
      const { namespace, ...values } = resolveOptions(defaultOptions(version), { groupSnapshots: true })
      const root = {
        apiVersion: 'v1',
        kind: 'Values',
        metadata: { name: 'x' },
        Values: values,
        Release: { Namespace: namespace },
      }
      writeFileSync(join(directory, 'values.json'), JSON.stringify(root))
      for (const { path, text } of TEMPLATES) {
        // toJson is helm's own; kubectl has printf for what matters here, which is what is rendered and what is not
        const plainText = text
          .replaceAll('| toJson', '| printf "%q"')
          .replaceAll('{{ toJson ', '{{ printf "%v" ')
        writeFileSync(join(directory, 'template'), plainText)
        const template = `go-template-file=${join(directory, 'template')}`
        const out = execFileSync(
          'kubectl',
          [
            'label',
            '--local',
            '--filename',
            join(directory, 'values.json'),
            'read=yes',
            '--output',
            template,
          ],
          { encoding: 'utf8' },
        )
        const kinds = (rendered: string) => rendered.match(/^kind: \w+$/gm) ?? []
        const expected = renderText(text, values, namespace)
        expect(kinds(out), path).toEqual(kinds(expected))
        expect(out.split('\n').length, path).toBe(expected.split('\n').length)
      }
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('asks for no value that there is not', () => {
    const { namespace: _, ...values } = defaultOptions(version)
    const [first] = TEMPLATES
    expect(() => renderTemplate(first?.text ?? '', { ...values, master: {} }, 'x')).toThrow(
      'there is no $.Values.master',
    )
  })
})

function hasKubectl(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
