/**
 * Import directions of the tree (ARCHITECTURE.md shows the same arrows as text).
 * `test/check/imports.test.ts` asserts that the cruiser saw the modules: with a wrong parser it would
 * read none of them and pass.
 */
const layers = {
  base: [],
  gen: [],
  io: ['base'],
  metrics: ['base'],
  config: ['base', 'frontend'],
  daemon: ['base', 'config'],
  blockvol: ['base'],
  v2engine: ['base'],
  replication: ['base', 'v2engine', 'blockvol'],
  frontend: ['base'],
  iscsi: ['base', 'frontend'],
  nvme: ['base', 'frontend'],
  backup: ['base'],
  server: [
    'base',
    'gen',
    'v2engine',
    'frontend',
    'blockvol',
    'replication',
    'iscsi',
    'nvme',
    'backup',
    'metrics',
    'http',
    'config',
    'daemon',
    'rpc',
  ],
  http: ['base', 'metrics', 'frontend'],
  rpc: ['base', 'gen', 'v2engine'],
  master: ['base', 'gen', 'metrics', 'v2engine', 'frontend', 'http', 'config', 'daemon', 'rpc'],
  client: ['base'],
  csi: ['base', 'gen', 'client', 'config', 'daemon', 'http', 'metrics'],
  bench: ['base', 'iscsi', 'nvme', 'io'],
  dev: ['base', 'iscsi'],
  cli: ['base', 'client'],
  ui: ['base'],
}

/** What master and block servers say to each other is types only, and stands with the master that needs it. */
const wordsOf = (layer) =>
  (['rpc', 'server'].includes(layer) ? '|^src/master/(links|records)\\.ts$' : '') +
  // the paths that the master tells servers are the front ends' own words
  (layer === 'rpc' ? '|^src/frontend/paths\\.ts$' : '')

const directions = Object.entries(layers).map(([layer, allowed]) => ({
  name: `${layer}-imports`,
  comment: `src/${layer} may import only: ${allowed.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${layer}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^src/', pathNot: `^src/(${[layer, ...allowed].join('|')})/${wordsOf(layer)}` },
}))

/** Of the scenario runner: layers of its own, and those of the product that each may use. */
const runnerLayers = {
  model: { runner: [], product: ['base'] },
  reading: { runner: ['model'], product: ['base', 'config'] },
  engine: { runner: ['model'], product: ['base'] },
  report: { runner: ['model'], product: ['base'] },
  backends: { runner: ['model'], product: ['base', 'io', 'config', 'daemon'] },
  cluster: { runner: ['model', 'backends'], product: ['base', 'client', 'io', 'master/security'] },
  hosts: {
    runner: ['model', 'backends', 'cluster'],
    product: ['base', 'client', 'io', 'bench', 'iscsi', 'nvme', 'csi/host'],
  },
  oracle: { runner: ['model', 'hosts'], product: ['base', 'bench'] },
  actions: {
    runner: ['model', 'backends', 'cluster', 'hosts', 'oracle'],
    product: ['base', 'io', 'client', 'bench', 'blockvol', 'iscsi', 'nvme'],
  },
  commands: {
    runner: ['model', 'reading', 'engine', 'report', 'backends', 'cluster', 'hosts', 'oracle', 'actions'],
    product: ['base', 'config', 'client', 'cli'],
  },
}

const runnerDirections = Object.entries(runnerLayers).map(([layer, { runner, product }]) => ({
  name: `testrunner-${layer}-imports`,
  comment: `testrunner/${layer} may import only: ${[...runner, ...product.map((one) => `src/${one}`)].join(', ')}`,
  severity: 'error',
  from: { path: `^testrunner/${layer}/`, pathNot: '(\\.test|/test-[a-z-]+)\\.ts$' },
  to: {
    path: '^(src|testrunner)/',
    pathNot: `^(testrunner/(${[layer, ...runner].join('|')})|src/(${product.join('|')}))/`,
  },
}))

module.exports = {
  forbidden: [
    ...directions,
    ...runnerDirections,
    {
      name: 'only-its-root-imports-the-runner',
      comment: 'the product runs without testrunner; src/bin/scenario.ts loads it when it is asked for',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/bin/scenario\\.ts$' },
      to: { path: '^testrunner/' },
    },
    {
      name: 'the-engine-of-scenarios-touches-no-io',
      comment: 'reading and running scenarios reach files, processes and time through ports only',
      severity: 'error',
      from: {
        path: '^testrunner/(model|reading|engine)/',
        pathNot: '(\\.test|/test-[a-z-]+|/disk-files)\\.ts$',
      },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|path|util)$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'bin-is-a-root',
      comment: 'composition roots are imported by no one',
      severity: 'error',
      from: { pathNot: '^src/bin/' },
      to: { path: '^src/bin/' },
    },
    {
      name: 'src-does-not-import-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(test|bench|deploy|dashboards|alerts)/' },
    },
    {
      name: 'cores-touch-no-io',
      comment: 'engine and protocol cores reach I/O, time and randomness through ports only',
      severity: 'error',
      from: {
        path: '^src/(base|blockvol|v2engine|replication|frontend|iscsi|nvme|master/(core|failover|placement|jobs)|csi/(core|controller|node))/',
        pathNot: '(\\.test|/test-support)\\.ts$',
      },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|assert|crypto)$' },
    },
    {
      name: 'backup-touches-the-world-in-its-shell',
      comment:
        'formats, planning and the steps of a backup reach stores, disks and threads through ports; src/backup/io has them',
      severity: 'error',
      from: { path: '^src/backup/(?!io/)', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev'],
        pathNot: '^(node:)?(buffer|assert|crypto)$',
      },
    },
    {
      name: 'backup-knows-its-shell-nowhere',
      comment: 'only who composes a repository imports src/backup/io',
      severity: 'error',
      from: { path: '^src/backup/(?!io/)', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/backup/io/' },
    },
    {
      name: 'backup-formats-are-pure',
      comment: 'formats and decisions of backups know neither the store nor the steps around them',
      severity: 'error',
      from: { path: '^src/backup/core/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/backup/(?!core/)' },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.mjs'] },
  },
}
