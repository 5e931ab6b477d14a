/** `topology`: how many machines there are, and how their daemons are started. */
import { parseSize } from '../../src/base/sizes.ts'
import { BadArgument } from '../model/parameter.ts'
import { integer, listOf, size, text } from '../model/parameters.ts'
import type { Topology } from '../model/scenario.ts'
import { withoutTemplates } from '../model/template.ts'
import type { Value, ValueMap } from '../model/value.ts'
import { checkKeys, groupAt, nearest, valueAt } from './keys.ts'
import { wordName } from './kinds.ts'
import { childOf, keyPosition, type Node, positionOf } from './node.ts'
import { parseKnown, readKnown, type Substitution } from './scope.ts'

const KEYS = ['servers', 'masters', 'hosts', 'zones', 'server_flags', 'master_flags', 'disks'] as const

const DEFAULTS = { servers: 3, masters: 1, hosts: 1 } as const

/** Of a file that says nothing of it: three servers, a master and a host. */
export function readTopology(scenario: Node, context: Substitution): Topology {
  const node = childOf(scenario, 'topology')
  if (node === undefined || !checkKeys(node, KEYS, 'topology', context.problems)) {
    return { ...DEFAULTS, zones: [], serverFlags: {}, masterFlags: {}, diskBytes: {} }
  }
  const servers = valueAt(node, 'servers', integer('', 1, 16), DEFAULTS.servers, context)
  return {
    servers,
    masters: valueAt(node, 'masters', oneOrThree, DEFAULTS.masters, context),
    hosts: valueAt(node, 'hosts', integer('', 0, 8), DEFAULTS.hosts, context),
    zones: readZones(node, servers, context),
    serverFlags: readFlags(node, 'server_flags', context),
    masterFlags: readFlags(node, 'master_flags', context),
    diskBytes: readDisks(node, servers, context),
  }
}

const oneOrThree = {
  ...integer(''),
  parse(value: Value): number {
    const masters = integer('').parse(value)
    if (masters !== 1 && masters !== 3) throw new BadArgument('must be 1 or 3')
    return masters
  },
}

/** Of each server; more than there are servers are for variants that have more. */
function readZones(node: Node, servers: number, context: Substitution): readonly string[] {
  const zones = valueAt(node, 'zones', listOf(text('')), [], context)
  if (zones.length > 0 && zones.length < servers) {
    const at = keyPosition(node, 'zones')
    context.problems.add(at, `zones: ${zones.length} are named for ${servers} servers`)
  }
  return zones.slice(0, servers)
}

function readFlags(node: Node, key: 'server_flags' | 'master_flags', context: Substitution): ValueMap {
  const { problems } = context
  const flags: [string, Value][] = []
  for (const [name, value] of groupAt(node, key, problems)) {
    const position = keyPosition(childOf(node, key) ?? node, name)
    if (name.startsWith('-')) {
      problems.add(position, `${key}: flags are written without dashes`)
      continue
    }
    if (parseKnown(withoutTemplates(name), wordName, { what: key, position, problems }) === undefined)
      continue
    const flag = readKnown(value, listOf(text('')), `flag ${name}`, context)
    if (flag !== undefined) flags.push([name, flag.length === 1 ? (flag[0] ?? '') : flag])
  }
  return Object.fromEntries(flags)
}

function readDisks(node: Node, servers: number, context: Substitution): Readonly<Record<string, number>> {
  const names = Array.from({ length: servers }, (_, index) => `s${index + 1}`)
  const disks: [string, number][] = []
  for (const [name, value] of groupAt(node, 'disks', context.problems)) {
    if (!names.includes(name)) {
      const position = keyPosition(childOf(node, 'disks') ?? node, name)
      context.problems.add(position, `disks: no server is named '${name.slice(0, 40)}'`, () =>
        nearest(name, names),
      )
    }
    const bytes = readKnown(value, size(''), `disk of ${name}`, context)
    if (bytes !== undefined && bytes < DISK_BYTES_MIN) {
      context.problems.add(positionOf(value), `disk of ${name}: must be at least 16MiB`)
    }
    disks.push([name, bytes ?? DISK_BYTES_MIN])
  }
  return Object.fromEntries(disks)
}

const DISK_BYTES_MIN = parseSize('16MiB', '')
