import { strict as assert } from 'node:assert'
import { IoOpcode } from '../../../../src/nvme/commands.ts'
import { STATUS } from '../../../../src/nvme/status.ts'
import { behaviour, type Context, type Io, pattern, Skipped } from '../case.ts'
import { type Ended, hasStatus, isFinal, isSuccess } from '../raw-queue.ts'

const ONCS_RESERVATIONS = 0x20
const OTHER = {
  hostId: Buffer.from('0badcafe00112233445566778899aabb', 'hex'),
  hostNqn: 'nqn.2014-08.org.nvmexpress:uuid:0badcafe-0011-2233-4455-66778899aabb',
}
const WRITE_EXCLUSIVE = 1
const EXCLUSIVE_ACCESS = 2
const KEY = 0x1122_3344_5566_7788n
const OTHER_KEY = 0xaabb_ccdd_eeff_0011n

async function hosts(c: Context): Promise<readonly [Io, Io]> {
  const io = await c.io()
  if ((Buffer.from(io.identity.page).readUInt16LE(520) & ONCS_RESERVATIONS) === 0) {
    throw new Skipped('no reservations (ONCS)')
  }
  const other = await c.ioOf(await c.admin(OTHER))
  // What an earlier case left: register over it, and clear.
  isSuccess(await register(io, 0, 0n, KEY, true))
  isSuccess(await release(io, 1, 0, KEY))
  return [io, other]
}

function keys(...values: readonly bigint[]): Uint8Array {
  const data = Buffer.alloc(8 * values.length)
  for (const [i, value] of values.entries()) data.writeBigUInt64LE(value, 8 * i)
  return data
}

function register(io: Io, action: number, current: bigint, key: bigint, ignore = false): Promise<Ended> {
  const cdw10 = action | (ignore ? 8 : 0)
  const entry = { opcode: IoOpcode.reservationRegister, nsid: 1, cdw10 }
  return io.run({ ...entry, capsuleData: keys(current, key) })
}

function acquire(io: Io, action: number, type: number, current: bigint, preempt = 0n): Promise<Ended> {
  const entry = { opcode: IoOpcode.reservationAcquire, nsid: 1, cdw10: action | (type << 8) }
  return io.run({ ...entry, capsuleData: keys(current, preempt) })
}

function release(io: Io, action: number, type: number, current: bigint): Promise<Ended> {
  const entry = { opcode: IoOpcode.reservationRelease, nsid: 1, cdw10: action | (type << 8) }
  return io.run({ ...entry, capsuleData: keys(current) })
}

async function report(io: Io): Promise<{ generation: number; type: number; registered: number }> {
  const entry = { opcode: IoOpcode.reservationReport, nsid: 1, cdw10: 1023, cdw11: 1 }
  const ended = await io.run(entry, { dataInBytes: 4096 })
  isSuccess(ended)
  const page = Buffer.from(ended.data)
  return { generation: page.readUInt32LE(0), type: page[4]!, registered: page.readUInt16LE(5) }
}

const write = (io: Io): Promise<Ended> => io.write(70, pattern(io.blockBytes, 41))

export const reservations = behaviour('reservations', 'NVMe Base 2.0 §7.2 to §7.5, §8.19', {
  'a host that is not registered acquires nothing': async (c) => {
    const [, other] = await hosts(c)
    isFinal(await acquire(other, 0, WRITE_EXCLUSIVE, OTHER_KEY), STATUS.RESERVATION_CONFLICT)
  },
  'write exclusive keeps the writes of others out, and not their reads': async (c) => {
    const [io, other] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await acquire(io, 0, WRITE_EXCLUSIVE, KEY))
    isFinal(await write(other), STATUS.RESERVATION_CONFLICT)
    isSuccess(await other.read(70, 1))
    isSuccess(await write(io))
    isSuccess(await release(io, 0, WRITE_EXCLUSIVE, KEY))
    isSuccess(await write(other))
  },
  'exclusive access keeps reads out too': async (c) => {
    const [io, other] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await acquire(io, 0, EXCLUSIVE_ACCESS, KEY))
    isFinal(await other.read(70, 1), STATUS.RESERVATION_CONFLICT)
    isSuccess(await release(io, 0, EXCLUSIVE_ACCESS, KEY))
    isSuccess(await other.read(70, 1))
  },
  'a wrong key is a conflict': async (c) => {
    const [io] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isFinal(await acquire(io, 0, WRITE_EXCLUSIVE, KEY + 1n), STATUS.RESERVATION_CONFLICT)
  },
  'a second key without the first is a conflict': async (c) => {
    const [io] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isFinal(await register(io, 0, 0n, OTHER_KEY), STATUS.RESERVATION_CONFLICT)
  },
  'is released with the type that it has': async (c) => {
    const [io] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await acquire(io, 0, WRITE_EXCLUSIVE, KEY))
    hasStatus(await release(io, 0, EXCLUSIVE_ACCESS, KEY), STATUS.INVALID_FIELD)
    isSuccess(await release(io, 0, WRITE_EXCLUSIVE, KEY))
  },
  'preempt takes it from the holder, who is registered no more': async (c) => {
    const [io, other] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await register(other, 0, 0n, OTHER_KEY))
    isSuccess(await acquire(io, 0, WRITE_EXCLUSIVE, KEY))
    isSuccess(await acquire(other, 1, WRITE_EXCLUSIVE, OTHER_KEY, KEY))
    isFinal(await write(io), STATUS.RESERVATION_CONFLICT)
    isSuccess(await write(other))
    isSuccess(await release(other, 1, 0, OTHER_KEY))
  },
  'the report counts registrations and generations': async (c) => {
    const [io, other] = await hosts(c)
    const before = await report(io)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await register(other, 0, 0n, OTHER_KEY))
    isSuccess(await acquire(io, 0, WRITE_EXCLUSIVE, KEY))
    const after = await report(other)
    assert.deepEqual([after.registered, after.type], [2, WRITE_EXCLUSIVE])
    assert.equal(after.generation, before.generation + 2)
    isSuccess(await release(io, 1, 0, KEY))
    assert.deepEqual((await report(io)).registered, 0)
  },
  'the last to unregister ends it': async (c) => {
    const [io, other] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    isSuccess(await acquire(io, 0, WRITE_EXCLUSIVE, KEY))
    isSuccess(await register(io, 1, KEY, 0n))
    isSuccess(await write(other))
  },
  'a type that there is not': async (c) => {
    const [io] = await hosts(c)
    isSuccess(await register(io, 0, 0n, KEY))
    hasStatus(await acquire(io, 0, 7, KEY), STATUS.INVALID_FIELD)
  },
})
