/**
 * What a case is, and what it is given. A behaviour is one file: its cases stand on both sides of the edge that it is
 * about. A case throws when the target does something else; `Skipped` when the target does not have what it is about.
 */
import type { HostPort } from '../../../src/base/address.ts'
import type { Clock } from '../../../src/base/ports/clock.ts'
import type { Net } from '../../../src/base/ports/net.ts'
import { AdminOpcode, FABRICS_OPCODE, FabricsType, IoOpcode } from '../../../src/nvme/commands.ts'
import { CNTLID_DYNAMIC, DISCOVERY_NQN, Property } from '../../../src/nvme/fabrics.ts'
import { blockRequest } from '../../../src/nvme/initiator/block-client.ts'
import {
  type ControllerIdentity,
  type NamespaceIdentity,
  readController,
  readNamespace,
} from '../../../src/nvme/initiator/pages.ts'
import * as requests from '../../../src/nvme/initiator/requests.ts'
import type { IcReq } from '../../../src/nvme/pdu/initialize.ts'
import { type Entry, RawConnection } from './raw-connection.ts'
import { type Ended, isSuccess, run, type Transfer } from './raw-queue.ts'

export interface Case {
  readonly name: string
  readonly run: (c: Context) => Promise<void>
}

/** A behaviour and its cases. `clause`: where the standard says it. */
export interface Behaviour {
  readonly name: string
  readonly clause: string
  readonly cases: readonly Case[]
}

export const behaviour = (
  name: string,
  clause: string,
  cases: Readonly<Record<string, (c: Context) => Promise<void>>>,
): Behaviour => ({
  name,
  clause,
  cases: Object.entries(cases).map(([what, body]) => ({ name: what, run: body })),
})

export class Skipped extends Error {}

export interface ConnectFields {
  readonly qid: number
  readonly entries: number
  readonly keepAliveMs: number
  readonly controllerId: number
  readonly hostId: Uint8Array
  readonly hostNqn: string
  readonly subsystemNqn: string
  readonly recfmt: number
  readonly cattr: number
}

const CC_ENABLED = 0x0046_0001
export const HOST_ID = Buffer.from('c0ffee00112233445566778899aabbcc', 'hex')
const HOST_NQN = 'nqn.2014-08.org.nvmexpress:uuid:c0ffee00-1122-3344-5566-778899aabbcc'

/** What one case has: connections to the target, closed when the case is over. */
export class Context {
  readonly #net: Net
  readonly #clock: Clock
  readonly #opened: RawConnection[] = []
  readonly portal: HostPort
  readonly nqn: string
  /** What the target's owner can do beside the wire; absent on a target of others. */
  readonly owner: TargetOwner | undefined

  constructor(options: { net: Net; clock: Clock; portal: HostPort; nqn: string; owner?: TargetOwner }) {
    this.#net = options.net
    this.#clock = options.clock
    this.portal = options.portal
    this.nqn = options.nqn
    this.owner = options.owner
  }

  get clock(): Clock {
    return this.#clock
  }

  /** A TCP connection, and nothing on it. */
  async tcp(): Promise<RawConnection> {
    const connection = await RawConnection.open(this.#net, this.#clock, this.portal)
    this.#opened.push(connection)
    return connection
  }

  /** A connection past Initialize Connection. */
  async initialized(wish: Partial<IcReq> = {}): Promise<RawConnection> {
    const connection = await this.tcp()
    await connection.initialize(wish)
    return connection
  }

  /** The entry of a Connect. */
  connectEntry(fields: Partial<ConnectFields> = {}): Entry & { capsuleData: Uint8Array } {
    const { recfmt = 0, cattr = 0, ...rest } = fields
    const request = requests.connect({
      qid: 0,
      entries: 32,
      keepAliveMs: 0,
      controllerId: CNTLID_DYNAMIC,
      hostId: HOST_ID,
      hostNqn: HOST_NQN,
      subsystemNqn: this.nqn,
      ...rest,
    })
    const { dataOut, cdw10 = 0, cdw11 = 0 } = request
    return { ...request, cdw10: cdw10 | recfmt, cdw11: cdw11 | (cattr << 16), capsuleData: dataOut! }
  }

  async connect(connection: RawConnection, fields: Partial<ConnectFields> = {}): Promise<Ended> {
    return await run(connection, this.connectEntry(fields))
  }

  /** An admin queue whose controller is enabled. */
  async admin(fields: Partial<ConnectFields> & { ic?: Partial<IcReq> } = {}): Promise<Admin> {
    const { ic, ...rest } = fields
    const connection = await this.initialized(ic)
    const ended = await this.connect(connection, rest)
    isSuccess(ended)
    const admin = new Admin(this, connection, ended.dw0 & 0xffff, fields)
    isSuccess(await admin.property('set', Property.cc, CC_ENABLED))
    return admin
  }

  discovery(): Promise<Admin> {
    return this.admin({ subsystemNqn: DISCOVERY_NQN })
  }

  /** An admin queue and one I/O queue of its controller. */
  async io(options: { ic?: Partial<IcReq>; fields?: Partial<ConnectFields> } = {}): Promise<Io> {
    const admin = await this.admin()
    return await this.ioOf(admin, options)
  }

  async ioOf(
    admin: Admin,
    options: { ic?: Partial<IcReq>; fields?: Partial<ConnectFields> } = {},
  ): Promise<Io> {
    const identity = await admin.identity()
    const namespace = await admin.namespace()
    const connection = await this.initialized(options.ic)
    const ended = await this.connect(connection, {
      qid: 1,
      controllerId: admin.controllerId,
      ...admin.who,
      ...options.fields,
    })
    isSuccess(ended)
    return new Io(admin, connection, identity, namespace, ended)
  }

  close(): void {
    for (const connection of this.#opened.splice(0)) connection.close()
  }
}

export interface TargetOwner {
  /** Serves one more volume until the returned call. */
  addVolume(nqn: string): Promise<() => Promise<void>>
  /** One more volume, which another server serves. */
  addStandby(nqn: string): Promise<StandbyOwner>
}

export interface StandbyOwner {
  /** What this path is from now on; the other one is what follows from it. */
  become(role: 'standby' | 'transitioning'): void
  /** This path serves from now on. */
  activate(): Promise<void>
  remove(): Promise<void>
}

export class Admin {
  readonly context: Context
  readonly queue: RawConnection
  readonly controllerId: number
  /** Who connected. */
  readonly who: Partial<Pick<ConnectFields, 'hostId' | 'hostNqn' | 'subsystemNqn'>>

  constructor(context: Context, queue: RawConnection, controllerId: number, who: Partial<ConnectFields>) {
    this.context = context
    this.queue = queue
    this.controllerId = controllerId
    const { hostId, hostNqn, subsystemNqn } = who
    this.who = {
      ...(hostId !== undefined && { hostId }),
      ...(hostNqn !== undefined && { hostNqn }),
      ...(subsystemNqn !== undefined && { subsystemNqn }),
    }
  }

  run(entry: Entry, transfer: Transfer = {}): Promise<Ended> {
    return run(this.queue, entry, transfer)
  }

  property(kind: 'get' | 'set', offset: number, value = 0, lengthBytes: 4 | 8 = 4): Promise<Ended> {
    const fctype = kind === 'get' ? FabricsType.propertyGet : FabricsType.propertySet
    const cdw10 = lengthBytes === 8 ? 1 : 0
    return this.run({ opcode: FABRICS_OPCODE, fctype, cdw10, cdw11: offset, cdw12: value })
  }

  identify(cns: number, nsid = 0, rest: Partial<Entry> = {}): Promise<Ended> {
    return this.run({ opcode: AdminOpcode.identify, nsid, cdw10: cns, ...rest }, { dataInBytes: 4096 })
  }

  async identity(): Promise<ControllerIdentity & { readonly page: Uint8Array }> {
    const ended = await this.identify(requests.Cns.controller)
    isSuccess(ended)
    return { ...readController(ended.data), page: ended.data }
  }

  async namespace(): Promise<NamespaceIdentity> {
    const ended = await this.identify(requests.Cns.namespace, 1)
    isSuccess(ended)
    return readNamespace(ended.data)
  }

  /** A log page; `rest` goes into the entry. */
  logPage(
    page: number,
    bytes: number,
    options: Parameters<typeof requests.getLogPage>[2] = {},
  ): Promise<Ended> {
    const { dataIn: _, ...entry } = requests.getLogPage(page, new Uint8Array(bytes), options)
    return this.run(entry, { dataInBytes: bytes })
  }

  /** A command that does nothing: what was sent before it has been taken when it ends. */
  async barrier(): Promise<void> {
    isSuccess(await this.property('get', Property.csts))
  }
}

export class Io {
  readonly admin: Admin
  readonly queue: RawConnection
  readonly identity: ControllerIdentity & { readonly page: Uint8Array }
  readonly namespace: NamespaceIdentity
  /** The answer to its Connect. */
  readonly connected: Ended

  constructor(
    admin: Admin,
    queue: RawConnection,
    identity: ControllerIdentity & { readonly page: Uint8Array },
    namespace: NamespaceIdentity,
    connected: Ended,
  ) {
    this.admin = admin
    this.queue = queue
    this.identity = identity
    this.namespace = namespace
    this.connected = connected
  }

  get blockBytes(): number {
    return this.namespace.logicalBlockBytes
  }

  /** Data that is not in the capsule: more than it may carry, in whole blocks. */
  get longBytes(): number {
    return this.identity.capsuleDataBytes + 16_384
  }

  run(entry: Entry, transfer: Transfer = {}): Promise<Ended> {
    return run(this.queue, entry, transfer)
  }

  /** Read, Write, Compare or Write Zeroes of whole blocks. */
  blocks(opcode: number, lba: number, blocks: number, flags = 0): Entry {
    return blockRequest(opcode, { lba, blocks }, { flags })
  }

  read(lba: number, blocks: number): Promise<Ended> {
    return this.run(this.blocks(IoOpcode.read, lba, blocks), { dataInBytes: blocks * this.blockBytes })
  }

  /** In the capsule when it fits. */
  write(lba: number, data: Uint8Array, flags = 0): Promise<Ended> {
    const entry = this.blocks(IoOpcode.write, lba, data.byteLength / this.blockBytes, flags)
    if (data.byteLength <= this.identity.capsuleDataBytes) return this.run({ ...entry, capsuleData: data })
    return this.run(entry, { dataOut: data })
  }

  /** A command that does nothing: what was sent before it has been taken when it ends. */
  async barrier(): Promise<void> {
    isSuccess(await this.read(0, 1))
  }
}

/** Bytes that no other seed gives. */
export function pattern(lengthBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  let state = seed * 2_654_435_761
  for (let i = 0; i < lengthBytes; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    bytes[i] = state >>> 16
  }
  return bytes
}
