/** A target on loopback over a device in memory, and initiators for it. */
import { silentLogger } from '../../../src/base/log.ts'
import type { BlockDevice } from '../../../src/base/ports/block-device.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import { MIB } from '../../../src/base/units.ts'
import { type AccessRules, OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { RealClock } from '../../../src/io/clock.ts'
import { RealNet } from '../../../src/io/net.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { plainSyscalls } from '../../../src/io/syscalls.ts'
import { BlockClient } from '../../../src/iscsi/initiator/block-client.ts'
import {
  Initiator,
  type SessionSettings,
  type TargetAddress,
} from '../../../src/iscsi/initiator/initiator.ts'
import type { LoginOptions } from '../../../src/iscsi/initiator/login.ts'
import { RawConnection } from '../../../src/iscsi/initiator/raw-connection.ts'
import type { InitiatorSession } from '../../../src/iscsi/initiator/session.ts'
import { IscsiTarget, type IscsiTargetOptions } from '../../../src/iscsi/target/iscsi-target.ts'
import { INITIATOR_WISHES } from '../../../src/iscsi/text/parameters.ts'
import { MemoryDevice } from './memory-device.ts'

export const IQN = 'iqn.2026-11.io.basalt:vol'
export const INITIATOR = 'iqn.2026-11.org.example:host'

const clock = new RealClock({ syscalls: plainSyscalls })
export const net = new RealNet()
const random = new RealRandom()

/** What front ends share of a volume, over a device whose server has just started. */
export const volumeOver = (device: BlockDevice, access: AccessRules = OPEN_ACCESS): FrontendVolume =>
  new FrontendVolume({ device, access, after: 'power-loss', clock, logger: silentLogger })

export class LoopbackTarget {
  readonly target: IscsiTarget
  readonly device: MemoryDevice
  readonly volume: FrontendVolume
  readonly portal: { host: string; port: number }

  private constructor(options: {
    target: IscsiTarget
    device: MemoryDevice
    volume: FrontendVolume
    portal: { host: string; port: number }
  }) {
    this.target = options.target
    this.device = options.device
    this.volume = options.volume
    this.portal = options.portal
  }

  static async start(
    options: Partial<IscsiTargetOptions> & {
      access?: AccessRules
      targetClock?: Clock
      sizeBytes?: number
    } = {},
  ): Promise<LoopbackTarget> {
    const { access = OPEN_ACCESS, targetClock = clock, sizeBytes = 64 * MIB, ...rest } = options
    const device = new MemoryDevice({ sizeBytes })
    const volume = volumeOver(device, access)
    const target = new IscsiTarget({ net, clock: targetClock, random, logger: silentLogger, ...rest })
    target.addVolume({ iqn: IQN, volume })
    const portal = await target.listen({ host: '127.0.0.1', port: 0 })
    return new LoopbackTarget({ target, device, volume, portal })
  }

  initiator(initiatorName = INITIATOR): Initiator {
    return new Initiator({ net, clock, random, initiatorName })
  }

  connect(
    settings: SessionSettings & Partial<TargetAddress> & { initiatorName?: string } = {},
  ): Promise<InitiatorSession> {
    return this.initiator(settings.initiatorName).connect({
      portal: this.portal,
      targetName: IQN,
      ...settings,
    })
  }

  /** A session as blocks, past the unit attention that begins it. */
  async client(settings: SessionSettings = {}): Promise<BlockClient & { session: InitiatorSession }> {
    const session = await this.connect(settings)
    const client = new BlockClient(session)
    await client.testUnitReady()
    return Object.assign(client, { session })
  }

  /** A connection without a session behind it; `through` another network where a test wants to touch the socket. */
  raw(through: Net = net): Promise<RawConnection> {
    return RawConnection.connect({ net: through, clock, ...this.portal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target.close()
    this.volume.close()
  }
}

/** Resolves when `condition` holds, looked at each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** A plain login for a connection without a session behind it. */
export function rawLogin(fields: Partial<LoginOptions> = {}): LoginOptions {
  return {
    initiatorName: INITIATOR,
    targetName: IQN,
    random,
    wishes: { ...INITIATOR_WISHES, initialR2t: true, maxOutstandingR2t: 1 },
    isid: 7,
    tsih: 0,
    cmdSn: 1,
    ...fields,
  }
}
