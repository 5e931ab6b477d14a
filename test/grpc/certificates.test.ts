/** Streams and calls between nodes that show certificates. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Logger, silentLogger } from '../../src/base/log.ts'
import { TLS_NAME, type TlsIdentity } from '../../src/base/tls.ts'
import { formatUuid, randomUuid } from '../../src/base/uuid.ts'
import { Secret } from '../../src/frontend/secret.ts'
import { RealClock } from '../../src/io/clock.ts'
import { RealRandom } from '../../src/io/random.ts'
import { loadSyscalls } from '../../src/io/syscalls.ts'
import {
  type KeyAndCertificate,
  makeAuthority,
  makeNodeCertificate,
} from '../../src/master/security/certificate.ts'
import { ClusterMember } from '../../src/server/cluster/cluster-member.ts'
import { PathTable } from '../../src/server/served/path-table.ts'
import { realPorts, temporaryDirectory } from '../e2e/target/support/volume.ts'
import { JOIN_TOKEN, MasterDouble } from './master-double.ts'

const SET = { epoch: 3, version: 9 } as const
const random = new RealRandom()
const clock = new RealClock({ syscalls: loadSyscalls() })
const clusterId = formatUuid(randomUuid(random))
const SERVER = formatUuid(randomUuid(random))
const VOLUME = formatUuid(randomUuid(random))
const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) }
const authority = await makeAuthority(random, clusterId, validity)

async function identity(
  name: string,
  hosts: readonly string[],
  by: KeyAndCertificate = authority,
): Promise<TlsIdentity> {
  const { cert, key } = await makeNodeCertificate(random, by, { clusterId, name, hosts, validity })
  return { ca: Buffer.from(by.cert), cert: Buffer.from(cert), key: Buffer.from(key) }
}
const ofMaster = await identity('m1', [TLS_NAME.master, 'm1'])
const ofServer = await identity('s1', [TLS_NAME.server, 's1'])
const ofAnother = await identity('s2', [TLS_NAME.server, 's2'])
const stranger = await makeAuthority(random, clusterId, validity)
const ofStranger = await identity('s1', [TLS_NAME.server, 's1'], stranger)

let directory: ReturnType<typeof temporaryDirectory>
let master: MasterDouble
const members: ClusterMember[] = []
const removed: string[] = []
beforeEach(async () => {
  directory = temporaryDirectory()
  refused = Promise.withResolvers()
  master = await MasterDouble.open(0, ofMaster)
})
afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.close()))
  master.grpc.close()
  directory.remove()
})

let refused: PromiseWithResolvers<void>
const logger = (): Logger => ({
  ...silentLogger,
  warn: (event) => {
    if (event === 'master.away') refused.resolve()
  },
})

async function join(tls: TlsIdentity | undefined, name = 's1'): Promise<ClusterMember> {
  const member = await ClusterMember.open({
    ...{ disk: realPorts().disk, clock, random, logger: logger(), directory: directory.path },
    ...{ masters: [master.address], tls, joinToken: Secret.fromText(JOIN_TOKEN) },
    listen: { host: '127.0.0.1', port: 0 },
    hello: (grpc) => ({
      ...{ id: SERVER, name, clusterId, zone: null, rack: null, diskType: 'ssd' },
      addresses: {
        ...{ grpc: `127.0.0.1:${grpc.port}`, replication: '127.0.0.1:1' },
        ...{ http: '127.0.0.1:2', iscsi: ['127.0.0.1:3'], nvme: [] },
      },
    }),
    isDraining: () => false,
    table: new PathTable(),
    ...{ version: 'test', startedWallMs: 0 },
    onFatal: (error) => {
      throw error
    },
  })
  members.push(member)
  await member.join({
    allocate: async () => undefined,
    remove: async ({ volume }) => {
      removed.push(volume)
    },
    ...{ expand: async () => undefined, setSettings: async () => undefined },
    ...{ deliver: () => true, list: () => [] },
  })
  return member
}

describe('nodes with certificates', () => {
  it('hear each other, on streams and in calls', async () => {
    await join(ofServer)
    await master.until(() => master.beats.length > 0)
    await master.links.remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })
    expect(removed).toEqual([VOLUME])
  })

  it.each([
    ['without a certificate', undefined, 's1'],
    ["with another node's", ofAnother, 's1'],
    ["with a master's", ofMaster, 'm1'],
    ["with one of another cluster's authority", ofStranger, 's1'],
  ])('do not let a server join %s', async (_, tls, name) => {
    const member = await join(tls, name)
    await refused.promise
    expect(member.connection()).toMatchObject({ connects: 0, reason: expect.any(String) })
    expect(master.hellos).toEqual([])
  })

  it('show new certificates on connections that come later', async () => {
    const member = await join(ofServer)
    await master.until(() => master.beats.length > 0)
    await master.links.remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })
    // of an authority that the other side does not know
    const strange = await identity('m1', [TLS_NAME.master], stranger)
    master.grpc.useTls(strange)
    await expect(master.links.remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })).rejects.toMatchObject({
      code: 'DISCONNECTED',
    })
    master.grpc.useTls(ofMaster)
    await master.links.remove(SERVER, { volume: VOLUME, epoch: 1, set: SET })
    expect(member.connection().state).toBe('connected')
  })

  it('is no master with the certificate of a server', async () => {
    master.grpc.close()
    master = await MasterDouble.open(0, ofServer)
    await join(ofServer)
    await refused.promise
    expect(master.hellos).toEqual([])
  })
})
