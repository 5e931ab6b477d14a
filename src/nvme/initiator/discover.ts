/** What a discovery service lists: where the subsystems are that this host may see. */
import { BlockError } from '../../base/errors.ts'
import { type NvmeConnectOptions, NvmeHostController } from './host-controller.ts'
import {
  DISCOVERY_UNIT_BYTES,
  type DiscoveryEntry,
  readDiscoveryEntry,
  readDiscoveryHeader,
} from './pages.ts'
import { getLogPage, LogPage } from './requests.ts'

/** Entries that are read at once. */
const CHUNK_ENTRIES = 64
const ENTRIES_MAX = 65_536
const ATTEMPTS_MAX = 8

/** Connects to the discovery service at `options.portal`, asks, and disconnects. Rejects as `connect` does. */
export async function discover(
  options: Omit<NvmeConnectOptions, 'subsystemNqn' | 'queues' | 'events'>,
): Promise<readonly DiscoveryEntry[]> {
  const controller = await NvmeHostController.connect({ keepAliveMs: 0, ...options, queues: 0 })
  try {
    return (await readDiscoveryLog(controller)).entries
  } finally {
    await controller.disconnect()
  }
}

/**
 * The discovery log page, all of one generation: it is read again when it changed meanwhile (§8.8). Ends the event that
 * told of a change. BUSY when it does not stop changing.
 */
export async function readDiscoveryLog(
  controller: NvmeHostController,
): Promise<{ generation: number; entries: readonly DiscoveryEntry[] }> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const before = await header(controller)
    if (before.records > ENTRIES_MAX || before.records < 0) {
      throw new BlockError('PROTOCOL', `the discovery log has ${before.records} entries`)
    }
    const entries: DiscoveryEntry[] = []
    for (let first = 0; first < before.records; first += CHUNK_ENTRIES) {
      const count = Math.min(CHUNK_ENTRIES, before.records - first)
      const part = new Uint8Array(count * DISCOVERY_UNIT_BYTES)
      const offset = (first + 1) * DISCOVERY_UNIT_BYTES
      await controller.admin('Get Log Page', getLogPage(LogPage.discovery, part, { offset, retain: true }))
      for (let i = 0; i < count; i++) entries.push(readDiscoveryEntry(part, i))
    }
    const after = await header(controller)
    if (after.generation === before.generation) return { generation: before.generation, entries }
  }
  throw new BlockError('BUSY', 'the discovery log changes all the time')
}

async function header(controller: NvmeHostController): Promise<{ generation: number; records: number }> {
  const page = new Uint8Array(DISCOVERY_UNIT_BYTES)
  await controller.admin('Get Log Page', getLogPage(LogPage.discovery, page))
  return readDiscoveryHeader(page)
}
