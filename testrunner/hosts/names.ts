/** What a host is called at targets: its own, the same for all of its sessions, and another host's never. */
import { createHash } from 'node:crypto'
import { formatUuid } from '../../src/base/uuid.ts'

export interface HostNames {
  /** iSCSI initiator. */
  readonly initiator: string
  /** NVMe host. */
  readonly nqn: string
  /** NVMe host identifier, 16 bytes: one NQN has always the same. */
  readonly hostId: Uint8Array
}

/** `runId`: of the scenario; `name`: h1, h2, … */
export function hostNames(runId: string, name: string): HostNames {
  const hash = createHash('sha256').update(`${runId}/${name}`).digest()
  const hostId = Uint8Array.from(hash.subarray(0, 16))
  hostId[6] = (hostId[6]! & 0x0f) | 0x40
  hostId[8] = (hostId[8]! & 0x3f) | 0x80
  return {
    initiator: `iqn.2026-11.io.basalt:scenario:${runId}:${name}`,
    nqn: `nqn.2014-08.org.nvmexpress:uuid:${formatUuid(hostId)}`,
    hostId,
  }
}
