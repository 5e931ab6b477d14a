/** Hosts that do what none should, and loads that meet: who else uses the target must not feel it. */
import { describe, expect, it } from 'vitest'
import { Context } from '../../../test/conformance/nvme/case.ts'
import { begin, completionOf, r2tOf, run } from '../../../test/conformance/nvme/raw-queue.ts'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { NQN, NvmeTargetHarness, PORTAL, turn } from '../../../test/e2e/nvme/target-harness.ts'
import { KIB, MIB } from '../../base/units.ts'
import { AdminOpcode, IoOpcode, SglIdentifier } from '../commands.ts'
import { DISCOVERY_NQN, Property } from '../fabrics.ts'
import { NvmeBlockClient } from '../initiator/block-client.ts'
import { PduType } from '../pdu/types.ts'
import { final, formatStatus, STATUS } from '../status.ts'

const raw = (h: NvmeTargetHarness): Context =>
  new Context({ net: h.net, clock: h.clock, portal: PORTAL, nqn: NQN })

const CC_ENABLED = 0x0046_0001

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await turn()
}

describe('memory', () => {
  it('small writes find room while large ones fill the share of their queue, and all of the memory', async () => {
    for (const limits of [
      { bytesMax: 64 * MIB, connectionBytesMax: MIB },
      { bytesMax: MIB, connectionBytesMax: MIB },
    ]) {
      const h = await new NvmeTargetHarness({ limits }).serve()
      const client = new NvmeBlockClient(await h.connect({ queues: 1 }))
      h.device.hold()
      const large = [0, 1, 2].map((i) =>
        client.write({ lba: i * 2048, blocks: 2048 }, new Uint8Array(MIB).fill(i + 1)),
      )
      await turns(3)
      const small = [0, 1, 2, 3].map((i) =>
        client.write({ lba: 8192 + i * 8, blocks: 8 }, new Uint8Array(4 * KIB).fill(i + 1)),
      )
      await turns(3)
      h.device.letGo()
      await Promise.all([...large, ...small])
      await h.target.close()
      expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
    }
  })

  it('who aborts writes and never sends their data is cut before there is no transfer tag left', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: 4 * KIB }
    let count = 0
    for (; count < 5000 && !io.queue.isClosed; count++) {
      const cid = begin(io.queue, { opcode: IoOpcode.write, nsid: 1, cdw12: 7, sgl })
      await io.queue.nextOrClosed()
      if (io.queue.isClosed) break
      admin.queue.capsule({ opcode: AdminOpcode.abort, cdw10: 1 | (cid << 16) })
      await admin.queue.nextOrClosed()
      await io.queue.nextOrClosed()
    }
    expect(io.queue.isClosed).toBe(true)
    expect(admin.queue.isClosed).toBe(false)
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('what comes when nothing at all is left is to come again, on a path that the host does not give up', async () => {
    const h = await new NvmeTargetHarness({
      limits: { bytesMax: 64 * KIB, connectionBytesMax: 64 * KIB, capsuleBytesMax: 0 },
    }).serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    h.device.hold()
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: 64 * KIB }
    const large = begin(io.queue, { opcode: IoOpcode.write, nsid: 1, cdw12: 127, sgl })
    io.queue.h2cData(await r2tOf(io.queue, large), new Uint8Array(64 * KIB))
    const small = { opcode: IoOpcode.write, nsid: 1, capsuleData: new Uint8Array(512) }
    const refused = await completionOf(io.queue, io.queue.capsule(small))
    expect(formatStatus(refused.status)).toBe(formatStatus(STATUS.ANA_TRANSITION))
    h.device.letGo()
    expect((await completionOf(io.queue, large)).status).toBe(0)
    expect((await completionOf(io.queue, io.queue.capsule(small))).status).toBe(0)
    await h.target.close()
  })

  it('halves of pairs that are too long hold none', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: MIB }
    const half = { nsid: 1, cdw12: 2047, sgl }
    const first = io.queue.capsule({ ...half, opcode: IoOpcode.compare, flags: 0x41 })
    expect(formatStatus((await completionOf(io.queue, first)).status)).toBe(
      formatStatus(final(STATUS.ATOMIC_WRITE_UNIT_EXCEEDED)),
    )
    const second = io.queue.capsule({ ...half, opcode: IoOpcode.write, flags: 0x42 })
    expect((await completionOf(io.queue, second)).status & 0x7ff).toBe(STATUS.ABORTED_FAILED_FUSED)
    expect(h.target.bytesInFlight).toBe(0)
    await h.target.close()
  })

  it('a slow link is no idle host, but data that never comes to an end is', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: 64 * KIB }
    const write = { opcode: IoOpcode.write, nsid: 1, cdw12: 127, sgl }
    const cids = [begin(io.queue, write), begin(io.queue, write)]
    const [first, second] = [await r2tOf(io.queue, cids[0]!), await r2tOf(io.queue, cids[1]!)]
    // The second waits for its turn while the first is on its way, for longer than a host may be silent.
    for (let part = 0; part < 4; part++) {
      for (let second = 0; second < 20; second++) h.clock.advance(1000)
      io.queue.h2cData({ ...first, datao: part * 16 * KIB, last: part === 3 }, new Uint8Array(16 * KIB))
      await turns(2)
    }
    expect((await completionOf(io.queue, cids[0]!)).status).toBe(0)
    for (let part = 0; part < 30 && !io.queue.isClosed; part++) {
      io.queue.h2cData({ ...second, datao: part * 4, last: false }, new Uint8Array(4))
      for (let second = 0; second < 20; second++) h.clock.advance(1000)
      await turns(2)
    }
    expect(io.queue.isClosed).toBe(true)
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('the first half of a pair whose second half does not come ends', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const cid = io.queue.capsule({
      opcode: IoOpcode.compare,
      nsid: 1,
      flags: 0x41,
      capsuleData: new Uint8Array(512),
    })
    await turns(2)
    expect(h.target.bytesInFlight).toBe(512)
    for (let second = 0; second < 32; second++) h.clock.advance(1000)
    await turns(2)
    expect((await completionOf(io.queue, cid)).status & 0x7ff).toBe(STATUS.ABORTED_MISSING_FUSED)
    expect(h.target.bytesInFlight).toBe(0)
    await h.target.close()
  })
})

describe('the end of an association', () => {
  it('takes its I/O queues along at once, also while an admin command is under way', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    h.device.hold()
    const cid = io.queue.capsule({ opcode: IoOpcode.write, nsid: 1, capsuleData: new Uint8Array(512) })
    await turns(2)
    admin.queue.capsule({ opcode: AdminOpcode.abort, cdw10: 1 | (cid << 16) })
    await turns(2)
    admin.queue.close()
    await turns(2)
    expect(io.queue.isClosed).toBe(true)
    h.device.letGo()
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('or a reset of its controller takes back writes that have no place yet', async () => {
    for (const how of ['reset', 'end']) {
      const h = await new NvmeTargetHarness().serve()
      const admin = await raw(h).admin()
      const io = await admin.context.ioOf(admin)
      h.device.hold()
      io.queue.capsule({ opcode: IoOpcode.write, nsid: 1, capsuleData: new Uint8Array(512).fill(1) })
      await turns(2)
      let again = admin
      if (how === 'reset') {
        for (const cc of [0, CC_ENABLED]) {
          expect((await admin.property('set', Property.cc, cc)).status).toBe(0)
        }
      } else {
        admin.queue.close()
        await turns(2)
        again = await raw(h).admin()
      }
      expect(io.queue.isClosed).toBe(true)
      const other = await again.context.ioOf(again, { fields: { qid: 2 } })
      const capsuleData = new Uint8Array(512).fill(2)
      const cid = other.queue.capsule({ opcode: IoOpcode.write, nsid: 1, capsuleData })
      await turns(2)
      h.device.letGo()
      expect((await completionOf(other.queue, cid)).status).toBe(0)
      await turns(2)
      const read = await run(other.queue, { opcode: IoOpcode.read, nsid: 1 }, { dataInBytes: 512 })
      expect(read.data[0]).toBe(2)
      await h.target.close()
      expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
    }
  })
})

describe('the end of a volume', () => {
  it('waits for what an association left behind that ended by itself a moment before', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    h.device.hold()
    io.queue.capsule({ opcode: IoOpcode.write, nsid: 1, capsuleData: new Uint8Array(512).fill(1) })
    await turns(2)
    admin.queue.close()
    await turns(2)
    expect(h.target.sessions()).toEqual([])
    let isOver = false
    const removed = h.target.removeVolume(NQN).then(() => {
      isOver = true
    })
    await turns(3)
    expect(isOver).toBe(false)
    h.device.letGo()
    await removed
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })

  it('is not held up by hosts that preempt and abort each other, or themselves', async () => {
    const h = await new NvmeTargetHarness().serve()
    const controller = await h.connect({ queues: 2, clock: new ManualClock() })
    const key = new Uint8Array(16)
    const keys = new DataView(key.buffer)
    keys.setBigUint64(8, 0x1234n, true)
    const reserve = (opcode: number, cdw10: number, dataOut: Uint8Array) =>
      controller.execute({ opcode, nsid: 1, cdw10, dataOut })
    expect((await reserve(IoOpcode.reservationRegister, 0, Uint8Array.from(key))).status).toBe(0)
    keys.setBigUint64(0, 0x1234n, true)
    expect((await reserve(IoOpcode.reservationAcquire, 0x100, Uint8Array.from(key))).status).toBe(0)
    const aborting = [0, 1, 2].map(() => reserve(IoOpcode.reservationAcquire, 0x102, Uint8Array.from(key)))
    const ended = Promise.allSettled(aborting)
    await turns(20)
    let isRemoved = false
    const removed = h.target.removeVolume(NQN).then(() => {
      isRemoved = true
    })
    await turns(20)
    expect(isRemoved).toBe(true)
    await removed
    await ended
  })
})

describe('an aborted write whose data did not come', () => {
  it('is answered at once on its own connection, and the rest of its data goes nowhere', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const sgl = { identifier: SglIdentifier.transport, lengthBytes: 4 * KIB }
    const cid = begin(io.queue, { opcode: IoOpcode.write, nsid: 1, cdw12: 7, sgl })
    const r2t = await r2tOf(io.queue, cid)
    io.queue.h2cData({ ...r2t, last: false }, new Uint8Array(512).fill(9))
    const aborted = await admin.run({ opcode: AdminOpcode.abort, cdw10: 1 | (cid << 16) })
    expect([aborted.status, aborted.dw0]).toEqual([0, 0])
    await turns(2)
    expect(io.queue.pending).toBe(1)
    expect((await completionOf(io.queue, cid)).status & 0x7ff).toBe(STATUS.ABORT_REQUESTED)
    // The same number again, while the data of the first is still owed.
    const again = begin(io.queue, { opcode: IoOpcode.write, nsid: 1, cid, cdw12: 7, sgl })
    const second = await r2tOf(io.queue, again)
    expect(second.ttag).not.toBe(r2t.ttag)
    io.queue.h2cData({ ...r2t, datao: 512 }, new Uint8Array(3584).fill(9))
    io.queue.h2cData(second, new Uint8Array(4 * KIB).fill(5))
    expect((await completionOf(io.queue, cid)).status).toBe(0)
    const read = await run(io.queue, { opcode: IoOpcode.read, nsid: 1, cdw12: 7 }, { dataInBytes: 4 * KIB })
    expect(Buffer.compare(read.data, new Uint8Array(4 * KIB).fill(5))).toBe(0)
    await h.target.close()
    expect([h.pool.lentBytes, h.target.bytesInFlight]).toEqual([0, 0])
  })
})

describe('fused pairs', () => {
  it('are no pair when a command stands between them that has the number of another', async () => {
    const h = await new NvmeTargetHarness().serve()
    const admin = await raw(h).admin()
    const io = await admin.context.ioOf(admin)
    const half = { nsid: 1, capsuleData: new Uint8Array(512) }
    io.queue.capsule({ ...half, opcode: IoOpcode.compare, flags: 0x41, cid: 1 })
    io.queue.capsule({ opcode: IoOpcode.flush, nsid: 1, cid: 1 })
    io.queue.capsule({ ...half, opcode: IoOpcode.write, flags: 0x42, cid: 2 })
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) {
      const { header } = await io.queue.next()
      statuses.push((header.getUint16(8 + 14, true) >>> 1) & 0x7ff)
    }
    expect(statuses.sort((a, b) => a - b)).toEqual([
      STATUS.COMMAND_ID_CONFLICT,
      STATUS.ABORTED_MISSING_FUSED,
      STATUS.ABORTED_MISSING_FUSED,
    ])
    await h.target.close()
  })
})

describe('strangers', () => {
  it('get their log pages, as far as their small share goes at a time', async () => {
    const h = await new NvmeTargetHarness({ limits: { adminBytesMax: 128 * KIB } }).serve()
    const context = raw(h)
    const discovery = await context.discovery()
    const lengthBytes = 64 * KIB
    const cdw10 = 0x70 | ((lengthBytes / 4 - 1) << 16)
    const sgl = { identifier: SglIdentifier.transport, lengthBytes }
    for (let i = 0; i < 30; i++) discovery.queue.capsule({ opcode: AdminOpcode.getLogPage, cdw10, sgl })
    let [pages, completions, most] = [0, 0, 0]
    while (completions < 30) {
      most = Math.max(most, h.target.bytesInFlight)
      const { type } = await discovery.queue.next()
      if (type === PduType.c2hData) pages++
      else completions++
    }
    expect([pages, most <= 128 * KIB]).toEqual([30, true])
    await h.target.close()
    expect(h.target.bytesInFlight).toBe(0)
  })

  it('cannot keep hosts out by connections on which they say nothing', async () => {
    const h = await new NvmeTargetHarness({ limits: { handshakesMax: 3 } }).serve()
    const silent = Array.from({ length: 10 }, () => h.net.open())
    expect((await h.connect({ queues: 2 })).isOpen).toBe(true)
    await turns(2)
    expect(silent.filter(({ isClosed }) => !isClosed).length).toBeLessThan(3)
    await h.target.close()
  })

  it('are answered when their Connect is refused, and sent away when they go on', async () => {
    const h = await new NvmeTargetHarness().serve()
    const context = raw(h)
    const connection = await context.initialized()
    let answers = 0
    for (; answers < 100 && !connection.isClosed; answers++) {
      const { status } = await context.connect(connection, { subsystemNqn: `${NQN}-x` })
      expect(status & 0x7ff).toBe(STATUS.CONNECT_INVALID_PARAMETERS)
      await turns(2)
    }
    expect(answers).toBe(8)
    await h.target.close()
  })

  it('cannot take the places of all controllers by asking for discovery', async () => {
    const h = await new NvmeTargetHarness({
      limits: { controllersMax: 4, discoveryControllersMax: 2 },
    }).serve()
    const context = raw(h)
    for (let i = 0; i < 4; i++)
      await context.connect(await context.initialized(), { subsystemNqn: DISCOVERY_NQN })
    expect(h.target.sessions().length).toBe(2)
    expect((await h.connect()).isOpen).toBe(true)
    await h.target.close()
  })
})
