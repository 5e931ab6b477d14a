/** What the nodes of a file have of what scenarios need. */
import type { Need } from '../../model/need.ts'
import type { SshNode } from './nodes-file.ts'
import type { NodeFacts } from './probe.ts'

export interface ProbedNode {
  readonly node: SshNode
  readonly facts: NodeFacts
}

export function hasNeed(need: Need, nodes: readonly ProbedNode[]): boolean {
  const hosts = nodes.filter(({ node }) => node.name.startsWith('h'))
  const daemons = nodes.filter(({ node }) => !node.name.startsWith('h'))
  const everyHost = (tool: string): boolean =>
    hosts.length > 0 && hosts.every(({ facts }) => facts.tools.has(tool))
  switch (need) {
    case 'root':
      return nodes.every(({ facts }) => facts.hasRoot)
    case 'kernel':
      return isKernelHost(hosts)
    case 'netem':
      return nodes.every(({ facts }) => canImpair(facts))
    case 'partition':
      return canCut(nodes)
    case 'small-disk':
      return daemons.every(({ facts }) => facts.hasRoot && facts.tools.has('mount'))
    case 'fio':
      return everyHost('fio')
    case 'sqlite':
      return everyHost('sqlite3')
    case 'postgresql':
      return everyHost('pgbench') && everyHost('initdb')
    case 's3':
      return true
  }
}

/** Whether each of them attaches volumes by its own kernel. */
export const isKernelHost = (hosts: readonly ProbedNode[]): boolean =>
  hosts.length > 0 &&
  hosts.every(
    ({ facts: { hasRoot, tools, modules } }) =>
      hasRoot &&
      ((tools.has('iscsiadm') && modules.has('iscsi_tcp')) || (tools.has('nvme') && modules.has('nvme_tcp'))),
  )

const canImpair = ({ hasRoot, tools, modules }: NodeFacts): boolean =>
  hasRoot && tools.has('tc') && modules.has('sch_netem') && modules.has('ifb')

/** By addresses: machines that share a network stack cannot be told apart. */
function canCut(nodes: readonly ProbedNode[]): boolean {
  const stacks = new Set(nodes.map(({ facts }) => facts.networkStack))
  return (
    stacks.size === nodes.length &&
    nodes.every(({ facts: { hasRoot, tools } }) => hasRoot && tools.has('nft'))
  )
}
