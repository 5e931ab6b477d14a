import { strict as assert } from 'node:assert'
import {
  AdminOpcode,
  FABRICS_OPCODE,
  FabricsType,
  IoOpcode,
  SglIdentifier,
} from '../../../../src/nvme/commands.ts'
import { CATTR_DISABLE_SQ_FLOW_CONTROL, ConnectData, Property } from '../../../../src/nvme/fabrics.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { behaviour, type ConnectFields, type Context } from '../case.ts'
import type { RawConnection } from '../raw-connection.ts'
import { type Ended, hasStatus, isFinal, isSuccess, run } from '../raw-queue.ts'

const IN_DATA = 0x1_0000
const ANOTHER_HOST = 'nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-0000000000aa'

/** A Connect that is to be refused for the field at `parameter`; the connection stays. */
async function refused(
  c: Context,
  fields: Partial<ConnectFields>,
  parameter: number,
  connection?: RawConnection,
): Promise<Ended> {
  const queue = connection ?? (await c.initialized())
  const ended = await c.connect(queue, fields)
  isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS)
  assert.equal(ended.dw0, parameter, `IPO and IATTR 0x${ended.dw0.toString(16)}`)
  return ended
}

/** A Connect whose data `change` has the last word over. */
async function connectWith(c: Context, change: (data: Uint8Array) => void): Promise<Ended> {
  const connection = await c.initialized()
  const entry = c.connectEntry()
  change(entry.capsuleData)
  return await run(connection, entry)
}

export const connectAdmin = behaviour('Connect to an admin queue', 'NVMe Base 2.0 §6.3', {
  'gives a controller id that there is': async (c) => {
    const ended = await c.connect(await c.initialized())
    isSuccess(ended)
    const id = ended.dw0 & 0xffff
    assert(id > 0 && id < 0xfff0, `CNTLID ${id}`)
  },
  'gives each association its own': async (c) => {
    const ids = new Set<number>()
    for (let i = 0; i < 4; i++) ids.add((await c.connect(await c.initialized())).dw0 & 0xffff)
    assert.equal(ids.size, 4)
  },
  'takes its data by R2T too': async (c) => {
    const connection = await c.initialized()
    const { capsuleData, ...entry } = c.connectEntry()
    const ended = await run(connection, entry, { dataOut: capsuleData })
    isSuccess(ended)
    assert.equal(ended.r2ts[0]?.r2tl, ConnectData.lengthBytes)
  },
  'of an unknown subsystem is answered, not cut': async (c) => {
    const connection = await c.initialized()
    const subsystemNqn = 'nqn.2026-11.org.example:nobody'
    await refused(c, { subsystemNqn }, IN_DATA | ConnectData.at.subNqn, connection)
    assert(!connection.isClosed)
  },
  'and the same connection may connect after that': async (c) => {
    const connection = await c.initialized()
    const subsystemNqn = 'nqn.2026-11.org.example:nobody'
    isFinal(await c.connect(connection, { subsystemNqn }), STATUS.CONNECT_INVALID_PARAMETERS)
    isSuccess(await c.connect(connection))
  },
  'with a subsystem NQN without an end': async (c) => {
    const ended = await connectWith(c, (data) => data.fill(0x61, 256, 512))
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS)
    assert.equal(ended.dw0, IN_DATA | 256)
  },
  'with an empty subsystem NQN': async (c) => {
    const ended = await connectWith(c, (data) => data.fill(0, 256, 512))
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS)
  },
  'with a host NQN without an end': async (c) => {
    const ended = await connectWith(c, (data) => data.fill(0x61, 512, 768))
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS)
    assert.equal(ended.dw0, IN_DATA | 512)
  },
  'with an empty host NQN': async (c) => {
    const ended = await connectWith(c, (data) => data.fill(0, 512, 768))
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS, STATUS.CONNECT_INVALID_HOST)
  },
  'with another record format': async (c) => {
    const ended = await c.connect(await c.initialized(), { recfmt: 1 })
    isFinal(ended, STATUS.CONNECT_INCOMPATIBLE_FORMAT)
  },
  'with a queue of one entry': async (c) => {
    await refused(c, { entries: 1 }, 44)
  },
  'to a controller that it names itself': async (c) => {
    await refused(c, { controllerId: 1 }, IN_DATA | 16)
  },
  'with data of a wrong length': async (c) => {
    const connection = await c.initialized()
    const entry = c.connectEntry()
    const ended = await run(connection, { ...entry, capsuleData: entry.capsuleData.subarray(0, 1020) })
    isFinal(ended, STATUS.DATA_SGL_LENGTH_INVALID)
  },
  'twice on one queue': async (c) => {
    const connection = await c.initialized()
    isSuccess(await c.connect(connection))
    isFinal(await c.connect(connection), STATUS.COMMAND_SEQUENCE_ERROR, STATUS.CONNECT_CONTROLLER_BUSY)
  },
  'with reserved bytes set': async (c) => {
    isSuccess(
      await connectWith(c, (data) => {
        data.fill(0x5a, 18, 256)
        data.fill(0x5a, 768)
      }),
    )
  },
})

export const beforeConnect = behaviour('before Connect', 'NVMe Base 2.0 §3.3.2.2', {
  'an admin command is out of sequence': async (c) => {
    const connection = await c.initialized()
    const ended = await run(connection, { opcode: AdminOpcode.identify, cdw10: 1 }, { dataInBytes: 4096 })
    isFinal(ended, STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'a property is out of sequence': async (c) => {
    const connection = await c.initialized()
    const ended = await run(connection, { opcode: FABRICS_OPCODE, fctype: FabricsType.propertyGet, cdw11: 8 })
    isFinal(ended, STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'an I/O command is out of sequence': async (c) => {
    const connection = await c.initialized()
    isFinal(await run(connection, { opcode: IoOpcode.flush, nsid: 1 }), STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'a write with data is out of sequence, and its data is not taken for a PDU': async (c) => {
    const connection = await c.initialized()
    const entry = { opcode: IoOpcode.write, nsid: 1, capsuleData: new Uint8Array(512) }
    isFinal(await run(connection, entry), STATUS.COMMAND_SEQUENCE_ERROR)
    isSuccess(await c.connect(connection))
  },
})

export const connectIo = behaviour('Connect to an I/O queue', 'NVMe Base 2.0 §6.3', {
  'works once the controller is enabled': async (c) => {
    const io = await c.io()
    assert.equal(io.connected.dw0 & 0xffff, io.admin.controllerId)
    await io.barrier()
  },
  'before the controller is enabled': async (c) => {
    const connection = await c.initialized()
    const ended = await c.connect(connection)
    const queue = await c.initialized()
    const answer = await c.connect(queue, { qid: 1, controllerId: ended.dw0 & 0xffff })
    hasStatus(
      answer,
      STATUS.COMMAND_SEQUENCE_ERROR,
      STATUS.CONNECT_CONTROLLER_BUSY,
      STATUS.CONNECT_INVALID_PARAMETERS,
    )
  },
  'of a controller that there is not': async (c) => {
    await c.admin()
    await refused(c, { qid: 1, controllerId: 0xeeee }, IN_DATA | 16)
  },
  'of another host': async (c) => {
    const admin = await c.admin()
    const fields = { qid: 1, controllerId: admin.controllerId, hostNqn: ANOTHER_HOST }
    const ended = await c.connect(await c.initialized(), fields)
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS, STATUS.CONNECT_INVALID_HOST)
  },
  'with another host identifier': async (c) => {
    const admin = await c.admin()
    const fields = { qid: 1, controllerId: admin.controllerId, hostId: Buffer.alloc(16, 7) }
    const ended = await c.connect(await c.initialized(), fields)
    isFinal(ended, STATUS.CONNECT_INVALID_PARAMETERS, STATUS.CONNECT_INVALID_HOST)
  },
  'with a number that is taken': async (c) => {
    const io = await c.io()
    const fields = { qid: 1, controllerId: io.admin.controllerId }
    const ended = await c.connect(await c.initialized(), fields)
    hasStatus(
      ended,
      STATUS.CONNECT_INVALID_PARAMETERS,
      STATUS.CONNECT_CONTROLLER_BUSY,
      STATUS.COMMAND_SEQUENCE_ERROR,
    )
    await io.barrier()
  },
  'with a number beyond all': async (c) => {
    const admin = await c.admin()
    await refused(c, { qid: 0xfffe, controllerId: admin.controllerId }, 42)
  },
  'of one entry': async (c) => {
    const admin = await c.admin()
    await refused(c, { qid: 1, controllerId: admin.controllerId, entries: 1 }, 44)
  },
  'of as many entries as there may be': async (c) => {
    const admin = await c.admin()
    const cap = await admin.property('get', Property.cap, 0, 8)
    const entries = (cap.dw0 & 0xffff) + 1
    isSuccess(await c.connect(await c.initialized(), { qid: 1, controllerId: admin.controllerId, entries }))
  },
  'of one entry more': async (c) => {
    const admin = await c.admin()
    const cap = await admin.property('get', Property.cap, 0, 8)
    const entries = (cap.dw0 & 0xffff) + 2
    await refused(c, { qid: 1, controllerId: admin.controllerId, entries }, 44)
  },
  'again after its connection was closed': async (c) => {
    const io = await c.io()
    io.queue.close()
    await io.queue.closed
    await io.admin.barrier()
    const again = await c.ioOf(io.admin)
    await again.barrier()
  },
  'admin commands are none of it': async (c) => {
    const io = await c.io()
    isFinal(await io.run({ opcode: AdminOpcode.keepAlive }), STATUS.INVALID_OPCODE)
  },
})

export const flowControl = behaviour('submission queue flow control', 'NVMe Base 2.0 §3.3.1.2.1', {
  'the head moves on by one and wraps': async (c) => {
    const io = await c.io({ fields: { entries: 4 } })
    const heads: number[] = []
    for (let i = 0; i < 6; i++) heads.push((await io.run({ opcode: IoOpcode.flush, nsid: 1 })).sqhd)
    const first = heads[0]!
    assert.deepEqual(
      heads,
      heads.map((_, i) => (first + i) % 4),
    )
  },
  'without it reads may end with the SUCCESS flag, and with it never': async (c) => {
    const admin = await c.admin()
    const controlled = await c.ioOf(admin)
    assert.equal((await controlled.read(0, 1)).bySuccessFlag, false)
    const free = await c.ioOf(admin, { fields: { qid: 2, cattr: CATTR_DISABLE_SQ_FLOW_CONTROL } })
    const ended = await free.read(0, 1)
    isSuccess(ended)
    assert.equal(ended.data.byteLength, free.blockBytes)
  },
  'without it a completion has no head': async (c) => {
    const admin = await c.admin()
    const free = await c.ioOf(admin, { fields: { cattr: CATTR_DISABLE_SQ_FLOW_CONTROL } })
    assert.equal(free.connected.sqhd, 0xffff)
  },
})

export const dataPointers = behaviour('data pointers', 'TCP Transport §3.3.2', {
  'PRPs are refused': async (c) => {
    const io = await c.io()
    const ended = await io.run(
      { ...io.blocks(IoOpcode.read, 0, 1), flags: 0 },
      { dataInBytes: io.blockBytes },
    )
    isFinal(ended, STATUS.INVALID_FIELD)
  },
  'data of a read is none of the capsule': async (c) => {
    const io = await c.io()
    const sgl = { identifier: SglIdentifier.inCapsule, lengthBytes: io.blockBytes }
    isFinal(
      await io.run({ ...io.blocks(IoOpcode.read, 0, 1), sgl }),
      STATUS.SGL_TYPE_INVALID,
      STATUS.INVALID_FIELD,
    )
  },
  'an address in memory is refused': async (c) => {
    const io = await c.io()
    const sgl = { identifier: SglIdentifier.dataBlock, lengthBytes: io.blockBytes }
    isFinal(
      await io.run({ ...io.blocks(IoOpcode.read, 0, 1), sgl }),
      STATUS.SGL_TYPE_INVALID,
      STATUS.INVALID_FIELD,
    )
  },
  'a keyed descriptor is refused': async (c) => {
    const io = await c.io()
    const sgl = { identifier: SglIdentifier.keyedDataBlock, lengthBytes: io.blockBytes }
    const ended = await io.run({ ...io.blocks(IoOpcode.write, 0, 1), sgl })
    isFinal(ended, STATUS.SGL_TYPE_INVALID, STATUS.INVALID_FIELD)
  },
  'in-capsule data longer than the capsule brought is refused': async (c) => {
    const io = await c.io()
    const sgl = { identifier: SglIdentifier.inCapsule, lengthBytes: io.blockBytes }
    const capsuleData = new Uint8Array(io.blockBytes - 4)
    const ended = await io.run({ ...io.blocks(IoOpcode.write, 0, 1), sgl, capsuleData })
    isFinal(ended, STATUS.DATA_SGL_LENGTH_INVALID, STATUS.DATA_TRANSFER_ERROR)
  },
  'in-capsule data beyond the capsule is refused': async (c) => {
    const io = await c.io()
    const sgl = { identifier: SglIdentifier.inCapsule, lengthBytes: io.blockBytes, offset: 0x1000_0000 }
    const ended = await io.run({
      ...io.blocks(IoOpcode.write, 0, 1),
      sgl,
      capsuleData: new Uint8Array(io.blockBytes),
    })
    isFinal(ended, STATUS.SGL_OFFSET_INVALID, STATUS.DATA_SGL_LENGTH_INVALID)
  },
  'less than the blocks need is refused': async (c) => {
    const io = await c.io()
    const ended = await io.run(io.blocks(IoOpcode.read, 0, 2), { dataInBytes: io.blockBytes })
    isFinal(ended, STATUS.DATA_SGL_LENGTH_INVALID)
  },
  'and of a write too': async (c) => {
    const io = await c.io()
    const ended = await io.run({
      ...io.blocks(IoOpcode.write, 0, 2),
      capsuleData: new Uint8Array(io.blockBytes),
    })
    isFinal(ended, STATUS.DATA_SGL_LENGTH_INVALID)
  },
})
