/**
 * The names under which a node's hosts log in to volumes. The controller publishes volumes to them and the node connects
 * with them; both derive them here from the node id alone, so that machines cloned with their initiator name files do not
 * meet each other, and nothing has to be told.
 */
import { createHash } from 'node:crypto'
import { parseName } from '../../base/names.ts'
import { formatUuid } from '../../base/uuid.ts'

const IQN_PREFIX = 'iqn.2026-11.io.basalt:node:'
const NQN_PREFIX = 'nqn.2026-11.io.basalt:node:'
/** Of UUIDs made from NQNs; random, chosen once and for good. */
const NQN_NAMESPACE = Buffer.from('5d0c1a3ef2b84c0f9d3a6f27b1c4e895', 'hex')

export interface NodeNames {
  /** iSCSI initiator. */
  readonly iqn: string
  /** NVMe host. */
  readonly nqn: string
  /** NVMe host identifier, a UUID: one NQN has always the same. */
  readonly hostId: string
}

/** Returns `text` if it is a node id (1 to 63 of a-z, 0-9, '.', '-', as volume names); else INVALID_ARGUMENT. */
export const parseNodeId = (text: string, what: string): string => parseName(text, what, 'a node id')

/** What the node of this id is called in sessions. INVALID_ARGUMENT when it is none. */
export function nodeNames(nodeId: string): NodeNames {
  const id = parseNodeId(nodeId, 'node id')
  const nqn = `${NQN_PREFIX}${id}`
  return { iqn: `${IQN_PREFIX}${id}`, nqn, hostId: uuidOfName(nqn) }
}

/** Version 5 (RFC 9562 §5.5): SHA-1 of namespace and name. */
function uuidOfName(name: string): string {
  const hash = createHash('sha1').update(NQN_NAMESPACE).update(name).digest().subarray(0, 16)
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  return formatUuid(hash)
}
