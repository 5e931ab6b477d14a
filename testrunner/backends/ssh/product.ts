/**
 * The product on nodes that do not have it: this checkout's sources with what they need to run, and the Node that runs them,
 * packed by tar. A copy stays for later runs until the product changes.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { BlockError } from '../../../src/base/errors.ts'
import type { SshConnection } from './connection.ts'
import type { NodeFacts } from './probe.ts'
import { shLine } from './quote.ts'

const REPOSITORY = join(import.meta.dirname, '..', '..', '..')
/** With the runner: hosts run a program of its own. */
const SOURCES = ['package.json', 'basalt', 'proto', 'src', 'testrunner'] as const
const MACHINES: Readonly<Record<string, string>> = { x64: 'Linux x86_64', arm64: 'Linux aarch64' }

/** `$1`: the folder of runs. `$2`: the copy's. Another one may be copying the same: the first to be ready wins. */
const INSTALL = `
set -e
umask 022
mkdir -p "$1"
[ ! -d "$2" ] || { cat >/dev/null; exit 0; }
new=$2.new.$$
trap 'rm -rf "$new"' EXIT
mkdir "$new"
tar -C "$new" -xf -
"$new/basalt" --version
for old in "$1"/product-*; do
  case $old in *.new.*) ;; *) rm -rf "$old" ;; esac
done
mv -T "$new" "$2" 2>/dev/null || [ -d "$2" ]
`

/** Where the product is on that node, once it resolves. INVALID_ARGUMENT when it cannot run there. */
export async function installProduct(connection: SshConnection, facts: NodeFacts): Promise<string> {
  const { name, directory, productPath } = connection.node
  if (productPath !== null) return productPath
  if (facts.machine !== MACHINES[arch()])
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${name} is ${facts.machine}: this product's Node does not run there; install it and give \`product\``,
    )
  const copy = `${directory}/product-${await versionOf()}`
  const there = await connection.run(shLine('[ -d "$1" ]', copy))
  if (there.code === 0) return copy
  const tar = spawn('tar', ['-C', REPOSITORY, '-cf', '-', ...SOURCES, ...packages()], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const done = await connection.run(shLine(INSTALL, directory, copy), tar.stdout)
  if (done.code === 0) return copy
  throw new BlockError(
    'DISK',
    `${name}: cannot copy the product to ${copy}: ${done.stderr.trim().slice(-400)}`,
  )
}

/** Folders of what runs, without what only builds and tests; Node itself is among the latter in the lockfile. */
function packages(): readonly string[] {
  const lock = JSON.parse(fs.readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
  }
  const wanted = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path]) => path)
  return ['node_modules/node/bin', ...wanted.filter((path) => path !== 'node_modules/node')].filter((path) =>
    fs.existsSync(join(REPOSITORY, path)),
  )
}

/** Of what the sources are now. */
async function versionOf(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of ['package-lock.json', ...SOURCES]) {
    const path = join(REPOSITORY, file)
    if (!fs.statSync(path).isDirectory()) {
      hash.update(fs.readFileSync(path))
      continue
    }
    const names = fs.readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
    for (const name of names) {
      const { mtimeMs, size } = await fs.promises.stat(join(path, name))
      hash.update(`${name} ${size} ${mtimeMs}\n`)
    }
  }
  return hash.digest('hex').slice(0, 12)
}
