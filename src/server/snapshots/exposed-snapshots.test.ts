import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pathsAt, TestServer } from '../../../test/e2e/server/front-ends.ts'
import { initiatorOf, login, patternAt, send } from '../../../test/e2e/target/support/host.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { MemoryImage } from '../../../test/support/memory-image.ts'
import { silentLogger } from '../../base/log.ts'
import type { SnapshotDevice } from '../../base/ports/snapshots.ts'
import { BLOCK_BYTES, MIB } from '../../base/units.ts'
import { formatUuid } from '../../base/uuid.ts'
import { RealNet } from '../../io/net.ts'
import { parseSense } from '../../iscsi/initiator/sense.ts'
import { NvmeBlockClient } from '../../nvme/initiator/block-client.ts'
import { discover } from '../../nvme/initiator/discover.ts'
import { NvmeHostController } from '../../nvme/initiator/host-controller.ts'
import { ExposedSnapshots } from './exposed-snapshots.ts'
import { snapshotUuid } from './snapshot-identity.ts'

const UUID = Uint8Array.from({ length: 16 }, (_, i) => 0x40 + i)
const ID = 0xa1n
const IQN = 'iqn.2026-11.io.basalt:vol1:snap:monday'
const NQN = 'nqn.2026-11.io.basalt:vol1:snap:monday'
const HOST = 'nqn.2014-08.org.nvmexpress:uuid:2c9e1a4e-5a0b-4d0c-9a55-6d2f6c1f0a11'
const CONTENT = patternAt(3, BLOCK_BYTES)

describe('a snapshot that hosts may log in to', () => {
  let server: TestServer
  let images: MemoryImage[]
  let exposed: ExposedSnapshots
  let controllers: NvmeHostController[]

  const snapshot = { id: ID, name: 'monday', lsn: 1000, createdWallMs: 0, sizeBytes: MIB }
  const device: Pick<SnapshotDevice, 'snapshots' | 'openSnapshot'> = {
    snapshots: () => [snapshot],
    openSnapshot: async () => {
      const image = new MemoryImage({ sizeBytes: MIB, blocks: new Map([[3, CONTENT]]) })
      images.push(image)
      return image
    },
  }

  beforeEach(async () => {
    server = await TestServer.open('s1')
    server.table.apply({ isFirst: true, isLast: true, volumes: [], removed: [] })
    images = []
    controllers = []
    exposed = new ExposedSnapshots({
      served: server.served,
      name: 'vol1',
      uuid: UUID,
      logger: silentLogger,
    })
  })
  afterEach(async () => {
    for (const controller of controllers) controller.close()
    await exposed.endAll('the test is over')
    await server.served.close()
  })

  const iscsi = (name?: string) =>
    login({ iscsi: server.iscsi, iqn: IQN }, name === undefined ? {} : { name })
  const nvmeMeans = () => ({
    ...{ net: new RealNet(), clock: realPorts().clock, portal: server.served.addresses.nvme[0]! },
    ...{ hostNqn: HOST, hostId: Uint8Array.from({ length: 16 }, (_, i) => i + 1) },
  })
  async function nvme(): Promise<NvmeHostController> {
    const controller = await NvmeHostController.connect({ ...nvmeMeans(), subsystemNqn: NQN })
    controllers.push(controller)
    return controller
  }

  it('is a disk of its own over iSCSI, which is read and not written', async () => {
    await exposed.expose(device, ID)
    const found = await initiatorOf().discover(server.served.addresses.iscsi[0]!)
    expect(found.map(({ targetName }) => targetName)).toEqual([IQN])
    const { session, disk } = await iscsi()
    const block = new Uint8Array(BLOCK_BYTES)
    await disk.read(24, 8, block)
    expect(block).toEqual(CONTENT)
    await disk.read(32, 8, block)
    expect(block).toEqual(new Uint8Array(BLOCK_BYTES))

    // MODE SENSE(6), all pages: WP, bit 7 of the device-specific parameter (SBC-4, Mode parameters)
    const modes = await send(session, '1a 00 3f 00 ff 00', { dataInLengthBytes: 255 })
    expect((modes.dataIn?.[2] ?? 0) & 0x80).toBe(0x80)
    const changes = {
      'WRITE(10)': ['2a 00 00000000 00 0001 00', new Uint8Array(512)],
      'WRITE SAME(16)': ['93 00 0000000000000000 00000001 00 00', new Uint8Array(512)],
      UNMAP: [
        '42 00 00000000 00 0018 00',
        Uint8Array.from([0, 22, 0, 16, ...new Uint8Array(15), 1, 0, 0, 0, 0]),
      ],
      'PERSISTENT RESERVE OUT, REGISTER': ['5f 00 00 0000 00000018 00', new Uint8Array(24).fill(1, 15, 16)],
      'COMPARE AND WRITE': ['89 00 0000000000000000 000000 01 00 00', new Uint8Array(1024)],
    } as const
    for (const [name, [cdb, dataOut]] of Object.entries(changes)) {
      const { sense } = await send(session, cdb, { dataOut })
      expect(parseSense(sense), name).toMatchObject({ key: 7, asc: 0x27, ascq: 0 })
    }
    // SYNCHRONIZE CACHE(10) has nothing to do
    expect((await send(session, '35 00 00000000 00 0000 00')).status).toBe(0)
    await session.logout()
  })

  it('has the identity of no other disk', async () => {
    await exposed.expose(device, ID)
    const { session } = await iscsi()
    const page = await send(session, '12 01 80 00ff 00', { dataInLengthBytes: 255 })
    const serial = Buffer.from(page.dataIn ?? [])
      .toString('latin1')
      .slice(4)
    const own = Buffer.from(snapshotUuid(UUID, ID)).toString('hex')
    expect(serial.replaceAll('-', '').toLowerCase()).toContain(own.slice(0, 16))
    const uuids = [
      snapshotUuid(UUID, ID),
      snapshotUuid(UUID, ID + 1n),
      snapshotUuid(new Uint8Array(16), ID),
      UUID,
    ]
    expect(new Set(uuids.map((uuid) => Buffer.from(uuid).toString('hex'))).size).toBe(4)
    expect(snapshotUuid(UUID, ID)).toEqual(snapshotUuid(Uint8Array.from(UUID), ID))
    await session.logout()
  })

  it('is a write-protected namespace over NVMe/TCP', async () => {
    await exposed.expose(device, ID)
    const entries = await discover(nvmeMeans())
    expect(entries.map(({ subsystemNqn }) => subsystemNqn)).toContain(NQN)
    const controller = await nvme()
    const client = new NvmeBlockClient(controller)
    const block = new Uint8Array(BLOCK_BYTES)
    await client.read({ lba: 24, blocks: 8 }, block)
    expect(block).toEqual(CONTENT)
    // Identify Namespace: NSATTR, byte 99, bit 0
    expect((await controller.identify(0, 1))[99]! & 1).toBe(1)
    await expect(client.write({ lba: 0, blocks: 1 }, new Uint8Array(512))).rejects.toMatchObject({
      code: 'READ_ONLY',
    })
  })

  it('is for those who may use the volume', async () => {
    exposed.setOwnAccess({
      initiators: ['iqn.2026-11.org.example:host1'],
      chap: null,
      hosts: [],
      dhchap: null,
    })
    await exposed.expose(device, ID)
    await expect(iscsi('iqn.2026-11.org.example:stranger')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(nvme()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const { session } = await iscsi()
    expect(exposed.sessionsOf(ID)).toBe(1)
    exposed.setOwnAccess({ initiators: [], chap: null, hosts: [HOST], dhchap: null })
    await session.closed
    await nvme()
    expect(exposed.sessionsOf(ID)).toBe(1)
  })

  it('goes with the lead, connections reset, and comes again', async () => {
    await exposed.expose(device, ID)
    await exposed.expose(device, ID)
    expect(images).toHaveLength(1)
    const [host, controller] = [await iscsi(), await nvme()]
    const over = exposed.endAll('a higher epoch')
    await Promise.all([host.session.closed, controller.closed, over])
    expect(images[0]?.isClosed).toBe(true)
    expect(exposed.list()).toEqual([])
    await exposed.expose(device, ID)
    const again = await iscsi()
    await again.disk.read(24, 8, new Uint8Array(BLOCK_BYTES))
    await exposed.hide(ID)
    await again.session.closed
    await expect(exposed.expose(device, 7n)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('is not begun for a lead that is over', async () => {
    const slow = {
      ...device,
      openSnapshot: async () => {
        const image = await device.openSnapshot(ID)
        void exposed.endAll('a higher epoch')
        return image
      },
    }
    await expect(exposed.expose(slow, ID)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(images[0]?.isClosed).toBe(true)
    await expect(iscsi()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('is where its volume is served: other servers send initiators there, and in a gap hosts come again', async () => {
    const other = await TestServer.open('s2')
    try {
      const tell = (roles: Parameters<typeof pathsAt>[1], isMultipath: boolean): void => {
        const volumes = [pathsAt([server, other], roles, { volume: formatUuid(UUID), isMultipath })]
        for (const { table } of [server, other])
          table.apply({ isFirst: true, isLast: true, volumes, removed: [] })
      }
      await exposed.expose(device, ID)
      for (const isMultipath of [false, true]) {
        tell(['active', 'standby'], isMultipath)
        const { session, disk } = await login({ iscsi: other.iscsi, iqn: IQN })
        await disk.read(24, 8, new Uint8Array(BLOCK_BYTES))
        await session.logout()
      }
      await exposed.hide(ID)
      await expect(iscsi(), 'it may be offered again').rejects.toMatchObject({ code: 'BUSY' })
      await expect(nvme()).rejects.toMatchObject({ code: 'BUSY' })
      tell(['transitioning', 'transitioning'], true)
      await expect(login({ iscsi: other.iscsi, iqn: IQN })).rejects.toMatchObject({ code: 'BUSY' })
      const stranger = { iscsi: other.iscsi, iqn: IQN.replace('vol1', 'vol2') }
      await expect(login(stranger), 'of no volume').rejects.toMatchObject({ code: 'NOT_FOUND' })
    } finally {
      await other.served.close()
    }
  })
})
