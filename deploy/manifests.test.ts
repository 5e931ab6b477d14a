import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseMutable, parseParameters } from '../src/csi/core/parameters.ts'
import { loadCsiConfig } from '../src/csi/server/csi-config.ts'
import { RealRandom } from '../src/io/random.ts'
import { loadMasterConfig } from '../src/master/config/master-config.ts'
import { initCluster } from '../src/master/security/cluster-directory.ts'
import { loadServerConfig } from '../src/server/config/server-config.ts'
import { validate } from './kubernetes-schemas.ts'
import { GENERATED_DIRECTORIES, generatedFiles } from './main.ts'
import { manifests } from './src/manifests.ts'
import { KEYS_DIR, type KubernetesObject, MASTER, masterHost, SERVER, USER_ID } from './src/names.ts'
import { type DeployOptions, defaultOptions, resolveOptions } from './src/options.ts'
import { SERVER_FILES, SERVERS_MAX } from './src/servers.ts'
import { SIDECARS } from './src/sidecars.ts'

const ROOT = new URL('..', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const DEFAULTS = defaultOptions(version)

const LOCAL_DISKS = [
  { server: 'basalt-server-0', node: 'node-a', path: '/mnt/basalt' },
  { server: 'basalt-server-1', node: 'node-b', path: '/mnt/basalt' },
]
/** Everything switched on, and every list with something in it. */
const EVERYTHING = resolveOptions(DEFAULTS, {
  groupSnapshots: true,
  serviceMonitor: true,
  imagePullSecrets: [{ name: 'registry' }],
  master: { storageClassName: 'fast', nodeSelector: { role: 'control' } },
  servers: {
    storageClassName: 'basalt-local',
    localDisks: LOCAL_DISKS,
    tolerations: [{ key: 'storage', operator: 'Exists' }],
  },
})
const BARE = resolveOptions(DEFAULTS, {
  zones: false,
  snapshots: false,
  volumeAttributesClasses: false,
  networkPolicy: false,
})

const objectsOf = (options: DeployOptions): KubernetesObject[] =>
  manifests(options).flatMap(({ objects }) => [...objects])

interface PodSpec {
  readonly serviceAccountName?: string
  readonly hostNetwork?: boolean
  readonly containers: readonly {
    readonly name: string
    readonly image: string
    readonly args: readonly string[]
    readonly env?: readonly { readonly name: string }[]
    readonly volumeMounts: readonly { readonly name: string }[]
    readonly securityContext: { readonly privileged?: boolean; readonly readOnlyRootFilesystem?: boolean }
  }[]
  readonly volumes: readonly { readonly name: string }[]
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsNonRoot?: boolean }
}
interface Workload extends KubernetesObject {
  readonly spec: {
    readonly template: { readonly spec: PodSpec }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}
const workloads = (options: DeployOptions): Workload[] =>
  objectsOf(options).filter(({ kind }) =>
    ['StatefulSet', 'Deployment', 'DaemonSet'].includes(kind),
  ) as Workload[]
const workload = (options: DeployOptions, name: string): Workload => {
  const found = workloads(options).find(({ metadata }) => metadata?.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

/** Flags of a container's arguments, with the variables that Kubernetes puts in. */
function flagsOf(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    args.slice(1).map((argument) => {
      const [, name = '', value = ''] = /^--([a-z-]+)=(.*)$/.exec(argument) ?? []
      return [name, value.replace(/\$\((\w+)\)/g, (_, key) => variables[key] ?? `$(${key})`)]
    }),
  )
}

describe('what is generated', () => {
  it('is in the repository as it would be made: run npm run deploy:manifests', () => {
    const files = generatedFiles(version)
    for (const [path, text] of files) {
      expect(existsSync(join(ROOT, path)), path).toBe(true)
      expect(readFileSync(join(ROOT, path), 'utf8'), path).toBe(text)
    }
    const found = GENERATED_DIRECTORIES.flatMap((directory) =>
      readdirSync(join(ROOT, directory)).map((name) => `${directory}/${name}`),
    )
    expect(found.filter((path) => !files.has(path))).toEqual([])
    expect(found.length).toBeGreaterThan(20)
  })
})

describe.each([
  ['the defaults', DEFAULTS],
  ['everything', EVERYTHING],
  ['the least', BARE],
])('manifests of %s', (_, options) => {
  it('are objects as Kubernetes describes them', async () => {
    const objects = objectsOf(options)
    expect(objects.length).toBeGreaterThan(20)
    for (const object of objects) {
      await expect(
        validate(object).then(() => 'fine'),
        `${object.kind} ${object.metadata?.name}`,
      ).resolves.toBe('fine')
    }
  })

  it('would not pass with a field that is something else', async () => {
    for (const object of objectsOf(options)) {
      const broken = { ...object, metadata: { ...object.metadata, labels: 'none' } }
      await expect(validate(broken), `${object.kind} ${object.metadata?.name}`).rejects.toThrow()
    }
  })

  it('name each object once', () => {
    const keys = objectsOf(options).map(
      ({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata?.name}`,
    )
    expect(keys).toEqual([...new Set(keys)])
  })

  it('mount only volumes that there are, and mount all of them', () => {
    for (const { metadata, spec } of workloads(options)) {
      const pod = spec.template.spec
      const claims = spec.volumeClaimTemplates?.map((claim) => claim.metadata.name) ?? []
      const volumes = [...pod.volumes.map(({ name }) => name), ...claims]
      const mounted = pod.containers.flatMap((container) => container.volumeMounts.map(({ name }) => name))
      expect([...new Set(mounted)].sort(), metadata?.name).toEqual(volumes.sort())
    }
  })

  it('give rights to accounts that there are, and pods accounts that there are', () => {
    const objects = objectsOf(options)
    const accounts = objects
      .filter(({ kind }) => kind === 'ServiceAccount')
      .map(({ metadata }) => metadata?.name)
    const roles = objects
      .filter(({ kind }) => kind.endsWith('Role'))
      .map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
    const bindings = objects.filter(({ kind }) => kind.endsWith('RoleBinding')) as (KubernetesObject & {
      roleRef: { kind: string; name: string }
      subjects: { name: string; namespace: string }[]
    })[]
    expect(bindings.length).toBeGreaterThan(3)
    for (const { roleRef, subjects } of bindings) {
      expect(roles).toContain(`${roleRef.kind} ${roleRef.name}`)
      for (const { name, namespace } of subjects) {
        expect(accounts).toContain(name)
        expect(namespace).toBe(options.namespace)
      }
    }
    expect(bindings.map(({ roleRef }) => `${roleRef.kind} ${roleRef.name}`).sort()).toEqual(roles.sort())
    for (const { spec } of workloads(options)) {
      const name = spec.template.spec.serviceAccountName
      if (name !== undefined) expect(accounts).toContain(name)
    }
  })

  it('let only the CSI node be privileged or write to its image', () => {
    for (const { metadata, spec } of workloads(options)) {
      const { containers, securityContext } = spec.template.spec
      const privileged = containers.filter((container) => container.securityContext.privileged === true)
      if (metadata?.name === 'basalt-csi-node') {
        expect(privileged.map(({ name }) => name)).toEqual(['driver'])
        continue
      }
      expect(privileged).toEqual([])
      expect(securityContext).toMatchObject({ runAsUser: USER_ID, runAsNonRoot: true })
      for (const container of containers)
        expect(container.securityContext.readOnlyRootFilesystem, container.name).toBe(true)
    }
  })

  it('use variables only that the container has', () => {
    for (const { spec } of workloads(options)) {
      for (const { name, args, env = [] } of spec.template.spec.containers) {
        const used = args.flatMap((argument) => [...argument.matchAll(/\$\((\w+)\)/g)].map(([, key]) => key))
        for (const key of used)
          expect(
            env.map((variable) => variable.name),
            name,
          ).toContain(key)
      }
    }
  })
})

describe('the daemons in manifests', () => {
  it('are told settings that they have, and start with what cluster init makes', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'basalt-deploy-'))
    try {
      const server = `${SERVER}-0`
      const dir = join(directory, 'cluster')
      const ports = { random: new RealRandom(), wallMs: Date.now() }
      await initCluster(ports, dir, {
        master: masterHost(DEFAULTS),
        servers: [{ name: server, host: server }],
      })
      expect(readdirSync(join(dir, 'servers', server)).sort()).toEqual([...SERVER_FILES].sort())
      const at = (folder: string, args: readonly string[]) =>
        args.map((argument) =>
          argument.replace(KEYS_DIR, folder).replace('/var/lib/basalt', join(directory, 'data')),
        )
      const argsOf = (name: string) => workload(DEFAULTS, name).spec.template.spec.containers[0]?.args ?? []

      const master = await loadMasterConfig({
        flags: flagsOf(at(join(dir, 'master'), argsOf(MASTER)), { POD_IP: '10.1.2.3' }),
        environment: {},
      })
      expect(master.httpTls).toBeDefined()
      expect(master.settings.grpc).toEqual({ host: '10.1.2.3', port: 7471 })
      expect(master.warnings).toEqual([])

      for (const [hostIp, zone] of [
        ['10.0.0.1', ''],
        ['fd00::7', 'z1'],
      ] as const) {
        const flags = flagsOf(at(join(dir, 'servers', server), argsOf(SERVER)), {
          POD_NAME: server,
          HOST_IP: hostIp,
        })
        const { settings } = await loadServerConfig({ flags, environment: { BASALT_ZONE: zone } })
        expect(settings.name).toBe(server)
        expect(settings.zone).toBe(zone === '' ? undefined : zone)
        expect(settings.iscsi).toEqual([{ host: hostIp, port: 3260 }])
        expect(settings.nvme).toEqual([{ host: hostIp, port: 4420 }])
        expect(settings.grpc).toEqual({ host: hostIp, port: 7461 })
        expect(settings.replication).toEqual({ host: hostIp, port: 7460 })
        expect(settings.master).toEqual([{ host: masterHost(DEFAULTS), port: 7471 }])
      }
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it.each(['basalt-csi-controller', 'basalt-csi-node'])(
    'are told settings that they have: %s',
    async (name) => {
      for (const zone of ['', 'z1']) {
        const args = workload(DEFAULTS, name).spec.template.spec.containers[0]?.args ?? []
        expect(args[0]).toBe('csi')
        const flags = flagsOf(args, { NODE_NAME: 'node-a.example', POD_IP: 'fd00::9' })
        const { settings, nodeId, warnings } = await loadCsiConfig({
          flags,
          environment: { BASALT_ZONE: zone },
        })
        expect(settings['driver-name']).toBe('csi.basalt.io')
        expect(settings.endpoint).toBe('/csi/csi.sock')
        expect(settings.zone).toBe(zone === '' ? undefined : zone)
        expect(settings.host).toBe('real')
        expect(warnings).toEqual([])
        if (name === 'basalt-csi-node') expect(nodeId).toBe('node-a.example')
        else expect(settings.master).toBe(`https://${masterHost(DEFAULTS)}:7470`)
      }
    },
  )

  it('keep their keys from each other', () => {
    const { spec } = workload(DEFAULTS, SERVER)
    const pod = JSON.parse(JSON.stringify(spec.template.spec)) as {
      volumes: {
        name: string
        projected?: { sources: { secret: { name: string; optional: boolean; items: { path: string }[] } }[] }
      }[]
      containers: { volumeMounts: { name: string; subPathExpr?: string }[] }[]
    }
    expect(pod.containers[0]?.volumeMounts.find(({ name }) => name === 'keys')?.subPathExpr).toBe(
      '$(POD_NAME)',
    )
    const sources = pod.volumes.find(({ name }) => name === 'keys')?.projected?.sources ?? []
    expect(sources).toHaveLength(SERVERS_MAX)
    for (const { secret } of sources) {
      expect(secret.optional).toBe(true)
      for (const { path } of secret.items) expect(path.startsWith(`${secret.name}/`)).toBe(true)
    }
  })
})

describe('options', () => {
  it('refuse what they do not know, and what cannot be together', () => {
    const resolve = (overrides: unknown) => () => resolveOptions(DEFAULTS, overrides)
    expect(resolve({ server: {} })).toThrow(/options/)
    expect(resolve({ servers: { replicas: 0 } })).toThrow('servers.replicas')
    expect(resolve({ servers: { disktype: 'ssd' } })).toThrow(
      /there is no servers\.disktype; servers has replicas, .*diskType/,
    )
    expect(resolve({ nodes: {} })).toThrow(/there is no nodes; there are namespace, .*node$/)
    expect(resolve(['servers'])).toThrow('options: they must be keys with values')
    expect(resolve({ groupSnapshots: true, snapshots: false })).toThrow('groupSnapshots need snapshots')
    expect(resolve({ servers: { drainTimeout: '90s' } })).toThrow('terminationGracePeriodSeconds')
    expect(resolve({ servers: { localDisks: LOCAL_DISKS } })).toThrow('storageClassName')
    expect(resolve({ servers: { replicas: 5 } })().servers).toMatchObject({ replicas: 5, storage: '100Gi' })
  })

  it('have parameters of classes that the driver takes', () => {
    const classes = objectsOf(EVERYTHING) as (KubernetesObject & { parameters?: Record<string, string> })[]
    const storage = classes.filter(({ kind }) => kind === 'StorageClass')
    const attributes = classes.filter(({ kind }) => kind === 'VolumeAttributesClass')
    expect(storage.length).toBeGreaterThan(3)
    for (const { parameters = {} } of storage) expect(parseParameters(parameters, {}).fsType).toBe('ext4')
    expect(attributes.length).toBeGreaterThan(2)
    for (const { parameters = {} } of attributes) expect(parseMutable(parameters)).not.toEqual({ qos: {} })
  })

  it('pin every sidecar to a release', () => {
    const images = workloads(DEFAULTS).flatMap(({ spec }) =>
      spec.template.spec.containers.map(({ image }) => image),
    )
    for (const [name, tag] of Object.entries(SIDECARS)) {
      expect(tag).toMatch(/^v\d+\.\d+\.\d+$/)
      expect(images).toContain(`registry.k8s.io/sig-storage/${name}:${tag}`)
    }
  })
})

describe.skipIf(!hasKubectl())('kubectl', () => {
  it('reads the manifests', () => {
    const printed = execFileSync(
      'kubectl',
      ['label', '--local', '--filename', join(ROOT, 'deploy/kubernetes'), 'read=yes', '--output', 'name'],
      { encoding: 'utf8', env: { ...process.env, KUBECONFIG: '/nonexistent' } },
    )
    expect(printed.trim().split('\n')).toHaveLength(objectsOf(DEFAULTS).length)
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
