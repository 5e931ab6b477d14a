import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { IQN, pathsAt, TestServer } from '../../../test/e2e/server/front-ends.ts'
import { HOST_NAME, initiatorOf, login, send } from '../../../test/e2e/target/support/host.ts'
import { MIB } from '../../base/units.ts'
import { formatUuid } from '../../base/uuid.ts'
import type { PathRole, VolumePaths } from '../../frontend/paths.ts'
import { parseSense } from '../../iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../iscsi/initiator/session.ts'

const STRANGER = 'iqn.2026-11.org.example:stranger'
const TEST_UNIT_READY = '00 00 00 00 00 00'
const REPORT_TARGET_PORT_GROUPS = 'a3 0a 00 00 00 00 00 00 01 00 00 00'

describe('volumes of a cluster, as hosts see them at each server', () => {
  const device = new MemoryDevice({ sizeBytes: MIB, name: 'vol1' })
  const volumeId = formatUuid(device.uuid)
  let servers: [TestServer, TestServer, TestServer]

  beforeEach(async () => {
    servers = await Promise.all([TestServer.open('s1'), TestServer.open('s2'), TestServer.open('s3')])
  })
  afterEach(() => Promise.all(servers.map(({ served }) => served.close())))

  const paths = (roles: readonly PathRole[], of: Partial<VolumePaths> = {}): VolumePaths =>
    pathsAt(servers, roles, { volume: volumeId, ...of })
  const tell = (...volumes: VolumePaths[]): void => {
    for (const { table } of servers) table.apply({ isFirst: true, isLast: true, volumes, removed: [] })
  }
  const senseOf = async (session: InitiatorSession): Promise<string> => {
    const sense = parseSense((await send(session, TEST_UNIT_READY)).sense)
    return sense === undefined
      ? 'ready'
      : [sense.key, sense.asc, sense.ascq].map((n) => n.toString(16)).join('/')
  }
  /** Id and state of each group of ports. */
  const groupsOf = async (session: InitiatorSession): Promise<string[]> => {
    const { dataIn } = await send(session, REPORT_TARGET_PORT_GROUPS, { dataInLengthBytes: 256 })
    const data = Buffer.from(dataIn)
    const groups: string[] = []
    for (let at = 4; at < 4 + data.readUInt32BE(0); at += 8 + 4 * data.readUInt8(at + 7)) {
      groups.push(`${data.readUInt16BE(at + 2)}:${data.readUInt8(at) & 0x0f}`)
    }
    return groups
  }

  it('are to be asked for again before the table is whole, and are unknown when they are not in it', async () => {
    await expect(servers[2].login()).rejects.toMatchObject({ code: 'BUSY' })
    const foreign = { iscsi: servers[2].iscsi, iqn: 'iqn.2001-04.com.example:disk' }
    await expect(login(foreign)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    tell()
    await expect(servers[2].login()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    servers[2].table.interrupted()
    await expect(servers[2].login()).rejects.toMatchObject({ code: 'BUSY' })
  })

  it('are where they are served, and every server sends hosts there', async () => {
    const [s1, s2, s3] = servers
    await s1.volume(device.uuid).attach(device)
    const standby = s2.volume(device.uuid)
    tell(paths(['active', 'standby']))
    for (const server of [s1, s2, s3]) {
      const { session, disk } = await server.login()
      await disk.read(0, 1, new Uint8Array(512))
      expect(s1.served.addresses.iscsi[0]?.port).toBeGreaterThan(0)
      expect(standby.sessions).toBe(0)
      await session.logout()
      const found = await initiatorOf().discover(server.served.addresses.iscsi[0]!)
      expect(found).toEqual([
        { targetName: IQN, portals: [{ address: server.served.addresses.iscsi[0], portalGroupTag: 1 }] },
      ])
    }
  })

  it('are nowhere while nobody serves them, whatever an old table says', async () => {
    const [s1, s2] = servers
    s1.volume(device.uuid)
    tell(paths(['active', 'standby']))
    await expect(s1.login(), 'it would serve, and does not').rejects.toMatchObject({ code: 'BUSY' })
    await expect(s2.login(), 'it sends to one that does not').rejects.toMatchObject({ code: 'BUSY' })
    tell(paths(['transitioning', 'transitioning']))
    await expect(s2.login()).rejects.toMatchObject({ code: 'BUSY' })
  })

  it('are shown to nobody who may not see them, wherever he asks', async () => {
    const [s1, s2, s3] = servers
    const volume = s1.volume(device.uuid)
    volume.setOwnAccess({ initiators: [HOST_NAME], chap: null, hosts: null, dhchap: null })
    await volume.attach(device)
    tell(paths(['active', 'standby'], { initiators: [HOST_NAME] }))
    for (const server of [s1, s2, s3]) {
      await expect(server.login(STRANGER), server.id).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      const portal = server.served.addresses.iscsi[0]!
      expect(await initiatorOf({ name: STRANGER }).discover(portal), server.id).toEqual([])
      await (await server.login()).session.logout()
    }
    // what the table leaves to the servers follows their own rules, and their changes
    tell(paths(['active', 'standby']))
    s3.served.setAccess({ initiators: [STRANGER] })
    await expect(s3.login()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('of several paths are targets at each server with a replica, and the roles swap without a new login', async () => {
    const [s1, s2, s3] = servers
    const [one, two] = [s1.volume(device.uuid), s2.volume(device.uuid)]
    await one.attach(device)
    tell(paths(['active', 'standby'], { isMultipath: true }))
    // it was told late that it has a port of its own
    expect(one.describe().iscsi.portals).toMatchObject([{ portalGroupTag: 1 }])
    expect(two.describe().iscsi.portals).toMatchObject([{ portalGroupTag: 17 }])
    const [active, standby] = [await s1.login(), await s2.login()]
    expect(await senseOf(active.session)).toBe('ready')
    expect(await senseOf(standby.session)).toBe('2/4/b')
    expect(await groupsOf(active.session)).toEqual(['1:0', '2:2'])
    expect(await groupsOf(standby.session)).toEqual(['1:0', '2:2'])
    expect(two.sessions).toBe(1)
    const elsewhere = await s3.login()
    expect(one.sessions, 'a server without a replica sends to a path').toBe(2)
    await elsewhere.session.logout()
    for (const { served } of servers) {
      const [found] = await initiatorOf().discover(served.addresses.iscsi[0]!)
      const tags = found?.portals.map(({ portalGroupTag }) => portalGroupTag)
      expect(tags?.sort()).toEqual([1, 17])
    }

    await one.detach()
    await active.session.closed
    await two.attach(device)
    tell(paths(['standby', 'active'], { isMultipath: true }))
    await standby.disk.write(0, 1, new Uint8Array(512).fill(3))
    expect(await groupsOf(standby.session)).toEqual(['1:2', '2:0'])
    const back = await s1.login()
    expect(await senseOf(back.session)).toBe('2/4/b')
    await Promise.all([back.session.logout(), standby.session.logout()])
  })

  it('do not pass for a volume of the same name that was there before', async () => {
    const [s1, s2] = servers
    const left = s2.volume(Uint8Array.from({ length: 16 }, (_, i) => i))
    const served = s1.volume(device.uuid)
    await served.attach(device)
    tell(paths(['active', 'standby'], { isMultipath: true }))
    const { session, disk } = await s2.login()
    expect([served.sessions, left.sessions]).toEqual([1, 0])
    await disk.read(0, 1, new Uint8Array(512))
    await session.logout()
  })
})
