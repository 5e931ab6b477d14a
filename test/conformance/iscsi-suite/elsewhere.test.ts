import { afterEach, describe, expect, it } from 'vitest'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { InitiatorLogin } from '../../../src/iscsi/initiator/login.ts'
import { encodeLoginRequest } from '../../../src/iscsi/pdu/login.ts'
import { LoginStatus, Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import { rawLogin } from '../../e2e/iscsi/fixture.ts'
import { HOST, NAME, PathCluster, PREFIX, type ServerName } from '../../e2e/iscsi/paths-fixture.ts'

let cluster: PathCluster
afterEach(() => cluster.close())
const STRANGER = 'iqn.2026-11.org.example:stranger'
const access = { ...OPEN_ACCESS, initiators: [HOST] }

/** Status and text of the first answer to a login. */
async function login(server: ServerName, targetName = NAME, initiatorName = HOST): Promise<[number, string]> {
  const raw = await cluster.servers[server].raw()
  const step = new InitiatorLogin(rawLogin({ targetName, initiatorName })).first()
  if (step.kind !== 'send') throw new Error('nothing to send')
  raw.send((view, at) => encodeLoginRequest(view, at, step.request), step.data)
  const { pdu, data } = await raw.next()
  if (pdu.opcode !== Opcode.loginResponse) throw new Error('no login response')
  raw.close()
  return [pdu.status, Buffer.from(data).toString().replaceAll('\0', ' ').trim()]
}

describe('RFC 7143 §11.13.5: a login at a server that does not serve the target', () => {
  it('is sent to the one that does, or asked to come again, without multipath', async () => {
    cluster = await PathCluster.start({ isMultipath: false, access })
    const { a } = cluster.servers
    for (const server of ['b', 'c'] as const) {
      cluster.tell({ a: 'active', b: 'standby' }, false)
      expect(await login(server)).toEqual([LoginStatus.targetMovedTemporarily, `TargetAddress=${a.address}`])
      cluster.tell({ a: 'transitioning', b: 'transitioning' }, false)
      expect(await login(server)).toEqual([LoginStatus.serviceUnavailable, ''])
      cluster.tell({ a: 'unavailable', b: 'transitioning' }, false)
      expect(await login(server)).toEqual([LoginStatus.serviceUnavailable, ''])
    }
  })

  it('is sent to a path of a multipath volume, the active one first, by a server that has none', async () => {
    cluster = await PathCluster.start({ access })
    const { a, b } = cluster.servers
    const to = (address: string): [number, string] => [
      LoginStatus.targetMovedTemporarily,
      `TargetAddress=${address}`,
    ]
    cluster.tell({ a: 'standby', b: 'active' })
    expect(await login('c')).toEqual(to(b.address))
    cluster.tell({ a: 'transitioning', b: 'transitioning' })
    expect(await login('c')).toEqual(to(a.address))
    cluster.tell({ a: 'unavailable', b: 'standby' })
    expect(await login('c')).toEqual(to(b.address))
    cluster.tell({ a: 'unavailable', b: 'unavailable' })
    expect(await login('c')).toEqual([LoginStatus.serviceUnavailable, ''])
  })

  it('tells a stranger nothing, whatever the state', async () => {
    cluster = await PathCluster.start({ isMultipath: false, access })
    for (const role of ['active', 'standby'] as const) {
      cluster.tell({ a: role, b: 'standby' })
      expect(await login('c', NAME, STRANGER)).toEqual([LoginStatus.authorizationFailure, ''])
      expect(await cluster.servers.c.discover(STRANGER)).toEqual([])
    }
  })

  it('is refused for good only when all volumes are known', async () => {
    cluster = await PathCluster.start({ access })
    const { c } = cluster.servers
    expect(await login('c', `${PREFIX}other`)).toEqual([LoginStatus.serviceUnavailable, ''])
    expect(await login('c', 'iqn.2026-11.org.example:disk')).toEqual([LoginStatus.notFound, ''])
    cluster.tell({ a: 'active', b: 'standby' })
    expect((await login('c', `${PREFIX}other`))[0]).toBe(LoginStatus.notFound)
    c.elsewhere.delete(NAME)
    expect((await login('c'))[0]).toBe(LoginStatus.notFound)
    c.elsewhere.clear()
    expect((await login('c'))[0]).toBe(LoginStatus.serviceUnavailable)
  })
})

describe('RFC 7143 appendix C: SendTargets at any server', () => {
  it('lists a volume without multipath with the portals at which it is asked', async () => {
    cluster = await PathCluster.start({ isMultipath: false })
    cluster.tell({ a: 'active', b: 'standby' })
    for (const server of [cluster.servers.b, cluster.servers.c]) {
      expect(await server.discover()).toEqual([{ targetName: NAME, portals: [`${server.address},1`] }])
    }
  })

  it('lists a multipath volume once, with the portals of all its paths and their tags', async () => {
    cluster = await PathCluster.start()
    const { a, b, c } = cluster.servers
    cluster.tell({ a: 'active', b: 'unavailable' })
    a.serve()
    b.standby()
    const second = await a.target.listen({ host: '127.0.0.1', port: 0 })
    const own = { a: `${a.address},1`, b: `${b.address},81` }
    expect(await c.discover()).toEqual([{ targetName: NAME, portals: [own.a, own.b] }])
    expect(await b.discover()).toEqual([{ targetName: NAME, portals: [own.b, own.a] }])
    expect(await a.discover()).toEqual([
      { targetName: NAME, portals: [own.a, `127.0.0.1:${second.port},2`, own.b] },
    ])
  })
})
