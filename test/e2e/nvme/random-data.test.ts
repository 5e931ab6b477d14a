/**
 * Two I/O queues of one host that write, read, compare and abort at random, data cut into pieces that come in any order
 * of commands, while the device stops and goes on; in a pool whose free buffers are scribbled over. Each block has one
 * writer at a time, so what it holds is known: what was acknowledged, and nothing of what was refused or aborted.
 */
import { describe, expect, it } from 'vitest'
import { BufferPool } from '../../../src/base/buffer-pool.ts'
import { AdminOpcode, decodeCqe, IoOpcode, SglIdentifier } from '../../../src/nvme/commands.ts'
import { ENTRY_OFFSET } from '../../../src/nvme/pdu/capsule.ts'
import { decodeC2hData, decodeR2t, type R2t } from '../../../src/nvme/pdu/transfer.ts'
import { PduType } from '../../../src/nvme/pdu/types.ts'
import { STATUS } from '../../../src/nvme/status.ts'
import { Context } from '../../conformance/nvme/case.ts'
import type { Pdu, RawConnection } from '../../conformance/nvme/raw-connection.ts'
import { SeededRandom } from '../../sim/random.ts'
import { CutNet } from '../../support/cut-net.ts'
import { NQN, NvmeTargetHarness, PORTAL, turn } from './target-harness.ts'

const SCRIBBLE = 0xa5
const SLOTS = 6
const SLOT_BYTES = 4096
const STEPS = 250

class ScribblingPool extends BufferPool {
  override acquire(lengthBytes: number): Uint8Array {
    return super.acquire(lengthBytes).fill(SCRIBBLE)
  }

  override release(buffer: Uint8Array): void {
    buffer.fill(SCRIBBLE)
    super.release(buffer)
  }
}

interface Pending {
  readonly slot: number
  /** What the slot holds when it succeeds; undefined: it reads. */
  readonly writes: Uint8Array | undefined
  /** What it holds before. */
  readonly before: Uint8Array
  readonly isFusedFirst: boolean
  readonly mayMismatch: boolean
}

class Queue {
  readonly connection: RawConnection
  readonly id: number
  readonly pending = new Map<number, Pending>()
  readonly transfers: { readonly r2t: R2t; sent: number; readonly data: Uint8Array }[] = []
  /** Data of transfers whose command may be over. */
  readonly dataOf = new Map<number, Uint8Array>()

  constructor(connection: RawConnection, id: number) {
    this.connection = connection
    this.id = id
  }
}

class Model {
  readonly #h: NvmeTargetHarness
  readonly #random: SeededRandom
  readonly #slots: { content: Uint8Array; isBusy: boolean }[]
  #count = 0

  constructor(h: NvmeTargetHarness, seed: number) {
    this.#h = h
    this.#random = new SeededRandom(seed)
    this.#slots = Array.from({ length: SLOTS }, () => ({
      content: new Uint8Array(SLOT_BYTES),
      isBusy: false,
    }))
  }

  async run(): Promise<void> {
    const net = new CutNet(this.#h.net)
    const cut = net.connections
    const context = new Context({ net, clock: this.#h.clock, portal: PORTAL, nqn: NQN })
    const admin = await context.admin()
    const ic = { headerDigest: this.#chance(2), dataDigest: this.#chance(2) }
    const queues: Queue[] = []
    for (const qid of [1, 2]) {
      const { queue } = await context.ioOf(admin, { ic, fields: { qid, entries: 64 } })
      queues.push(new Queue(queue, qid))
    }
    for (const connection of cut) connection.isCutting = true
    for (let step = 0; step < STEPS; step++) {
      for (const connection of cut) {
        const bytes = this.#chance(2) ? connection.heldBytes : this.#random.integer(3000)
        if (this.#chance(2)) connection.letGo(bytes)
      }
      this.#step(queues[this.#random.integer(2)]!, admin.queue)
      if (this.#chance(3)) await turn()
      for (const queue of queues) await this.#hear(queue)
    }
    this.#h.device.letGo()
    for (const connection of cut) {
      connection.isCutting = false
      connection.letGo(connection.heldBytes)
    }
    for (let i = 0; i < 500 && queues.some(({ pending }) => pending.size > 0); i++) {
      for (const queue of queues) {
        this.#sendPieces(queue)
        await turn()
        await this.#hear(queue)
      }
    }
    expect(queues.map(({ pending }) => pending.size)).toEqual([0, 0])
    for (let slot = 0; slot < SLOTS; slot++) {
      this.#read(queues[0]!, slot)
      await turn()
      await this.#hear(queues[0]!)
    }
    expect(queues[0]!.pending.size).toBe(0)
  }

  #chance(of: number): boolean {
    return this.#random.integer(of) === 0
  }

  #step(queue: Queue, admin: RawConnection): void {
    const slot = this.#random.integer(SLOTS)
    switch (this.#random.integer(9)) {
      case 0:
      case 1:
      case 2:
        if (!this.#slots[slot]!.isBusy) this.#write(queue, slot)
        break
      case 3:
        if (!this.#slots[slot]!.isBusy) this.#fused(queue, slot)
        break
      case 4:
        if (!this.#slots[slot]!.isBusy) this.#read(queue, slot)
        break
      case 5: {
        const cids = [...queue.pending.keys()]
        const cid = cids[this.#random.integer(Math.max(1, cids.length))]
        if (cid !== undefined)
          admin.capsule({ opcode: AdminOpcode.abort, cdw10: (queue.id | (cid << 16)) >>> 0 })
        break
      }
      case 6:
        this.#sendPieces(queue)
        break
      case 7:
        this.#h.device.hold()
        break
      default:
        this.#h.device.letGo()
    }
  }

  #begin(queue: Queue, slot: number, pending: Partial<Pending>, entry: object, dataOut?: Uint8Array): void {
    const state = this.#slots[slot]!
    state.isBusy = true
    const isInCapsule = dataOut !== undefined && this.#chance(2)
    const cdw10 = slot * 8
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: SLOT_BYTES }
    const how = isInCapsule ? { capsuleData: dataOut } : { sgl }
    const cid = queue.connection.takeCid()
    queue.pending.set(cid, {
      slot,
      writes: undefined,
      before: state.content,
      isFusedFirst: false,
      mayMismatch: false,
      ...pending,
    })
    if (dataOut !== undefined) queue.dataOf.set(cid, dataOut)
    queue.connection.capsule({ opcode: IoOpcode.read, nsid: 1, cdw10, cdw12: 7, cid, ...entry, ...how })
  }

  #fresh(): Uint8Array {
    this.#count++
    const data = new Uint8Array(SLOT_BYTES)
    const view = new DataView(data.buffer)
    for (let at = 0; at < SLOT_BYTES; at += 4) view.setUint32(at, (this.#count << 12) | (at >> 2))
    return data
  }

  #write(queue: Queue, slot: number): void {
    const data = this.#fresh()
    this.#begin(queue, slot, { writes: data }, { opcode: IoOpcode.write }, data)
  }

  #read(queue: Queue, slot: number): void {
    this.#begin(queue, slot, {}, {})
  }

  #fused(queue: Queue, slot: number): void {
    const expected = this.#chance(4) ? this.#fresh() : this.#slots[slot]!.content
    const mayMismatch = expected !== this.#slots[slot]!.content
    const data = this.#fresh()
    const first = { isFusedFirst: true, mayMismatch }
    this.#begin(queue, slot, first, { opcode: IoOpcode.compare, flags: 0x41 }, expected)
    const second = { writes: data, mayMismatch }
    this.#begin(queue, slot, second, { opcode: IoOpcode.write, flags: 0x42 }, data)
  }

  /** Some bytes of some transfers; data of a command that was aborted goes on, as a host's does that has begun. */
  #sendPieces(queue: Queue): void {
    for (const transfer of [...queue.transfers]) {
      if (this.#chance(3)) continue
      const { r2t, data } = transfer
      const left = data.byteLength - transfer.sent
      const bytes = this.#chance(2) ? left : Math.min(left, 4 * (1 + this.#random.integer(512)))
      const part = data.subarray(transfer.sent, transfer.sent + bytes)
      const last = bytes === left
      const { cccid, ttag } = r2t
      queue.connection.h2cData({ cccid, ttag, datao: transfer.sent, last }, part)
      transfer.sent += bytes
      if (last) queue.transfers.splice(queue.transfers.indexOf(transfer), 1)
    }
  }

  async #hear({ connection, pending, transfers, dataOf }: Queue): Promise<void> {
    expect(connection.isClosed).toBe(false)
    const queue = { connection, pending, transfers, dataOf }
    while (connection.pending > 0) this.#heard(queue, await connection.next())
  }

  #heard(queue: Pick<Queue, 'pending' | 'transfers' | 'dataOf'>, pdu: Pdu): void {
    if (pdu.type === PduType.r2t) {
      const r2t = decodeR2t(pdu.header, 0)
      queue.transfers.push({ r2t, sent: 0, data: queue.dataOf.get(r2t.cccid)! })
      return
    }
    if (pdu.type === PduType.c2hData) {
      const { slot } = queue.pending.get(decodeC2hData(pdu.header, 0).cccid)!
      const isRight = Buffer.compare(pdu.data, this.#slots[slot]!.content) === 0
      expect(isRight, `slot ${slot} reads ${Buffer.from(pdu.data).toString('hex', 0, 16)}`).toBe(true)
      return
    }
    const { cid, status } = decodeCqe(pdu.header, ENTRY_OFFSET)
    const command = queue.pending.get(cid)!
    queue.pending.delete(cid)
    const state = this.#slots[command.slot]!
    if (status === 0 && command.writes !== undefined) state.content = command.writes
    if (!command.isFusedFirst) state.isBusy = false
    const allowed = [0, STATUS.ABORT_REQUESTED, STATUS.ABORTED_FAILED_FUSED, STATUS.ABORTED_MISSING_FUSED]
    if (command.mayMismatch) allowed.push(STATUS.COMPARE_FAILURE)
    expect(allowed).toContain(status & 0x7ff)
    if (command.mayMismatch && command.writes !== undefined) expect(status).not.toBe(0)
  }
}

describe('random commands on two queues', () => {
  it('what is acknowledged is what is read, and nothing else is', async () => {
    for (let seed = 1; seed <= 130; seed++) {
      const pool = new ScribblingPool()
      const h = await new NvmeTargetHarness({
        pool,
        atomicWriteBytesMax: 64 * 1024,
        limits: { bytesMax: 32 * 1024, connectionBytesMax: 24 * 1024 },
      }).serve()
      await new Model(h, seed).run().catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error })
      })
      await h.target.close()
      expect([pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
    }
  })
})
