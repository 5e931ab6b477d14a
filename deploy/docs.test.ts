import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseParameters } from '../src/csi/core/parameters.ts'
import { validate } from './kubernetes-schemas.ts'
import { manifests } from './src/manifests.ts'
import type { KubernetesObject } from './src/names.ts'
import { defaultOptions, resolveOptions } from './src/options.ts'
import { SERVERS_MAX } from './src/servers.ts'

const ROOT = new URL('..', import.meta.url).pathname
const PAGE = readFileSync(join(ROOT, 'docs/kubernetes.md'), 'utf8')
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const DEFAULTS = defaultOptions(version)

const blocks = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
const objects = blocks
  .filter((text) => text.includes('apiVersion:'))
  .flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject))

describe('the page on Kubernetes', () => {
  it('has examples that Kubernetes takes', async () => {
    expect(objects.length).toBeGreaterThan(8)
    for (const object of objects) {
      await expect(
        validate(object).then(() => 'fine'),
        `${object.kind} ${object.metadata?.name}`,
      ).resolves.toBe('fine')
    }
  })

  it('has examples of classes that there are, with parameters that the driver takes', () => {
    const made = manifests(resolveOptions(DEFAULTS, { groupSnapshots: true })).flatMap(
      ({ objects: all }) => all,
    )
    const names = (kind: string) =>
      made.filter((one) => one.kind === kind).map(({ metadata }) => metadata?.name)
    for (const text of JSON.stringify(objects).matchAll(
      /"(storageClassName|volume(?:Group)?SnapshotClassName)":"([^"]+)"/g,
    )) {
      const kind = {
        s: 'StorageClass',
        v: text[1] === 'volumeSnapshotClassName' ? 'VolumeSnapshotClass' : 'VolumeGroupSnapshotClass',
      }
      expect(names(text[1] === 'storageClassName' ? kind.s : kind.v)).toContain(text[2])
    }
    const [, attributes] = /"volumeAttributesClassName":"([^"]+)"/.exec(PAGE) ?? []
    expect(names('VolumeAttributesClass')).toContain(attributes)
    const classes = objects.filter(({ kind }) => kind === 'StorageClass') as {
      parameters?: Record<string, string>
    }[]
    expect(classes.length).toBeGreaterThan(0)
    for (const { parameters = {} } of classes) expect(() => parseParameters(parameters, {})).not.toThrow()
  })

  it('has options that can be read', () => {
    const [text = ''] = blocks.filter((block) => block.startsWith('# options.yaml'))
    const options = resolveOptions(DEFAULTS, parse(text))
    expect(options.servers.localDisks).toHaveLength(options.servers.replicas)
    expect(PAGE).toContain(`Up to ${SERVERS_MAX} servers`)
  })

  it('names files that there are', () => {
    const files = [...PAGE.matchAll(/`(deploy\/[a-z/.-]+)`/g)].map(([, path = '']) => path)
    expect(files.length).toBeGreaterThan(4)
    for (const path of files) expect(existsSync(join(ROOT, path)), path).toBe(true)
  })
})
