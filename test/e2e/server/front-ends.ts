/** For tests of what hosts see: front ends of one server over real sockets, and what a master tells of a volume. */

import { formatHostPort } from '../../../src/base/address.ts'
import { MIB } from '../../../src/base/units.ts'
import { formatUuid } from '../../../src/base/uuid.ts'
import type { PathRole, VolumePaths } from '../../../src/frontend/paths.ts'
import { RealNet } from '../../../src/io/net.ts'
import { loadTargetConfig } from '../../../src/server/config/target-config.ts'
import { makeLatencyRecorders } from '../../../src/server/latencies.ts'
import { PathTable } from '../../../src/server/served/path-table.ts'
import type { ServedVolume } from '../../../src/server/served/served-volume.ts'
import { ServedVolumes } from '../../../src/server/served/served-volumes.ts'
import { login } from '../target/support/host.ts'
import { realPorts } from '../target/support/volume.ts'

export const IQN = 'iqn.2026-11.io.basalt:vol1'

/** What one server is to its hosts. */
export class TestServer {
  readonly id: string
  readonly table = new PathTable()
  readonly served: ServedVolumes

  private constructor(id: string, served: ServedVolumes, table: PathTable) {
    this.id = id
    this.served = served
    this.table = table
  }

  static async open(id: string, flags: Record<string, string> = {}): Promise<TestServer> {
    const config = await loadTargetConfig({
      flags: { data: '/nowhere', volume: 'unused', iscsi: '127.0.0.1:0', nvme: '127.0.0.1:0', ...flags },
      environment: {},
    })
    const table = new PathTable()
    const onFatal = (error: unknown): never => {
      throw error
    }
    const ports = { ...realPorts(), net: new RealNet() }
    return new TestServer(id, await ServedVolumes.open(ports, config, { server: id, table, onFatal }), table)
  }

  get iscsi(): string {
    return formatHostPort(this.served.addresses.iscsi[0]!)
  }

  get nvme(): string {
    return formatHostPort(this.served.addresses.nvme[0]!)
  }

  volume(uuid: Uint8Array): ServedVolume {
    return this.served.volume({
      name: 'vol1',
      volume: formatUuid(uuid),
      latencies: makeLatencyRecorders(),
      first: 'failover',
      standby: {
        reservations: {
          read: () => 'unit-held',
          request: async () => ({ ok: true }),
          subscribe: () => () => undefined,
        },
        atomicWriteBytesMax: () => 0,
      },
    })
  }

  login(name?: string) {
    return login({ iscsi: this.iscsi, iqn: IQN }, name === undefined ? {} : { name })
  }
}

/** A volume of 1 MiB with a path at each of the first servers, in these roles. */
export const pathsAt = (
  servers: readonly TestServer[],
  roles: readonly PathRole[],
  of: Pick<VolumePaths, 'volume'> & Partial<VolumePaths>,
): VolumePaths => ({
  ...{ name: 'vol1', sizeBytes: MIB, logicalBlockBytes: 512 },
  ...{ isMultipath: false, initiators: null, hosts: null },
  paths: roles.map((role, slot) => ({
    server: servers[slot]?.id ?? '',
    slot,
    role,
    iscsi: [servers[slot]?.iscsi ?? ''],
    nvme: [servers[slot]?.nvme ?? ''],
  })),
  ...of,
})
