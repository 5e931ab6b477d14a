/** The hosts of a run that come over iSCSI, each on a machine of its own. */
import type { HostPort } from '../../../../src/base/address.ts'
import { BLOCK_BYTES } from '../../../../src/base/units.ts'
import { Initiator } from '../../../../src/iscsi/initiator/initiator.ts'
import { SECTOR_BYTES } from '../../content.ts'
import { emptyStorage, startProcess } from '../../machine.ts'
import type { SeededRandom } from '../../random.ts'
import type { Scheduler } from '../../scheduler.ts'
import type { History } from '../history.ts'
import type { SimNetwork } from '../net.ts'
import type { ClusterProfile } from '../profile.ts'
import type { RunLog } from '../timeline.ts'
import { FencedPair } from './fenced-pair.ts'
import { IQN } from './front-ends.ts'
import { PathHost } from './path-host.ts'
import { RegisterBlocks } from './register.ts'
import type { ReservationRule } from './reservation-rule.ts'
import { EntryWay, MultipathWay, type Way } from './way.ts'

/** Blocks that other hosts leave alone. */
const PATH_BLOCKS = { first: 192, count: 64 } as const
const BLOCKS_PER_HOST = 16
const LANES = 3
/** Of a fenced pair: two blocks of the engine where they are small. */
const CELLS = 12
const ISID = 0x8000_0000_0001

export interface PathHostsOptions {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly random: SeededRandom
  readonly log: RunLog
  readonly profile: ClusterProfile
  readonly history: History
  readonly reservations: ReservationRule
  /** Portals of the servers, in one order. */
  readonly portals: () => readonly HostPort[]
  readonly sleep: (forMs: number) => Promise<void>
  readonly ended: (isOk: boolean) => void
}

interface Running {
  run(): Promise<void>
  stop(): void
}

export class PathHosts {
  readonly #o: PathHostsOptions
  readonly #hosts: Running[] = []
  readonly #registers: RegisterBlocks[] = []

  constructor(options: PathHostsOptions) {
    this.#o = options
    const { pathHosts, pathHostsKind } = options.profile
    if (pathHosts === 0) return
    if (pathHostsKind === 'fenced') this.#hosts.push(this.#pair())
    else for (let i = 0; i < pathHosts; i++) this.#hosts.push(this.#host(i))
  }

  /** Each rejects when what it is told cannot be. */
  start(): Promise<void>[] {
    return this.#hosts.map((host) => host.run())
  }

  stop(): void {
    for (const host of this.#hosts) host.stop()
  }

  /** An epoch begins that may have lost what was acknowledged. */
  forget(valueAt: (sector: number) => number): void {
    for (const registers of this.#registers) registers.forget(valueAt)
  }

  /** Reads that were held against what their hosts wrote. */
  get checked(): number {
    return this.#registers.reduce((sum, { checked }) => sum + checked, 0)
  }

  #host(index: number): PathHost {
    const { profile, history, sleep, log, ended } = this.#o
    const name = `host${index}`
    return new PathHost({
      name,
      way: this.#way(name),
      random: this.#o.random.fork(name),
      registers: this.#register(name, BLOCK_BYTES),
      blocks: { first: PATH_BLOCKS.first + index * BLOCKS_PER_HOST, count: BLOCKS_PER_HOST },
      logicalBlockBytes: profile.shape.logicalBlockBytes,
      lanes: LANES,
      thinkMs: profile.thinkMs,
      nextValue: () => history.nextValue(),
      sleep,
      count: (what) => log.count(`path host ${what}`),
      ended,
    })
  }

  #pair(): FencedPair {
    const { profile, history, sleep, log, ended, reservations } = this.#o
    return new FencedPair({
      reservations,
      ways: [this.#way('left'), this.#way('right')],
      random: this.#o.random.fork('pair'),
      registers: this.#register('the pair', profile.shape.logicalBlockBytes),
      cells: { first: (PATH_BLOCKS.first * BLOCK_BYTES) / profile.shape.logicalBlockBytes, count: CELLS },
      logicalBlockBytes: profile.shape.logicalBlockBytes,
      thinkMs: profile.thinkMs,
      nextValue: () => history.nextValue(),
      sleep,
      count: (what) => log.count(`fenced pair ${what}`),
      ended,
    })
  }

  #register(who: string, blockBytes: number): RegisterBlocks {
    const registers = new RegisterBlocks(who, blockBytes / SECTOR_BYTES)
    this.#registers.push(registers)
    return registers
  }

  #way(name: string): Way {
    const { scheduler, network, random, log, portals, profile } = this.#o
    const process = startProcess({ storage: emptyStorage(), scheduler, seed: random.fork(name).u32() })
    const initiator = new Initiator({
      net: network.netOf({ name, isPowered: true }, process.life),
      clock: process.clock,
      random: process.random,
      pool: process.pool,
      initiatorName: `iqn.2026-01.example:${name}`,
      connectTimeoutMs: 2000,
      loginTimeoutMs: 4000,
    })
    const options = {
      initiator,
      random: random.fork(`way of ${name}`),
      isid: ISID,
      iqn: IQN,
      portals,
      count: (what: string) => log.count(`path ${what}`),
    }
    return profile.isMultipath ? new MultipathWay(options) : new EntryWay(options)
  }
}
