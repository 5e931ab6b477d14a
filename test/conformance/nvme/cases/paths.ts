import { strict as assert } from 'node:assert'
import { AdminOpcode, decodeCqe, IoOpcode } from '../../../../src/nvme/commands.ts'
import { type AnaLog, AnaState, readAnaLog } from '../../../../src/nvme/initiator/pages.ts'
import { Cns, Feature, LogPage } from '../../../../src/nvme/initiator/requests.ts'
import { ENTRY_OFFSET } from '../../../../src/nvme/pdu/capsule.ts'
import { DNR, STATUS } from '../../../../src/nvme/status.ts'
import { type Admin, behaviour, type Context, Skipped, type StandbyOwner } from '../case.ts'
import { type Ended, hasStatus, isSuccess } from '../raw-queue.ts'

const NQN = 'nqn.2026-11.io.basalt:standby'
const ANA_EVENT = 0x0c_0302
const ANA_EVENTS = 1 << 11

/** Runs `body` with a subsystem that is served elsewhere, on an admin queue of it. */
async function standby(
  c: Context,
  body: (admin: Admin, owner: StandbyOwner) => Promise<void>,
): Promise<void> {
  if (c.owner === undefined) throw new Skipped('needs a target of our own')
  const owner = await c.owner.addStandby(NQN)
  try {
    await body(await c.admin({ subsystemNqn: NQN }), owner)
  } finally {
    await owner.remove()
  }
}

async function anaLog(admin: Admin, retain = false): Promise<AnaLog> {
  const ended = await admin.logPage(LogPage.ana, 4096, { retain })
  isSuccess(ended)
  return readAnaLog(ended.data)
}

/** Path related, and to be sent again: on another path, or later. */
function isRetried(ended: Ended, status: number): void {
  hasStatus(ended, status)
  assert.equal(ended.status & DNR, 0, 'Do Not Retry')
}

async function listen(admin: Admin): Promise<number> {
  const entry = { opcode: AdminOpcode.setFeatures, cdw10: Feature.asynchronousEventConfiguration }
  isSuccess(await admin.run({ ...entry, cdw11: ANA_EVENTS }))
  const cid = admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
  await admin.barrier()
  return cid
}

async function isTold(admin: Admin, cid: number): Promise<void> {
  const event = decodeCqe((await admin.queue.next()).header, ENTRY_OFFSET)
  assert.equal(event.cid, cid)
  assert.equal(event.dw0 & 0xff_ffff, ANA_EVENT)
}

export const standbyPaths = behaviour('a path that does not serve', 'NVMe Base 2.0 §8.1', {
  'says so in its log, and takes I/O queues': (c) =>
    standby(c, async (admin) => {
      const { groups } = await anaLog(admin)
      assert.deepEqual(groups, [{ group: 1, state: AnaState.inaccessible, namespaces: [1] }])
      await c.ioOf(admin)
    }),
  'identifies the namespace as the path that serves does': (c) =>
    standby(c, async (admin, owner) => {
      const before = await admin.identify(Cns.namespaceDescriptors, 1)
      const { blocks } = await admin.namespace()
      await owner.activate()
      assert.deepEqual((await admin.identify(Cns.namespaceDescriptors, 1)).data, before.data)
      assert.equal((await admin.namespace()).blocks, blocks)
    }),
  'refuses reads, writes and flushes for its own sake': (c) =>
    standby(c, async (admin) => {
      const io = await c.ioOf(admin)
      isRetried(await io.read(0, 1), STATUS.ANA_INACCESSIBLE)
      isRetried(await io.write(0, new Uint8Array(io.blockBytes)), STATUS.ANA_INACCESSIBLE)
      isRetried(await io.run({ opcode: IoOpcode.flush, nsid: 1 }), STATUS.ANA_INACCESSIBLE)
    }),
  'asks for no data of a write that it refuses': (c) =>
    standby(c, async (admin) => {
      const io = await c.ioOf(admin)
      const ended = await io.write(0, new Uint8Array(io.longBytes))
      isRetried(ended, STATUS.ANA_INACCESSIBLE)
      assert.deepEqual(ended.r2ts, [])
    }),
  'says that it changes while nobody serves': (c) =>
    standby(c, async (admin, owner) => {
      const io = await c.ioOf(admin)
      owner.become('transitioning')
      assert.equal((await anaLog(admin)).groups[0]?.state, AnaState.change)
      isRetried(await io.read(0, 1), STATUS.ANA_TRANSITION)
    }),
})

export const pathChanges = behaviour('a path that changes', 'NVMe Base 2.0 §8.1.4', {
  'tells of it, and counts': (c) =>
    standby(c, async (admin, owner) => {
      const before = await anaLog(admin)
      const cid = await listen(admin)
      owner.become('transitioning')
      await isTold(admin, cid)
      assert((await anaLog(admin)).changeCount > before.changeCount)
    }),
  'tells once until its log was read': (c) =>
    standby(c, async (admin, owner) => {
      const first = await listen(admin)
      owner.become('transitioning')
      await isTold(admin, first)
      const second = admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
      owner.become('standby')
      await admin.barrier()
      assert.equal(admin.queue.pending, 0)
      await anaLog(admin, true)
      await admin.barrier()
      assert.equal(admin.queue.pending, 0, 'RAE keeps the event masked')
      admin.queue.capsule({ opcode: AdminOpcode.keepAlive })
      await admin.queue.next()
      const log = { opcode: AdminOpcode.getLogPage, cdw10: LogPage.ana | (15 << 16) }
      const cid = admin.queue.capsule({ ...log, sgl: { identifier: 0x5a, lengthBytes: 64 } })
      const cids: number[] = []
      while (cids.length < 2) {
        const { type, header } = await admin.queue.next()
        if (type === 5) cids.push(header.getUint16(20, true))
      }
      assert.deepEqual(cids.toSorted(), [second, cid].toSorted())
    }),
  'keeps its connections when it begins to serve': (c) =>
    standby(c, async (admin, owner) => {
      const io = await c.ioOf(admin)
      const cid = await listen(admin)
      isRetried(await io.read(0, 1), STATUS.ANA_INACCESSIBLE)
      await owner.activate()
      await isTold(admin, cid)
      assert.equal((await anaLog(admin)).groups[0]?.state, AnaState.optimized)
      isSuccess(await io.read(0, 1))
    }),
})
