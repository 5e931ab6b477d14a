/** What a node is and has, asked once before anything is put there. */
import { BlockError } from '../../../src/base/errors.ts'
import type { SshConnection } from './connection.ts'
import { shLine } from './quote.ts'

export interface NodeFacts {
  /** E.g. `Linux x86_64`. */
  readonly machine: string
  readonly kernel: string
  /** By the user itself or by sudo. */
  readonly hasRoot: boolean
  /** Two nodes with the same one share ports, interfaces and rules. */
  readonly networkStack: string
  readonly tools: ReadonlySet<string>
  /** Modules that the kernel has or can load. */
  readonly modules: ReadonlySet<string>
  readonly hasProduct: boolean
}

const TOOLS = [
  ...([
    'nft',
    'tc',
    'ip',
    'iscsiadm',
    'nvme',
    'mount',
    'fio',
    'sqlite3',
    'pgbench',
    'initdb',
    'tar',
  ] as const),
]
const MODULES = ['iscsi_tcp', 'nvme_tcp', 'sch_netem', 'ifb'] as const

/** Printed words: `key value`, one pair a line. `$1`: 1 for sudo. `$2`: the product's folder. */
const SCRIPT = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')
echo "machine $(uname -sm)"
echo "kernel $(uname -r)"
echo "stack $(cat /proc/sys/kernel/random/boot_id)/$(readlink /proc/self/ns/net)"
as=no
if [ "$(id -u)" = 0 ]; then as=''; elif [ "$1" = 1 ] && sudo -n true 2>/dev/null; then as='sudo -n'; fi
[ "$as" = no ] || echo 'root yes'
for tool in ${TOOLS.join(' ')}; do command -v $tool >/dev/null && echo "tool $tool"; done
for module in ${MODULES.join(' ')}; do
  if [ -d /sys/module/$module ]; then echo "module $module"
  elif [ "$as" != no ] && $as modprobe -nq $module; then echo "module $module"; fi
done
[ ! -x "$2/node_modules/node/bin/node" ] || [ ! -x "$2/basalt" ] || echo 'product yes'
`

/** NOT_FOUND when the product is not where the file of nodes says. */
export async function probe(connection: SshConnection): Promise<NodeFacts> {
  const { node } = connection
  const { productPath } = node
  const { stdout, stderr } = await connection.run(shLine(SCRIPT, node.hasSudo ? '1' : '0', productPath ?? ''))
  const said = (key: string): readonly string[] =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith(`${key} `))
      .map((line) => line.slice(key.length + 1))
  const [machine] = said('machine')
  if (machine === undefined)
    throw new BlockError('DISCONNECTED', `${node.name}: no shell answers there: ${stderr.trim().slice(-300)}`)
  const hasProduct = said('product').length > 0
  if (productPath !== null && !hasProduct)
    throw new BlockError(
      'NOT_FOUND',
      `${node.name}: there is no product in ${productPath} (leave it out to have it copied)`,
    )
  return {
    ...{ machine, kernel: said('kernel')[0] ?? '', networkStack: said('stack')[0] ?? '', hasProduct },
    hasRoot: said('root').length > 0,
    tools: new Set(said('tool')),
    modules: new Set(said('module')),
  }
}
