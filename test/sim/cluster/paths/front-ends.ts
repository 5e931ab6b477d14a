/**
 * The production front ends of every server: what serves where the volume is led, stands by or sends hosts on elsewhere, by
 * the table that the master tells.
 */
import { formatHostPort } from '../../../../src/base/address.ts'
import { BlockError, isBlockError } from '../../../../src/base/errors.ts'
import type { BlockDevice } from '../../../../src/base/ports/block-device.ts'
import type { QosLimits } from '../../../../src/frontend/qos/limiter.ts'
import { RemoteReservations } from '../../../../src/frontend/reservations/remote.ts'
import type { LedDevice } from '../../../../src/replication/device.ts'
import { makeLatencyRecorders } from '../../../../src/server/latencies.ts'
import type { ServedVolume } from '../../../../src/server/served/served-volume.ts'
import { ServedVolumes } from '../../../../src/server/served/served-volumes.ts'
import { fail } from '../../../cluster/checker.ts'
import { VOLUME_ID } from '../master/names.ts'
import type { SimServer } from '../server.ts'
import type { Running } from '../server-world.ts'

const ISCSI_PORT = 3260
const IQN_PREFIX = 'iqn.2026-01.example'
const NAME = 'v'
export const IQN = `${IQN_PREFIX}:${NAME}`
const SETTINGS = {
  ...{ 'iqn-prefix': IQN_PREFIX, 'iscsi-portal': undefined, 'ping-timeout': 5000, 'sanitize-rate': 1 << 20 },
  // hosts of the simulator come by iSCSI
  ...{ nvme: [], 'nvme-portal': undefined, 'nqn-prefix': 'nqn.2026-01.example' },
}

/** Where hosts reach a server: a network of their own, where addresses stay. */
export const portalOf = (server: SimServer): { host: string; port: number } => ({
  host: `${server.name}.san`,
  port: ISCSI_PORT,
})

/** As the server tells the master. */
export const toldPortalOf = (server: SimServer): string => formatHostPort(portalOf(server))

export class FrontEnds {
  readonly #volumes = new Map<Running, ServedVolume>()
  /** Processes that serve the volume. */
  readonly #served = new Set<Running>()
  readonly #limits: QosLimits
  readonly #broken: (error: unknown) => void

  constructor(options: { readonly limits: QosLimits; readonly broken: (error: unknown) => void }) {
    this.#limits = options.limits
    this.#broken = options.broken
  }

  /** A process begins. */
  async open(server: SimServer, running: Running): Promise<void> {
    const { process, net, table } = running
    const served = await ServedVolumes.open(
      { ...process, net },
      { settings: { ...SETTINGS, iscsi: [portalOf(server)] }, access: {} },
      { server: server.server, table, onFatal: this.#broken },
    )
    running.closing.push(() => served.close())
    const volume = served.volume({
      name: NAME,
      volume: VOLUME_ID,
      latencies: makeLatencyRecorders(),
      first: 'failover',
      standby: {
        reservations: new RemoteReservations({
          forward: (bytes) => running.replica?.forward(bytes) ?? Promise.reject(notOpen()),
        }),
        atomicWriteBytesMax: () => running.replica?.atomicWriteBytesMax ?? 0,
      },
    })
    volume.setQos(this.#limits)
    this.#volumes.set(running, volume)
  }

  /** Serves `device`, which stands before `led`. */
  serve(running: Running, device: BlockDevice, led: LedDevice): void {
    const volume = this.#volumes.get(running)
    if (volume === undefined) return
    this.#served.add(running)
    led.onForward((bytes) => volume.answerForwarded(bytes))
    this.#expect(volume.attach(device))
  }

  halted(running: Running): void {
    const volume = this.#volumes.get(running)
    if (volume === undefined) return
    const wasServed = this.#served.delete(running)
    const before = connectionsTo(volume)
    const detached = volume.detach()
    this.#expect(
      detached.then(() => {
        if (!wasServed) return
        // a connection belongs to the epoch in which it was made
        const kept = connectionsTo(volume).filter((address) => before.includes(address))
        if (kept.length > 0) fail(`connections outlive their epoch: ${kept.join(' ')}`)
      }),
    )
  }

  /** What the volume's opening refuses is part of life; anything else is a bug. */
  #expect(done: Promise<void>): void {
    done.catch((error: unknown) => {
      if (!isBlockError(error)) this.#broken(error)
    })
  }
}

const connectionsTo = (volume: ServedVolume): string[] =>
  volume.describe().iscsi.sessions.map(({ address }) => address)

const notOpen = (): BlockError => new BlockError('BUSY', 'the replica is not open')
