import { strict as assert } from 'node:assert'
import { AdminOpcode, FABRICS_OPCODE, FabricsType, IoOpcode } from '../../../../src/nvme/commands.ts'
import { Property } from '../../../../src/nvme/fabrics.ts'
import { Feature } from '../../../../src/nvme/initiator/requests.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { Admin, behaviour, type Context } from '../case.ts'
import { hasStatus, isFinal, isSuccess } from '../raw-queue.ts'

const CC_ENABLED = 0x0046_0001
const NORMAL_SHUTDOWN = 0x4000

/** An admin queue whose controller is not enabled. */
async function disabled(c: Context, keepAliveMs = 0): Promise<Admin> {
  const connection = await c.initialized()
  const ended = await c.connect(connection, { keepAliveMs })
  isSuccess(ended)
  return new Admin(c, connection, ended.dw0 & 0xffff, {})
}

const propertyOf = async (admin: Admin, offset: number): Promise<number> => {
  const ended = await admin.property('get', offset)
  isSuccess(ended)
  return ended.dw0
}

export const properties = behaviour('properties', 'NVMe Base 2.0 §3.1.3, §6.5, §6.6', {
  'CAP makes sense': async (c) => {
    const { dw0, dw1 } = await (await disabled(c)).property('get', Property.cap, 0, 8)
    assert((dw0 & 0xffff) >= 1, 'MQES')
    assert((dw0 & 0x1_0000) !== 0, 'CQR')
    assert(dw0 >>> 24 > 0, 'TO')
    assert((dw1 & (1 << 5)) !== 0, 'CSS: NVM command set')
    assert.equal((dw1 >>> 16) & 0xf, 0, 'MPSMIN')
  },
  'VS is 1.3 or later': async (c) => {
    assert((await propertyOf(await disabled(c), Property.vs)) >= 0x0001_0300)
  },
  'a controller begins disabled': async (c) => {
    const admin = await disabled(c)
    assert.equal((await propertyOf(admin, Property.cc)) & 1, 0)
    assert.equal((await propertyOf(admin, Property.csts)) & 1, 0)
  },
  'enabling makes it ready': async (c) => {
    const admin = await disabled(c)
    isSuccess(await admin.property('set', Property.cc, CC_ENABLED))
    assert.equal((await propertyOf(admin, Property.csts)) & 3, 1)
    assert.equal(await propertyOf(admin, Property.cc), CC_ENABLED)
  },
  'CAP is not read with four bytes': async (c) => {
    isFinal(await (await disabled(c)).property('get', Property.cap, 0, 4), STATUS.INVALID_FIELD)
  },
  'VS is not read with eight': async (c) => {
    isFinal(await (await disabled(c)).property('get', Property.vs, 0, 8), STATUS.INVALID_FIELD)
  },
  'there is no AQA over fabrics': async (c) => {
    isFinal(await (await disabled(c)).property('get', 0x24), STATUS.INVALID_FIELD)
  },
  'and nothing at an odd offset': async (c) => {
    isFinal(await (await disabled(c)).property('get', 0x15), STATUS.INVALID_FIELD)
  },
  'VS is not written': async (c) => {
    isFinal(await (await disabled(c)).property('set', Property.vs, 1), STATUS.INVALID_FIELD)
  },
  'a size that there is not is refused': async (c) => {
    const admin = await disabled(c)
    const entry = { opcode: FABRICS_OPCODE, fctype: FabricsType.propertyGet, cdw10: 2, cdw11: Property.vs }
    isFinal(await admin.run(entry), STATUS.INVALID_FIELD)
  },
  'entries of wrong sizes do not make it ready': async (c) => {
    const admin = await disabled(c)
    isSuccess(await admin.property('set', Property.cc, 0x0045_0001))
    assert.equal((await propertyOf(admin, Property.csts)) & 1, 0)
  },
  'a Fabrics command that there is not is refused': async (c) => {
    isFinal(
      await (await disabled(c)).run({ opcode: FABRICS_OPCODE, fctype: 0x33 }),
      STATUS.INVALID_OPCODE,
      STATUS.INVALID_FIELD,
    )
  },
  'an I/O queue has none': async (c) => {
    const io = await c.io()
    const entry = { opcode: FABRICS_OPCODE, fctype: FabricsType.propertyGet, cdw11: Property.csts }
    isFinal(await io.run(entry), STATUS.INVALID_FIELD, STATUS.INVALID_OPCODE)
  },
})

export const whileDisabled = behaviour('while the controller is disabled', 'NVMe Base 2.0 §3.5.1', {
  'Identify is out of sequence': async (c) => {
    const ended = await (await disabled(c)).identify(1)
    isFinal(ended, STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'Get Log Page is out of sequence': async (c) => {
    isFinal(await (await disabled(c)).logPage(2, 512), STATUS.COMMAND_SEQUENCE_ERROR)
  },
  'and works when it is enabled': async (c) => {
    const admin = await disabled(c)
    isSuccess(await admin.property('set', Property.cc, CC_ENABLED))
    isSuccess(await admin.identify(1))
  },
})

export const reset = behaviour('controller reset', 'NVMe Base 2.0 §3.7.2', {
  'ends the connections of the I/O queues': async (c) => {
    const io = await c.io()
    isSuccess(await io.admin.property('set', Property.cc, CC_ENABLED & ~1))
    assert.equal((await propertyOf(io.admin, Property.csts)) & 1, 0)
    await io.queue.closedSilently()
  },
  'and they may be connected again when it is enabled': async (c) => {
    const io = await c.io()
    isSuccess(await io.admin.property('set', Property.cc, CC_ENABLED & ~1))
    await io.queue.closedSilently()
    isSuccess(await io.admin.property('set', Property.cc, CC_ENABLED))
    const again = await c.ioOf(io.admin)
    await again.barrier()
  },
  'forgets events that were asked for': async (c) => {
    const admin = await c.admin()
    const { eventRequestsMax } = await admin.identity()
    for (let i = 0; i < eventRequestsMax; i++) {
      admin.queue.capsule({ opcode: AdminOpcode.asynchronousEventRequest })
    }
    admin.queue.capsule({ opcode: FABRICS_OPCODE, fctype: 0, cdw11: Property.cc, cdw12: CC_ENABLED & ~1 })
    // Parked requests may be answered as aborted, or not at all (§3.7.2); what counts is the answer to the reset.
    for (;;) {
      const { header } = await admin.queue.next()
      if (header.getUint16(20, true) > eventRequestsMax + 3) break
    }
  },
  'of one controller leaves another alone': async (c) => {
    const io = await c.io()
    const other = await c.admin()
    isSuccess(await other.property('set', Property.cc, CC_ENABLED & ~1))
    await io.barrier()
  },
})

export const shutdown = behaviour('shutdown', 'NVMe Base 2.0 §3.6', {
  'is over at once or soon': async (c) => {
    const io = await c.io()
    isSuccess(await io.admin.property('set', Property.cc, CC_ENABLED | NORMAL_SHUTDOWN))
    for (let i = 0; i < 100; i++) {
      if (((await propertyOf(io.admin, Property.csts)) & 0xc) === 0x8) return
      await c.clock.sleep(20)
    }
    assert.fail('CSTS.SHST never said that it is complete')
  },
  'an ended admin connection takes its I/O queues with it': async (c) => {
    const io = await c.io()
    io.admin.queue.close()
    await io.queue.closedSilently()
  },
})

export const disconnect = behaviour('Disconnect', 'NVMe Base 2.0 §6.4', {
  'of an I/O queue is answered': async (c) => {
    const io = await c.io()
    const ofcs = io.identity.page[1804]! & 1
    const ended = await io.run({ opcode: FABRICS_OPCODE, fctype: FabricsType.disconnect })
    if (ofcs === 1) isSuccess(ended)
    else isFinal(ended, STATUS.INVALID_OPCODE, STATUS.INVALID_FIELD)
  },
  'and the number may be used again': async (c) => {
    const io = await c.io()
    if ((io.identity.page[1804]! & 1) === 0) return
    isSuccess(await io.run({ opcode: FABRICS_OPCODE, fctype: FabricsType.disconnect }))
    await io.queue.closedSilently()
    await (await c.ioOf(io.admin)).barrier()
  },
  'of the admin queue is refused': async (c) => {
    const admin = await c.admin()
    const ended = await admin.run({ opcode: FABRICS_OPCODE, fctype: FabricsType.disconnect })
    assert.notEqual(ended.status, 0)
    await admin.barrier()
  },
})

export const keepAlive = behaviour('Keep Alive', 'NVMe Base 2.0 §3.9', {
  'is answered': async (c) => {
    const admin = await c.admin({ keepAliveMs: 10_000 })
    isSuccess(await admin.run({ opcode: AdminOpcode.keepAlive }))
  },
  'time is what Connect asked for': async (c) => {
    const admin = await c.admin({ keepAliveMs: 20_000 })
    const ended = await admin.run({ opcode: AdminOpcode.getFeatures, cdw10: Feature.keepAliveTimer })
    isSuccess(ended)
    assert.equal(ended.dw0, 20_000)
  },
  'that does not come ends the association': async (c) => {
    const io = await c.ioOf(await c.admin({ keepAliveMs: 1_000 }))
    await Promise.all([io.admin.queue.closedSilently(), io.queue.closedSilently()])
  },
  'that comes keeps it': async (c) => {
    const admin = await c.admin({ keepAliveMs: 1_000 })
    for (let i = 0; i < 6; i++) {
      await c.clock.sleep(400)
      isSuccess(await admin.run({ opcode: AdminOpcode.keepAlive }))
    }
  },
  'of 0 lets a silent host live': async (c) => {
    const admin = await c.admin()
    await c.clock.sleep(2_500)
    await admin.barrier()
  },
})

export const unknownCommands = behaviour('commands that there are not', 'NVMe Base 2.0 §3.3.3.2.1', {
  'on the admin queue': async (c) => {
    const admin = await c.admin()
    isFinal(await admin.run({ opcode: 0xbc }), STATUS.INVALID_OPCODE)
  },
  'Create I/O Submission Queue over fabrics': async (c) => {
    const admin = await c.admin()
    isFinal(await admin.run({ opcode: AdminOpcode.createSubmissionQueue }), STATUS.INVALID_OPCODE)
  },
  'on an I/O queue': async (c) => {
    const io = await c.io()
    isFinal(await io.run({ opcode: 0x7e, nsid: 1 }), STATUS.INVALID_OPCODE)
  },
  'and what they bring in the capsule is read past': async (c) => {
    const io = await c.io()
    const capsuleData = new Uint8Array(4096).fill(0xee)
    isFinal(await io.run({ opcode: 0x7d, nsid: 1, capsuleData }), STATUS.INVALID_OPCODE)
    await io.barrier()
  },
  'an Abort of what there is not aborts nothing': async (c) => {
    const admin = await c.admin()
    const ended = await admin.run({ opcode: AdminOpcode.abort, cdw10: 0x7777_0000 })
    isSuccess(ended)
    assert.equal(ended.dw0 & 1, 1)
    const other = await admin.run({ opcode: AdminOpcode.abort, cdw10: 0x0001_0040 })
    hasStatus(other, STATUS.SUCCESS, STATUS.INVALID_FIELD)
  },
  'an Abort on an I/O queue is no command': async (c) => {
    const io = await c.io()
    const ended = await io.run({ opcode: AdminOpcode.abort, nsid: 1 })
    // 08h is Write Zeroes there; of no blocks that this entry names but the first.
    hasStatus(ended, STATUS.SUCCESS)
    assert.equal(IoOpcode.writeZeroes, AdminOpcode.abort)
  },
})
