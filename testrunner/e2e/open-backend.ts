/** Backends of this computer as the command makes them, with records of their own. */

import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { plainSyscalls } from '../../src/io/syscalls.ts'
import type { Backend } from '../backends/backend.ts'
import { localBackend } from '../backends/local/local-backend.ts'
import { netnsBackend } from '../backends/netns/netns-backend.ts'
import type { Topology } from '../model/scenario.ts'

export type TriedBackend = 'local' | 'netns' | 'netns by the kernel alone'

export const random = new RealRandom()
export const clock = new RealClock({ syscalls: plainSyscalls })

export function openBackend(name: TriedBackend, recordsFolder: string): Backend {
  const options = { clock, random, recordsFolder }
  switch (name) {
    case 'local':
      return localBackend(options)
    case 'netns':
      return netnsBackend({ ...options, impairment: 'proxies' })
    case 'netns by the kernel alone':
      return netnsBackend({ ...options, impairment: 'netem' })
  }
}

export const topologyOf = (changes: Partial<Topology> = {}): Topology => ({
  ...{ servers: 2, masters: 1, hosts: 1, zones: [], serverFlags: {}, masterFlags: {}, diskBytes: {} },
  ...changes,
})
