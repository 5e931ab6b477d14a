import { strict as assert } from 'node:assert'
import { AdminOpcode, decodeCqe } from '../../../../src/nvme/commands.ts'
import { DISCOVERY_NQN, DiscoveryLogEntry } from '../../../../src/nvme/fabrics.ts'
import {
  DISCOVERY_UNIT_BYTES,
  type DiscoveryEntry,
  readDiscoveryEntry,
  readDiscoveryHeader,
} from '../../../../src/nvme/initiator/pages.ts'
import { Cns, Feature, LogPage } from '../../../../src/nvme/initiator/requests.ts'
import { ENTRY_OFFSET } from '../../../../src/nvme/pdu/capsule.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { type Admin, behaviour, Skipped } from '../case.ts'
import { hasStatus, isFinal, isSuccess } from '../raw-queue.ts'

async function entriesOf(
  admin: Admin,
): Promise<{ generation: number; entries: DiscoveryEntry[]; page: Uint8Array }> {
  const head = await admin.logPage(LogPage.discovery, DISCOVERY_UNIT_BYTES)
  isSuccess(head)
  const { generation, records } = readDiscoveryHeader(head.data)
  const whole = await admin.logPage(LogPage.discovery, DISCOVERY_UNIT_BYTES * (records + 1))
  isSuccess(whole)
  const list = whole.data.subarray(DISCOVERY_UNIT_BYTES)
  const entries = Array.from({ length: records }, (_, i) => readDiscoveryEntry(list, i))
  return { generation, entries, page: whole.data }
}

export const discoveryLog = behaviour('discovery log', 'NVMe Base 2.0 §5.16.1.23', {
  'lists the subsystem, over TCP, at a port': async (c) => {
    const { entries } = await entriesOf(await c.discovery())
    const ours = entries.filter(({ subsystemNqn }) => subsystemNqn === c.nqn)
    assert(ours.length > 0, 'the subsystem is not listed')
    for (const entry of ours) {
      assert.deepEqual([entry.kind, entry.isTcp, entry.controllerId], ['nvm', true, 0xffff])
      assert.match(entry.address, /^[0-9a-fA-F.:]+$/)
      assert.match(entry.port, /^\d+$/)
      assert([1, 2].includes(entry.addressFamily))
    }
  },
  'speaks of no secure channel where it has none': async (c) => {
    const { entries, page } = await entriesOf(await c.discovery())
    const { lengthBytes, at } = DiscoveryLogEntry
    for (const index of entries.keys()) {
      const start = DISCOVERY_UNIT_BYTES + index * lengthBytes
      const security = page[start + at.tsas]!
      if (security === 0) assert.equal(page[start + at.treq]! & 3, 0, 'hosts would ask for TLS')
    }
  },
  'has record format 0': async (c) => {
    const { page } = await entriesOf(await c.discovery())
    assert.equal(Buffer.from(page).readUInt16LE(16), 0)
  },
  'has the same generation while nothing changes': async (c) => {
    const admin = await c.discovery()
    const first = await entriesOf(admin)
    const second = await entriesOf(await c.discovery())
    assert.equal(first.generation, second.generation)
    assert.deepEqual(first.entries, second.entries)
  },
  'is read in parts': async (c) => {
    const admin = await c.discovery()
    const { page } = await entriesOf(admin)
    const part = await admin.logPage(LogPage.discovery, DISCOVERY_UNIT_BYTES, {
      offset: DISCOVERY_UNIT_BYTES,
    })
    isSuccess(part)
    assert.deepEqual(part.data, page.subarray(DISCOVERY_UNIT_BYTES, 2 * DISCOVERY_UNIT_BYTES))
  },
  'changes its generation with a new subsystem, and tells of it': async (c) => {
    if (c.owner === undefined) throw new Skipped('needs a target of our own')
    const admin = await c.discovery()
    const before = await entriesOf(admin)
    isSuccess(
      await admin.run({
        opcode: AdminOpcode.setFeatures,
        cdw10: Feature.asynchronousEventConfiguration,
        cdw11: 0x8000_0000,
      }),
    )
    const cid = admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    await admin.barrier()
    const remove = await c.owner.addVolume('nqn.2026-11.io.basalt:another')
    const event = decodeCqe((await admin.queue.next()).header, ENTRY_OFFSET)
    assert.equal(event.cid, cid)
    assert.equal(event.dw0 & 0xff_ffff, 0x70_f002)
    const after = await entriesOf(admin)
    assert(after.generation > before.generation)
    assert.equal(after.entries.length, before.entries.length + 1)
    await remove()
    assert.equal((await entriesOf(admin)).entries.length, before.entries.length)
  },
  'lists many subsystems': async (c) => {
    if (c.owner === undefined) throw new Skipped('needs a target of our own')
    const removes: (() => Promise<void>)[] = []
    for (let i = 0; i < 40; i++) removes.push(await c.owner.addVolume(`nqn.2026-11.io.basalt:many-${i}`))
    const { entries } = await entriesOf(await c.discovery())
    const many = entries.filter(({ subsystemNqn }) => subsystemNqn.includes(':many-'))
    assert.equal(new Set(many.map(({ subsystemNqn }) => subsystemNqn)).size, 40)
    for (const remove of removes) await remove()
  },
})

export const discoveryController = behaviour('discovery controller', 'NVMe Base 2.0 §3.1.2.3', {
  'says what it is': async (c) => {
    const admin = await c.discovery()
    const { page, subsystemNqn } = await admin.identity()
    assert.equal(page[111], 2, 'CNTRLTYPE')
    assert.equal(subsystemNqn, DISCOVERY_NQN)
    assert(Buffer.from(page).readUInt16LE(514) > 0, 'MAXCMD')
  },
  'has no I/O queues': async (c) => {
    const admin = await c.discovery()
    const fields = { qid: 1, controllerId: admin.controllerId, subsystemNqn: DISCOVERY_NQN }
    const ended = await c.connect(await c.initialized(), fields)
    hasStatus(
      ended,
      STATUS.CONNECT_INVALID_PARAMETERS,
      STATUS.CONNECT_CONTROLLER_BUSY,
      STATUS.CONNECT_INVALID_HOST,
    )
  },
  'has no namespaces': async (c) => {
    const ended = await (await c.discovery()).identify(Cns.namespace, 1)
    isFinal(ended, STATUS.INVALID_FIELD, STATUS.INVALID_NAMESPACE, STATUS.INVALID_OPCODE)
  },
  'takes keep alive': async (c) => {
    const admin = await c.admin({ subsystemNqn: DISCOVERY_NQN, keepAliveMs: 5_000 })
    isSuccess(await admin.run({ opcode: AdminOpcode.keepAlive }))
  },
  'is given up when keep alive does not come': async (c) => {
    const admin = await c.admin({ subsystemNqn: DISCOVERY_NQN, keepAliveMs: 1_000 })
    await admin.queue.closedSilently()
  },
  'has no other log than its own and its errors': async (c) => {
    const admin = await c.discovery()
    isFinal(await admin.logPage(LogPage.ana, 64), STATUS.INVALID_LOG_PAGE, STATUS.INVALID_FIELD)
  },
  'serves many hosts at once': async (c) => {
    const admins: Admin[] = []
    for (let i = 0; i < 16; i++) admins.push(await c.discovery())
    assert.equal(new Set(admins.map(({ controllerId }) => controllerId)).size, 16)
    for (const admin of admins) await admin.barrier()
  },
})
