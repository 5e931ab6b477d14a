import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { pathsAt, TestServer } from '../../../test/e2e/server/front-ends.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { MIB } from '../../base/units.ts'
import { formatUuid } from '../../base/uuid.ts'
import type { PathRole, VolumePaths } from '../../frontend/paths.ts'
import { Secret } from '../../frontend/secret.ts'
import { RealNet } from '../../io/net.ts'
import { NvmeBlockClient } from '../../nvme/initiator/block-client.ts'
import { discover } from '../../nvme/initiator/discover.ts'
import { NvmeHostController } from '../../nvme/initiator/host-controller.ts'

const NQN = 'nqn.2026-11.io.basalt:vol1'
const HOST = 'nqn.2014-08.org.nvmexpress:uuid:2c9e1a4e-5a0b-4d0c-9a55-6d2f6c1f0a11'
const STRANGER = 'nqn.2014-08.org.nvmexpress:uuid:ffffffff-5a0b-4d0c-9a55-6d2f6c1f0a11'
/** As `nvme gen-dhchap-key` makes them: 32 bytes of 0 with their CRC-32. */
const SECRET = `DHHC-1:00:${Buffer.concat([Buffer.alloc(32), Buffer.from([0x75, 0x88, 0x0a, 0x19])]).toString('base64')}:`

describe('a volume over NVMe/TCP, at each server of its cluster', () => {
  const device = new MemoryDevice({ sizeBytes: MIB, name: 'vol1' })
  let servers: [TestServer, TestServer, TestServer]
  let open: NvmeHostController[]

  beforeEach(async () => {
    open = []
    servers = await Promise.all([TestServer.open('s1'), TestServer.open('s2'), TestServer.open('s3')])
  })
  afterEach(async () => {
    for (const controller of open) controller.close()
    await Promise.all(servers.map(({ served }) => served.close()))
  })
  const means = (server: TestServer, hostNqn: string) => ({
    ...{ net: new RealNet(), clock: realPorts().clock, portal: server.served.addresses.nvme[0]! },
    ...{ hostNqn, hostId: Uint8Array.from({ length: 16 }, (_, i) => i + 1) },
  })
  async function connect(server: TestServer, hostNqn = HOST): Promise<NvmeHostController> {
    const controller = await NvmeHostController.connect({ ...means(server, hostNqn), subsystemNqn: NQN })
    open.push(controller)
    return controller
  }
  const tell = (roles: readonly PathRole[], of: Partial<VolumePaths> = {}): void => {
    const volumes = [pathsAt(servers, roles, { volume: formatUuid(device.uuid), ...of })]
    for (const { table } of servers) table.apply({ isFirst: true, isLast: true, volumes, removed: [] })
  }
  const block = new Uint8Array(512).fill(5)
  const write = (controller: NvmeHostController): Promise<void> =>
    new NvmeBlockClient(controller).write({ lba: 0, blocks: 1 }, block)

  it('is read and written where it is served, inaccessible where it stands by, and the roles swap', async () => {
    const [s1, s2] = servers
    const [one, two] = [s1.volume(device.uuid), s2.volume(device.uuid)]
    tell(['active', 'standby'])
    await one.attach(device)
    const [active, standby] = [await connect(s1), await connect(s2)]
    await write(active)
    await expect(write(standby)).rejects.toMatchObject({ code: 'BUSY' })
    expect(one.describe().nvme).toMatchObject({ nqn: NQN, sessions: [{ host: HOST }] })
    expect([one.sessions, two.sessions]).toEqual([1, 1])
    await one.detach()
    await active.closed
    await two.attach(device)
    tell(['standby', 'active'])
    await write(standby)
    await expect(write(await connect(s1))).rejects.toMatchObject({ code: 'BUSY' })
  })

  it('is listed with all its paths by every server, to those who may see it', async () => {
    const [s1, s2, s3] = servers
    await s1.volume(device.uuid).attach(device)
    s2.volume(device.uuid)
    tell(['active', 'standby'], { hosts: [HOST] })
    const told = async (server: TestServer, host: string): Promise<number[]> => {
      const entries = await discover(means(server, host))
      return entries.flatMap(({ subsystemNqn, port }) => (subsystemNqn === NQN ? [Number(port)] : [])).sort()
    }
    const ports = [s1, s2].map(({ served }) => served.addresses.nvme[0]!.port).sort()
    expect(await told(s3, HOST)).toEqual(ports)
    expect(await told(s3, STRANGER)).toEqual([])
  })

  it('is for hosts that its rules admit, and asks for their secrets', async () => {
    const [s1] = servers
    const volume = s1.volume(device.uuid)
    await volume.attach(device)
    const common = { initiators: null, chap: null }
    volume.setOwnAccess({ ...common, hosts: [HOST], dhchap: null })
    await expect(connect(s1, STRANGER)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await write(await connect(s1))
    volume.setOwnAccess({ ...common, hosts: null, dhchap: [{ host: HOST, secret: Secret.fromText(SECRET) }] })
    await expect(connect(s1)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('is to be tried again while it may come, and is unknown where it has no path', async () => {
    const [s1, s2, s3] = servers
    await expect(connect(s3), 'nothing is known yet').rejects.toMatchObject({ code: 'BUSY' })
    s2.volume(Uint8Array.from({ length: 16 }, (_, i) => i))
    tell(['transitioning', 'transitioning'])
    await expect(connect(s1), 'it has a path here, which is not open').rejects.toMatchObject({ code: 'BUSY' })
    await expect(connect(s3)).rejects.toMatchObject({ code: 'PROTOCOL' })
  })
})
