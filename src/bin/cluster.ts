/** `basalt cluster init` and `basalt cluster certify`: a new cluster's keys and certificates, and new ones later. */
import type { DaemonCommand, FlagValues } from '../cli/program.ts'

const DIR = {
  name: 'dir',
  placeholder: 'DIR',
  help: 'the directory of keys and certificates',
  default: 'cluster',
}
const JSON_FLAG = { name: 'json', placeholder: undefined, help: 'print JSON, for programs' }

export const clusterCommands: readonly DaemonCommand[] = [
  {
    name: 'cluster init',
    description: 'make the keys, certificates and tokens of a new cluster, and a configuration for each node',
    flags: [
      DIR,
      {
        name: 'master',
        placeholder: 'HOST',
        help: 'name or address by which the servers reach the master',
        default: '127.0.0.1',
      },
      {
        name: 'server',
        placeholder: 'NAME[=HOST]',
        help: 'a block server, and the name or address by which others reach it (default: NAME); give it once for each',
        isList: true,
      },
      JSON_FLAG,
    ],
    run: runInit,
  },
  {
    name: 'cluster certify',
    description: 'make new certificates, for all nodes or some, or everything for a server that joins',
    flags: [
      DIR,
      {
        name: 'node',
        placeholder: 'NAME[=HOST]',
        help: "'master' or a server; one that is not there yet is added (default: all there are)",
        isList: true,
      },
      JSON_FLAG,
    ],
    run: runCertify,
  },
]

async function runInit(flags: FlagValues): Promise<number> {
  const { initCluster } = await import('../master/security/cluster-directory.ts')
  const { MASTER, NODE_DAYS, folderOf, parseHost, parseNode } = await import(
    '../master/security/cluster-plan.ts'
  )
  const dir = String(flags.dir ?? DIR.default)
  const servers = listOf(flags.server)
    .map((text) => parseNode(text, '--server'))
    .map(({ name, host }) => ({ name, host: host ?? name }))
  const master = parseHost(String(flags.master ?? '127.0.0.1'), '--master')
  const cluster = await initCluster(await ports(), dir, { master, servers })
  const nodes = [cluster.master, ...cluster.servers].map((node) => ({
    ...node,
    role: node.name === MASTER ? 'master' : 'server',
    directory: `${dir}/${folderOf(node)}`,
  }))
  if (flags.json === true) {
    const adminToken = `${dir}/admin.token`
    print({ clusterId: cluster.clusterId, directory: dir, nodes, adminTokenFile: adminToken })
    return 0
  }
  const width = Math.max(...nodes.map(({ directory }) => directory.length))
  say([
    `Cluster ${cluster.clusterId} is in ${dir}. Certificates of nodes are valid for ${NODE_DAYS} days.`,
    '',
    'Copy each folder to its machine, with its modes (scp -pr, rsync -a):',
    ...nodes.map(({ directory, host }) => `  ${directory.padEnd(width)}  → ${host}`),
    '',
    'Start the master, then the servers, each in its folder:',
    '  basalt master --config master.yaml',
    '  basalt server --config server.yaml',
    ...(servers.length === 0
      ? ['', `Add servers with 'basalt cluster certify --dir ${dir} --node NAME=HOST'.`]
      : []),
    '',
    "Then, on the master's machine:",
    `  basalt cluster status --token-file ${dir}/admin.token`,
    `  basalt volume create first --size 10GiB --token-file ${dir}/admin.token`,
    '',
    `Keep ${dir} itself where nothing runs: authority.key makes certificates, admin.token is the first admin.`,
  ])
  return 0
}

async function runCertify(flags: FlagValues): Promise<number> {
  const { certify, namedNodes } = await import('../master/security/cluster-directory.ts')
  const { NODE_DAYS, folderOf, parseNode } = await import('../master/security/cluster-plan.ts')
  const dir = String(flags.dir ?? DIR.default)
  const given = listOf(flags.node).map((text) => parseNode(text, '--node'))
  const { renewed, added } = await certify(await ports(), dir, await namedNodes(dir, given))
  const described = (node: { name: string; host: string }) => ({
    ...node,
    directory: `${dir}/${folderOf(node)}`,
  })
  if (flags.json === true) {
    print({ directory: dir, renewed: renewed.map(described), added: added.map(described) })
    return 0
  }
  say([
    ...(renewed.length === 0
      ? []
      : [
          `New certificates, valid for ${NODE_DAYS} days. Copy ca.crt, node.crt and node.key, then restart the daemons one by one:`,
          ...renewed.map(described).map(({ directory, host }) => `  ${directory} → ${host}`),
        ]),
    ...(added.length === 0
      ? []
      : [
          "New servers. Copy the folder, then start 'basalt server --config server.yaml' in it:",
          ...added.map(described).map(({ directory, host }) => `  ${directory} → ${host}`),
        ]),
  ])
  return 0
}

async function ports() {
  const { RealRandom } = await import('../io/random.ts')
  return { random: new RealRandom(), wallMs: Date.now() }
}

const listOf = (value: string | boolean | undefined): string[] =>
  typeof value === 'string' ? value.split(',').map((text) => text.trim()) : []

const say = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`)
const print = (value: unknown): void => say([JSON.stringify(value, undefined, 2)])
