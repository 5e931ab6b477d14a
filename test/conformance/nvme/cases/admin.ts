import { strict as assert } from 'node:assert'
import { AdminOpcode, IoOpcode, NSID_ALL } from '../../../../src/nvme/commands.ts'
import { AnaState, readAnaLog } from '../../../../src/nvme/initiator/pages.ts'
import { Cns, Feature, LogPage } from '../../../../src/nvme/initiator/requests.ts'
import { formatStatus, STATUS } from '../../../../src/nvme/status.ts'
import { type Admin, behaviour, HOST_ID, Skipped } from '../case.ts'
import { completionOf, type Ended, hasStatus, isFinal, isSuccess } from '../raw-queue.ts'

const CMIC_ANA = 8
const u32 = (page: Uint8Array, at: number): number => Buffer.from(page).readUInt32LE(at)
const u16 = (page: Uint8Array, at: number): number => Buffer.from(page).readUInt16LE(at)

export const identifyController = behaviour('Identify Controller', 'NVMe Base 2.0 §5.17.2.1', {
  'names the controller and the subsystem that were connected': async (c) => {
    const admin = await c.admin()
    const identity = await admin.identity()
    assert.equal(identity.controllerId, admin.controllerId)
    assert.equal(identity.subsystemNqn, c.nqn)
    assert.match(identity.serial, /^[ -~]{1,20}$/)
    assert.match(identity.model, /^[ -~]{1,40}$/)
  },
  'says what a fabrics host needs': async (c) => {
    const { page } = await (await c.admin()).identity()
    assert.deepEqual([page[512], page[513]], [0x66, 0x44], 'SQES, CQES')
    assert(u32(page, 1792) >= 4, 'IOCCSZ')
    assert.equal(u32(page, 1796), 1, 'IORCSZ')
    assert.equal(u16(page, 1800), 0, 'ICDOFF')
    assert(page[1803]! >= 1, 'MSDBD')
    assert.equal(u32(page, 536) & 1, 1, 'SGLS: SGLs are supported')
    assert.notEqual(u32(page, 536) & 0x10_0000, 0, 'SGLS: offsets into the capsule')
    assert(u16(page, 320) > 0, 'KAS')
    assert(u16(page, 514) > 0, 'MAXCMD')
    assert(u32(page, 516) >= 1, 'NN')
    assert.equal(page[111], 1, 'CNTRLTYPE: an I/O controller')
  },
  'has the version of the property': async (c) => {
    const admin = await c.admin()
    const { page } = await admin.identity()
    assert.equal(u32(page, 80), (await admin.property('get', 8)).dw0)
  },
  'is the same for every controller but for its id': async (c) => {
    const pages = [await (await c.admin()).identity(), await (await c.admin()).identity()].map(({ page }) => {
      const copy = Buffer.from(page)
      copy.writeUInt16LE(0, 78)
      return copy
    })
    assert.deepEqual(pages[0], pages[1])
  },
})

export const identifyNamespace = behaviour('Identify Namespace', 'NVM Command Set 1.0 §4.1.5', {
  'of namespace 1': async (c) => {
    const { blocks, logicalBlockBytes } = await (await c.admin()).namespace()
    assert(blocks > 0)
    assert([512, 4096].includes(logicalBlockBytes))
  },
  'of a namespace that there is not': async (c) => {
    const ended = await (await c.admin()).identify(Cns.namespace, 0x1234)
    // An id that the subsystem could have, but has not, is inactive: zeros (§5.17.2.2).
    if (ended.status === 0) assert(ended.data.every((byte) => byte === 0))
    else isFinal(ended, STATUS.INVALID_NAMESPACE)
  },
  'of namespace 0': async (c) => {
    isFinal(await (await c.admin()).identify(Cns.namespace, 0), STATUS.INVALID_NAMESPACE)
  },
  'identifiers of it': async (c) => {
    const { data, status } = await (await c.admin()).identify(Cns.namespaceDescriptors, 1)
    assert.equal(status, 0)
    const types = new Map<number, Uint8Array>()
    for (let at = 0; data[at + 1] !== 0; at += 4 + data[at + 1]!) {
      types.set(data[at]!, data.subarray(at + 4, at + 4 + data[at + 1]!))
    }
    assert.equal(types.get(3)?.byteLength, 16, 'a UUID')
  },
  'identifiers of one that there is not': async (c) => {
    const ended = await (await c.admin()).identify(Cns.namespaceDescriptors, 0x1234)
    isFinal(ended, STATUS.INVALID_NAMESPACE, STATUS.INVALID_FIELD)
  },
  'has the same unique ids for every controller': async (c) => {
    const one = await (await c.admin()).identify(Cns.namespaceDescriptors, 1)
    const other = await (await c.admin()).identify(Cns.namespaceDescriptors, 1)
    assert.deepEqual(one.data, other.data)
  },
})

export const namespaceList = behaviour('active namespace list', 'NVMe Base 2.0 §5.17.2.3', {
  'from 0': async (c) => {
    const { data } = await (await c.admin()).identify(Cns.activeNamespaces, 0)
    assert.deepEqual([u32(data, 0), u32(data, 4)], [1, 0])
  },
  'behind the last': async (c) => {
    const { data, status } = await (await c.admin()).identify(Cns.activeNamespaces, 1)
    assert.deepEqual([status, u32(data, 0)], [0, 0])
  },
  'from FFFFFFFEh': async (c) => {
    isFinal(await (await c.admin()).identify(Cns.activeNamespaces, 0xffff_fffe), STATUS.INVALID_NAMESPACE)
  },
  'from FFFFFFFFh': async (c) => {
    isFinal(await (await c.admin()).identify(Cns.activeNamespaces, NSID_ALL), STATUS.INVALID_NAMESPACE)
  },
})

export const identifyOthers = behaviour('Identify of anything else', 'NVMe Base 2.0 §5.17', {
  'a CNS that there is not': async (c) => {
    isFinal(await (await c.admin()).identify(0xfe), STATUS.INVALID_FIELD)
  },
  'goes on after that': async (c) => {
    const admin = await c.admin()
    isFinal(await admin.identify(0xfe), STATUS.INVALID_FIELD)
    await admin.barrier()
  },
})

const getFeature = (admin: Admin, id: number, rest = {}): Promise<Ended> =>
  admin.run({ opcode: AdminOpcode.getFeatures, cdw10: id, ...rest })
const setFeature = (admin: Admin, id: number, value: number): Promise<Ended> =>
  admin.run({ opcode: AdminOpcode.setFeatures, cdw10: id, cdw11: value })

export const features = behaviour('features', 'NVMe Base 2.0 §5.27', {
  'number of queues: one is given as one': async (c) => {
    const ended = await setFeature(await c.admin(), Feature.numberOfQueues, 0)
    isSuccess(ended)
    assert((ended.dw0 & 0xffff) >= 0)
  },
  'number of queues: FFFFh is refused': async (c) => {
    isFinal(await setFeature(await c.admin(), Feature.numberOfQueues, 0xffff_ffff), STATUS.INVALID_FIELD)
  },
  'number of queues: is settled once one is connected': async (c) => {
    const io = await c.io()
    isFinal(await setFeature(io.admin, Feature.numberOfQueues, 0), STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'event configuration is what was set': async (c) => {
    const admin = await c.admin()
    isSuccess(await setFeature(admin, Feature.asynchronousEventConfiguration, 0x100))
    const ended = await getFeature(admin, Feature.asynchronousEventConfiguration)
    isSuccess(ended)
    assert.equal(ended.dw0, 0x100)
  },
  'event configuration takes no events that there are not': async (c) => {
    const admin = await c.admin()
    isFinal(
      await setFeature(admin, Feature.asynchronousEventConfiguration, 0x4000_0000),
      STATUS.INVALID_FIELD,
    )
  },
  'the host identifier is the one of Connect': async (c) => {
    const admin = await c.admin()
    const entry = { opcode: AdminOpcode.getFeatures, cdw10: Feature.hostIdentifier, cdw11: 1 }
    const ended = await admin.run(entry, { dataInBytes: 16 })
    isSuccess(ended)
    assert.deepEqual(Buffer.from(ended.data), HOST_ID)
  },
  'the host identifier is not set over fabrics': async (c) => {
    const admin = await c.admin()
    const entry = { opcode: AdminOpcode.setFeatures, cdw10: Feature.hostIdentifier, cdw11: 1 }
    const ended = await admin.run({ ...entry, capsuleData: new Uint8Array(16).fill(1) })
    isFinal(ended, STATUS.COMMAND_SEQUENCE_ERROR, STATUS.FEATURE_NOT_CHANGEABLE)
  },
  'one that there is not': async (c) => {
    const admin = await c.admin()
    isFinal(await getFeature(admin, 0xc5), STATUS.INVALID_FIELD)
    isFinal(await setFeature(admin, 0xc5, 1), STATUS.INVALID_FIELD)
  },
})

export const logPages = behaviour('log pages', 'NVMe Base 2.0 §5.16', {
  health: async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.health, 512, { nsid: NSID_ALL })
    isSuccess(ended)
    assert.equal(ended.data.byteLength, 512)
  },
  'one dword of it': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.health, 4, { nsid: NSID_ALL })
    isSuccess(ended)
    assert.equal(ended.data.byteLength, 4)
  },
  'a part of it is that part of the whole': async (c) => {
    const admin = await c.admin()
    if (((await admin.identity()).page[261]! & 4) === 0) throw new Skipped('no offsets (LPA bit 2)')
    const whole = await admin.logPage(LogPage.commandsSupported, 4096)
    const part = await admin.logPage(LogPage.commandsSupported, 1024, { offset: 1024 })
    isSuccess(part)
    assert.deepEqual(part.data, whole.data.subarray(1024, 2048))
  },
  'an offset that is no whole dword': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.health, 64, { offset: 2, nsid: NSID_ALL })
    isFinal(ended, STATUS.INVALID_FIELD)
  },
  'an offset beyond the page': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.ana, 64, { offset: 1 << 20 })
    isFinal(ended, STATUS.INVALID_FIELD)
  },
  'error information': async (c) => {
    isSuccess(await (await c.admin()).logPage(LogPage.errorInformation, 64, { nsid: NSID_ALL }))
  },
  'changed namespaces, of which there are none': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.changedNamespaces, 4096)
    isSuccess(ended)
    assert.equal(u32(ended.data, 0), 0)
  },
  'commands supported: those of the NVM command set': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.commandsSupported, 4096)
    isSuccess(ended)
    for (const opcode of [IoOpcode.flush, IoOpcode.write, IoOpcode.read]) {
      assert.equal(u32(ended.data, 1024 + 4 * opcode) & 1, 1, `I/O opcode ${opcode}`)
    }
    assert.equal(u32(ended.data, 1024 + 4 * 0x7e) & 1, 0)
  },
  'one that there is not': async (c) => {
    isFinal(await (await c.admin()).logPage(0xdf, 512), STATUS.INVALID_LOG_PAGE, STATUS.INVALID_FIELD)
  },
  'the discovery log is none of an I/O controller': async (c) => {
    const ended = await (await c.admin()).logPage(LogPage.discovery, 1024)
    isFinal(ended, STATUS.INVALID_LOG_PAGE, STATUS.INVALID_FIELD)
  },
  'less room than was asked for': async (c) => {
    const admin = await c.admin()
    const entry = { opcode: AdminOpcode.getLogPage, nsid: NSID_ALL, cdw10: LogPage.health | (127 << 16) }
    const ended = await admin.run(entry, { dataInBytes: 64 })
    if (ended.status === 0) assert.equal(ended.data.byteLength, 64)
    else isFinal(ended, STATUS.DATA_SGL_LENGTH_INVALID)
  },
})

export const ana = behaviour('asymmetric namespace access', 'NVMe Base 2.0 §8.1', {
  'the log tells the state of the namespace': async (c) => {
    const admin = await c.admin()
    const { page } = await admin.identity()
    if ((page[76]! & CMIC_ANA) === 0) throw new Skipped('no ANA reporting')
    const ended = await admin.logPage(LogPage.ana, 4096)
    isSuccess(ended)
    const { groups } = readAnaLog(ended.data)
    const { anaGroup } = await admin.namespace()
    const group = groups.find(({ namespaces }) => namespaces.includes(1))
    assert.equal(group?.group, anaGroup)
    assert.equal(group?.state, AnaState.optimized)
    assert(anaGroup >= 1 && anaGroup <= u32(page, 344), 'ANAGRPMAX')
    assert(u32(page, 348) >= groups.length, 'NANAGRPID')
  },
  'without namespaces when only groups are asked for': async (c) => {
    const admin = await c.admin()
    if (((await admin.identity()).page[76]! & CMIC_ANA) === 0) throw new Skipped('no ANA reporting')
    const ended = await admin.logPage(LogPage.ana, 4096, { specific: 1 })
    isSuccess(ended)
    for (const { namespaces } of readAnaLog(ended.data).groups) assert.deepEqual(namespaces, [])
  },
  'the namespaces of a descriptor stand 32 bytes behind its start': async (c) => {
    const admin = await c.admin()
    if (((await admin.identity()).page[76]! & CMIC_ANA) === 0) throw new Skipped('no ANA reporting')
    const { data } = await admin.logPage(LogPage.ana, 52)
    assert.equal(u32(data, 20), 1, 'one namespace')
    assert.equal(u32(data, 48), 1, 'namespace 1')
  },
})

export const events = behaviour('asynchronous events', 'NVMe Base 2.0 §5.2', {
  'a request is parked': async (c) => {
    const admin = await c.admin()
    admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    await admin.barrier()
    await admin.barrier()
    assert.equal(admin.queue.pending, 0)
  },
  'one more than the limit is refused, and the others stay': async (c) => {
    const admin = await c.admin()
    const { eventRequestsMax } = await admin.identity()
    for (let i = 0; i < eventRequestsMax; i++) {
      admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    }
    isFinal(
      await admin.run({ opcode: AdminOpcode.asynchronousEventRequest }),
      STATUS.EVENT_REQUEST_LIMIT_EXCEEDED,
    )
    await admin.barrier()
  },
  'a parked request can be aborted': async (c) => {
    const admin = await c.admin()
    const cid = admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    await admin.barrier()
    const abort = admin.queue.capsule({ opcode: AdminOpcode.abort, cdw10: (cid << 16) >>> 0 })
    const first = await admin.queue.next()
    const firstCid = first.header.getUint16(20, true)
    if (firstCid === abort) {
      // Abort is "best effort": it may say that nothing was aborted.
      assert.equal(first.header.getUint32(8, true) & 1, 1)
      return
    }
    assert.equal(firstCid, cid)
    const status = first.header.getUint16(22, true) >>> 1
    assert.equal(formatStatus(status & 0x7ff), formatStatus(STATUS.ABORT_REQUESTED))
    const ended = await completionOf(admin.queue, abort)
    assert.equal(ended.dw0 & 1, 0)
  },
  'end with the connection': async (c) => {
    const io = await c.io()
    io.admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    io.admin.queue.close()
    await io.queue.closedSilently()
  },
  'are none of an I/O queue': async (c) => {
    const io = await c.io()
    // 0Ch is Verify there.
    const ended = await io.run({ opcode: AdminOpcode.asynchronousEventRequest, nsid: 1 })
    hasStatus(ended, STATUS.SUCCESS, STATUS.INVALID_OPCODE)
  },
})
