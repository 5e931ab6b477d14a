/**
 * Publications: a node is let in, over both protocols and at every path, and when it was taken back it is out: at the
 * server that serves, at the one that stands by, at the next primary after a failover, and where the primary could not be
 * asked.
 */
import { join } from 'node:path'
import { parseHostPort } from '../../../../src/base/address.ts'
import { isBlockError } from '../../../../src/base/errors.ts'
import { RealClock } from '../../../../src/io/clock.ts'
import { RealNet } from '../../../../src/io/net.ts'
import { RealRandom } from '../../../../src/io/random.ts'
import { loadSyscalls } from '../../../../src/io/syscalls.ts'
import type { DhchapKeys } from '../../../../src/nvme/auth/credentials.ts'
import { formatSecret, generateKey } from '../../../../src/nvme/auth/secret.ts'
import { dhchapAuthenticator } from '../../../../src/nvme/initiator/authenticate.ts'
import { NvmeHostController } from '../../../../src/nvme/initiator/host-controller.ts'
import { type Host, login } from '../../target/support/host.ts'
import { ApiError } from '../fixture/api.ts'
import { RealCluster, type Server } from '../fixture/real-cluster.ts'
import type { ClusterCase, Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const SMALL = { size_bytes: 16 << 20, log_bytes: 4 << 20, replica_factor: 2 }
const VOLUME = 'pub'
const IQN = `iqn.2026-11.io.basalt:${VOLUME}`
const NQN = `nqn.2026-11.io.basalt:${VOLUME}`
const NOBODY = { initiators: [], chap: null, hosts: [], dhchap: [] }
const BLOCK = new Uint8Array(4096).fill(7)

export const PUBLICATIONS: ClusterCase = {
  name: 'publications',
  summary: 'a volume is published to nodes and taken back: who is out is out everywhere',
  async run(scene) {
    const cluster = await RealCluster.start(join(scene.directory, 'cluster'), { servers: 3 })
    try {
      await cluster.api.call('POST', '/block/volume', { name: VOLUME, ...SMALL, multipath: true })
      await cluster.api.healthy(VOLUME)
      await cluster.api.call('PUT', `/block/volume/${VOLUME}/access`, NOBODY)
      await letsIn(scene, cluster)
      await shutsOut(scene, cluster)
      await proves(scene, cluster)
      await afterFailover(scene, cluster)
      await withoutThePrimary(scene, cluster)
    } finally {
      await cluster.destroy()
    }
  },
}

async function letsIn(scene: Scene, cluster: RealCluster): Promise<void> {
  const { api } = cluster
  await scene.check('only the node that it is published to is let in, when that is answered', async () => {
    const { primary } = await rolesOf(cluster)
    await refused(primary, 'a')
    await publish(cluster, 'a')
    const { session, disk } = await iscsi(primary, 'a')
    await disk.write(0, 8, BLOCK)
    const controller = await nvme(primary, 'a')
    await refused(primary, 'b')
    controller.close()
    await session.logout()
  })
  await scene.check('another node is told who has it, and the volume is not deleted', async () => {
    await conflict(publish(cluster, 'b'), 'published_elsewhere', 'a')
    await conflict(publish(cluster, 'a', { read_only: true }), 'published_differently')
    await conflict(api.call('DELETE', `/block/volume/${VOLUME}`), 'published', 'a')
    await publish(cluster, 'a')
  })
}

async function shutsOut(scene: Scene, cluster: RealCluster): Promise<void> {
  await scene.check('sessions at every path end before the answer, and nothing more is written', async () => {
    const { primary, other } = await rolesOf(cluster)
    const sessions = [await iscsi(primary, 'a'), await iscsi(other, 'a')]
    const controllers = [await nvme(primary, 'a'), await nvme(other, 'a')]
    const writing = writeOn(sessions[0]!)
    await untilWritten(writing)
    await unpublish(cluster, 'a')
    const answeredMs = performance.now()
    for (const server of [primary, other]) {
      const status = await server.status()
      const replica = status.replicas.find(({ name }) => name === VOLUME)
      expect(replica?.iscsi.sessions === 0, `${server.name}: ${replica?.iscsi.sessions} iSCSI sessions`)
      expect(replica?.nvme.sessions === 0, `${server.name}: ${replica?.nvme.sessions} NVMe sessions`)
    }
    await writing.ended
    expect(writing.givenMs < answeredMs, 'a write that was given after the answer was acknowledged')
    await Promise.all(sessions.map(({ session }) => session.closed))
    await Promise.all(controllers.map(({ closed }) => closed))
  })
  await scene.check('no server lets it in any more; taken back again it is answered alike', async () => {
    for (const server of cluster.servers) await refused(server, 'a')
    await unpublish(cluster, 'a')
  })
}

/** NVMe/TCP with DH-HMAC-CHAP, both ways. */
async function proves(scene: Scene, cluster: RealCluster): Promise<void> {
  await scene.check(
    'a node that is published with a secret is let in with that one, and no other',
    async () => {
      const { primary, other } = await rolesOf(cluster)
      const hostKey = generateKey(new RealRandom())
      const controllerKey = generateKey(new RealRandom())
      const secrets = { secret: formatSecret(hostKey), controller_secret: formatSecret(controllerKey) }
      await publish(cluster, 'c', { dhchap: secrets })
      for (const server of [primary, other]) {
        await refused(server, 'c', ['NVMe'])
        const wrong = { hostKey: generateKey(new RealRandom()), controllerKey }
        await expectDenied(nvme(server, 'c', wrong), `${server.name} takes another secret`)
        await expectDenied(
          nvme(server, 'c', { hostKey, controllerKey: wrong.hostKey }),
          `${server.name} is believed without its secret`,
        )
        const controller = await nvme(server, 'c', { hostKey, controllerKey })
        controller.close()
      }
      const shown = JSON.stringify(await cluster.api.volume(VOLUME))
      expect(/"dhchap":\{"controller":true\}/.test(shown), 'it shows that there is a secret')
      expect(!shown.includes(secrets.secret.slice(10, 30)), 'it shows the secret')
      await unpublish(cluster, 'c')
      await expectDenied(
        nvme(primary, 'c', { hostKey, controllerKey }),
        'the secret outlives the publication',
      )
    },
  )
}

async function expectDenied(connecting: Promise<NvmeHostController>, what: string): Promise<void> {
  const made = await connecting.catch((error: unknown) => {
    if (isBlockError(error)) return undefined
    throw error
  })
  made?.close()
  expect(made === undefined, what)
}

async function afterFailover(scene: Scene, cluster: RealCluster): Promise<void> {
  await scene.check('the next primary lets in whom it is published to, and not who was before', async () => {
    const { primary, other } = await rolesOf(cluster)
    await publish(cluster, 'b')
    await primary.kill()
    await cluster.api.until('the other server to serve', 30_000, async () => {
      const volume = await cluster.api.volume(VOLUME)
      return volume?.serving === true && volume.volume_server === other.id ? true : undefined
    })
    await refused(other, 'a')
    const { session, disk } = await iscsi(other, 'b')
    await disk.write(0, 8, BLOCK)
    const controller = await nvme(other, 'b')
    controller.close()
    await session.logout()
    await primary.start()
    await cluster.api.healthy(VOLUME)
    // who was away serves by the rules of now
    await refused(primary, 'a')
  })
}

async function withoutThePrimary(scene: Scene, cluster: RealCluster): Promise<void> {
  await scene.check('a primary that cannot be asked: answered when another one leads', async () => {
    const { primary, other } = await rolesOf(cluster)
    const host = await iscsi(primary, 'b')
    await host.disk.write(0, 8, BLOCK)
    primary.signal('SIGSTOP')
    const beganMs = performance.now()
    try {
      await unpublish(cluster, 'b')
      scene.note(`answered after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
      const volume = await cluster.api.volume(VOLUME)
      expect(volume?.volume_server === other.id, 'it was answered while the old primary may serve')
    } finally {
      primary.signal('SIGCONT')
    }
    const late = await host.disk.write(0, 8, BLOCK).then(
      () => 'acknowledged',
      (error: unknown) => (isBlockError(error) ? 'failed' : Promise.reject(error)),
    )
    expect(late === 'failed', 'the old primary acknowledged a write of a node that was shut out')
    await refused(other, 'b')
    await cluster.api.healthy(VOLUME)
    await refused(primary, 'b')
  })
}

// ---- hosts

const initiatorOfNode = (node: string): string => `iqn.2026-11.io.basalt:node:${node}`
const hostOfNode = (node: string): string => `nqn.2026-11.io.basalt:node:${node}`

const iscsi = (server: Server, node: string): Promise<Host> =>
  login({ iscsi: server.line.iscsi, iqn: IQN }, { name: initiatorOfNode(node) })

/** With `keys` it proves itself. */
const nvme = (server: Server, node: string, keys?: DhchapKeys): Promise<NvmeHostController> =>
  NvmeHostController.connect({
    net: new RealNet(),
    clock: new RealClock({ syscalls: loadSyscalls() }),
    portal: parseHostPort(String(server.line.nvme), 'portal'),
    subsystemNqn: NQN,
    hostNqn: hostOfNode(node),
    hostId: new Uint8Array(16).fill(node.charCodeAt(0)),
    keepAliveMs: 0,
    ...(keys !== undefined && {
      authenticate: dhchapAuthenticator({
        ...{ hostNqn: hostOfNode(node), subsystemNqn: NQN, keys, random: new RealRandom() },
      }),
    }),
  })

const CONNECT = { iSCSI: iscsi, NVMe: nvme } as const

/** Over both protocols unless told, for good and not for now. */
async function refused(
  server: Server,
  node: string,
  protocols: readonly (keyof typeof CONNECT)[] = ['iSCSI', 'NVMe'],
): Promise<void> {
  for (const what of protocols) {
    await passing(async () => {
      try {
        const made = await CONNECT[what](server, node)
        if ('session' in made) made.session.close()
        else made.close()
      } catch (error) {
        if (!isBlockError(error)) throw error
        if (error.code === 'BUSY' || error.code === 'DISCONNECTED') return error.message
        return undefined
      }
      throw new Error(`${server.name} lets ${node} in over ${what}`)
    })
  }
}

/** "Not now" is no answer: asked again until there is one. */
async function passing(ask: () => Promise<string | undefined>): Promise<void> {
  const endMs = performance.now() + 15_000
  for (;;) {
    const notNow = await ask()
    if (notNow === undefined) return
    if (performance.now() > endMs) throw new Error(`no answer: ${notNow}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
}

interface Writing {
  /** When the last write that was acknowledged was given. */
  givenMs: number
  /** The session is over. */
  ended: Promise<void>
}

/** One write after the other, until one fails. */
function writeOn({ disk }: Host): Writing {
  const writing: Writing = { givenMs: 0, ended: Promise.resolve() }
  writing.ended = (async () => {
    for (;;) {
      const givenMs = performance.now()
      try {
        await disk.write(0, 8, BLOCK)
      } catch (error) {
        if (isBlockError(error)) return
        throw error
      }
      writing.givenMs = givenMs
    }
  })()
  return writing
}

const untilWritten = (writing: Writing): Promise<void> =>
  passing(async () => (writing.givenMs > 0 ? undefined : 'nothing is written'))

// ---- the master

const publish = (cluster: RealCluster, node: string, more: object = {}): Promise<unknown> =>
  cluster.api.call('PUT', `/block/volume/${VOLUME}/publications/${node}`, {
    initiator: initiatorOfNode(node),
    host: hostOfNode(node),
    ...more,
  })

/** As who asks does: again while it is not certain. */
const unpublish = (cluster: RealCluster, node: string): Promise<unknown> =>
  cluster.api.until('the node to be out', 60_000, () =>
    cluster.api.call('DELETE', `/block/volume/${VOLUME}/publications/${node}`),
  )

async function conflict(asked: Promise<unknown>, reason: string, node?: string): Promise<void> {
  const error = await asked.then(
    () => undefined,
    (one: unknown) => one,
  )
  expect(error instanceof ApiError, `it was done in spite of ${reason}`)
  const { status, problem } = error as ApiError
  const isIt = status === 409 && problem.reason === reason && problem.node === node
  expect(isIt, `${status} ${JSON.stringify(problem)}`)
}

/** The primary, and the server with the other replica. */
async function rolesOf(cluster: RealCluster): Promise<{ readonly primary: Server; readonly other: Server }> {
  const { replicas } = await cluster.api.healthy(VOLUME)
  const serverOf = (isPrimary: boolean): Server => {
    const replica = replicas.find(({ role }) => (role === 'primary') === isPrimary)
    return cluster.serverOf(replica?.server ?? '')
  }
  return { primary: serverOf(true), other: serverOf(false) }
}
