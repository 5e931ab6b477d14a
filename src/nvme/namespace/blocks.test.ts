import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { BLOCK_ERROR_CODES } from '../../base/errors.ts'
import { MIB } from '../../base/units.ts'
import { DEVICE_STATUS, DNR, final, formatStatus, STATUS } from '../status.ts'
import { NSID_ALL, OPCODE } from './sqe.ts'
import { ABORTED, bytesOf, DEAC, DEVICE_BYTES, FUA, NamespaceHarness } from './testing.ts'

const { READ, WRITE, FLUSH, WRITE_ZEROES, DATASET_MANAGEMENT, COMPARE, VERIFY } = OPCODE
const OK = '0/00'
const OUT_OF_RANGE = '0/80!'
const LENGTH_INVALID = '0/0f!'

interface Setting {
  readonly logicalBlockBytes?: 512 | 4096
  readonly atomicWriteBytesMax?: number
  readonly sizeBytes?: number
}

function start(setting: Setting = {}): { memory: MemoryDevice; h: NamespaceHarness } {
  const memory = new MemoryDevice({ sizeBytes: DEVICE_BYTES, ...setting })
  return { memory, h: new NamespaceHarness(memory) }
}

const range = (lba: number | bigint, blocks: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(4, blocks, true)
  view.setBigUint64(8, BigInt(lba), true)
  return bytes
}

describe.each([512, 4096] as const)('blocks of %i bytes', (blockBytes) => {
  const capacity = DEVICE_BYTES / blockBytes

  it('are read as they were written, at once when the device has them at hand', async () => {
    const { h } = start({ logicalBlockBytes: blockBytes })
    const data = bytesOf(3 * blockBytes)
    expect(await h.statusOf(WRITE, { slba: 5, nlb: 2, dataOut: data })).toBe(OK)
    const result = h.start(READ, { slba: 5, nlb: 2, dataInMax: data.byteLength })
    if (result instanceof Promise) throw new Error('the read waited')
    expect(Uint8Array.from(result.dataIn!)).toEqual(data)
    expect(h.pool.lentBytes).toBeGreaterThan(0)
    result.release?.()
    expect(h.pool.lentBytes).toBe(0)
  })

  it('are put where they go out when they are at hand, and into a buffer when they are not', async () => {
    const { h } = start({ logicalBlockBytes: blockBytes })
    const data = bytesOf(2 * blockBytes)
    expect(await h.statusOf(WRITE, { slba: 5, nlb: 1, dataOut: data })).toBe(OK)
    const place = new Uint8Array(data.byteLength)
    const read = { slba: 5, nlb: 1, dataInMax: data.byteLength, place }
    const result = h.start(READ, read)
    if (result instanceof Promise) throw new Error('the read waited')
    expect(result).toEqual({ status: 0, dword0: 0, dataIn: data, release: undefined })
    expect(result.dataIn).toBe(place)
    expect(h.pool.lentBytes).toBe(0)

    h.device.isCached = false
    h.device.calls.length = 0
    const later = await h.start(READ, read)
    expect(Uint8Array.from(later.dataIn!)).toEqual(data)
    expect(later.dataIn).not.toBe(place)
    expect(h.device.calls).toEqual(['readNow', 'read'])
    later.release?.()
    expect(h.pool.lentBytes).toBe(0)

    h.device.failNext('MEDIUM')
    expect(await h.statusOf(READ, read)).not.toBe(OK)
    expect(h.pool.lentBytes).toBe(0)
  })

  it('end where the capacity ends', async () => {
    const { h } = start({ logicalBlockBytes: blockBytes })
    const data = bytesOf(2 * blockBytes)
    const cases = [
      [{ slba: capacity - 2, nlb: 1 }, OK],
      [{ slba: capacity - 1, nlb: 1 }, OUT_OF_RANGE],
      [{ slba: capacity, nlb: 1 }, OUT_OF_RANGE],
      [{ slba: 2n ** 53n, nlb: 1 }, OUT_OF_RANGE],
      [{ slba: 2n ** 64n - 1n, nlb: 1 }, OUT_OF_RANGE],
    ] as const
    for (const [at, status] of cases) {
      expect(await h.statusOf(WRITE, { ...at, dataOut: data })).toBe(status)
      expect(await h.statusOf(READ, { ...at, dataInMax: data.byteLength })).toBe(status)
      expect(await h.statusOf(WRITE_ZEROES, at)).toBe(status)
      expect(await h.statusOf(VERIFY, at)).toBe(status)
      expect(await h.statusOf(COMPARE, { ...at, dataOut: new Uint8Array(2 * blockBytes) })).toBe(status)
      expect(await h.statusOf(DATASET_MANAGEMENT, { cdw11: 4, dataOut: range(at.slba, 2) })).toBe(status)
    }
    expect(h.pool.lentBytes).toBe(0)
  })

  it('move with exactly the length of their range', async () => {
    const { h } = start({ logicalBlockBytes: blockBytes })
    for (const lengthBytes of [blockBytes - 1, blockBytes + 1, 2 * blockBytes, 0]) {
      expect(await h.statusOf(READ, { dataInMax: lengthBytes })).toBe(LENGTH_INVALID)
      expect(await h.statusOf(WRITE, { dataOut: bytesOf(lengthBytes) })).toBe(LENGTH_INVALID)
      expect(await h.statusOf(COMPARE, { dataOut: bytesOf(lengthBytes) })).toBe(LENGTH_INVALID)
    }
    expect(h.device.calls).toEqual([])
  })
})

it('a read that waits for the disk gives the same bytes', async () => {
  const { h } = start()
  const data = bytesOf(1024)
  await h.send(WRITE, { nlb: 1, dataOut: data })
  h.device.isCached = false
  expect(await h.send(READ, { nlb: 1, dataInMax: 1024 })).toEqual({ status: OK, data })
  expect(h.device.calls).toEqual(['write', 'readNow', 'read'])
})

it('65536 blocks are one command', async () => {
  const { h } = start({ sizeBytes: 64 * MIB })
  expect(await h.statusOf(WRITE_ZEROES, { nlb: 0xffff })).toBe(OK)
  expect(await h.statusOf(WRITE_ZEROES, { slba: 65537, nlb: 0xffff })).toBe(OUT_OF_RANGE)
})

it('force unit access is passed on, and a read with it flushes before', async () => {
  const { h } = start()
  await h.send(WRITE, { flags: FUA, dataOut: bytesOf(512) })
  await h.send(READ, { flags: FUA, dataInMax: 512 })
  await h.send(WRITE_ZEROES, { flags: FUA })
  await h.send(COMPARE, { flags: FUA, dataOut: new Uint8Array(512) })
  expect(h.device.calls).toEqual(['write fua', 'flush', 'readNow', 'writeZeroes fua', 'flush', 'readNow'])
})

it('Flush may name the namespace or all of them, other commands the namespace only', async () => {
  const { h } = start()
  expect(await h.statusOf(FLUSH)).toBe(OK)
  expect(await h.statusOf(FLUSH, { nsid: NSID_ALL })).toBe(OK)
  expect(h.device.calls).toEqual(['flush', 'flush'])
  for (const nsid of [0, 2, 0xfffffffe]) expect(await h.statusOf(FLUSH, { nsid })).toBe('0/0b!')
  expect(await h.statusOf(READ, { nsid: NSID_ALL, dataInMax: 512 })).toBe('0/0b!')
})

it('Write Zeroes deallocates when it is asked to', async () => {
  const { h } = start()
  await h.send(WRITE, { nlb: 7, dataOut: bytesOf(4096) })
  expect(await h.statusOf(WRITE_ZEROES, { slba: 2, nlb: 1 })).toBe(OK)
  expect(await h.statusOf(WRITE_ZEROES, { slba: 4, nlb: 0, flags: DEAC })).toBe(OK)
  expect(h.device.calls).toEqual(['write', 'writeZeroes', 'trim'])
  const expected = bytesOf(4096).fill(0, 1024, 2048).fill(0, 2048, 2560)
  expect((await h.send(READ, { nlb: 7, dataInMax: 4096 })).data).toEqual(expected)
})

describe('Dataset Management', () => {
  it('deallocates up to 256 ranges, from data that may be longer', async () => {
    const { h } = start()
    await h.send(WRITE, { nlb: 7, dataOut: bytesOf(4096) })
    const two = Uint8Array.from([...range(0, 1), ...range(3, 2), ...new Uint8Array(4064).fill(0xff)])
    expect(await h.statusOf(DATASET_MANAGEMENT, { cdw10: 1, cdw11: 4, dataOut: two })).toBe(OK)
    const expected = bytesOf(4096).fill(0, 0, 512).fill(0, 1536, 2560)
    expect((await h.send(READ, { nlb: 7, dataInMax: 4096 })).data).toEqual(expected)
    const many = Uint8Array.from({ length: 256 }, (_, i) => i).reduce<number[]>(
      (all, i) => all.concat([...range(i, 1)]),
      [],
    )
    h.device.calls.length = 0
    expect(
      await h.statusOf(DATASET_MANAGEMENT, { cdw10: 255, cdw11: 4, dataOut: Uint8Array.from(many) }),
    ).toBe(OK)
    expect(h.device.calls.length).toBe(256)
  })

  it('needs the data of all its ranges, and changes nothing when one is out of range', async () => {
    const { h } = start()
    const last = DEVICE_BYTES / 512
    expect(await h.statusOf(DATASET_MANAGEMENT, { cdw10: 1, cdw11: 4, dataOut: range(0, 1) })).toBe(
      LENGTH_INVALID,
    )
    const bad = Uint8Array.from([...range(0, 1), ...range(last, 1)])
    expect(await h.statusOf(DATASET_MANAGEMENT, { cdw10: 1, cdw11: 4, dataOut: bad })).toBe(OUT_OF_RANGE)
    expect(h.device.calls).toEqual([])
  })

  it('accepts hints, and ranges of no blocks', async () => {
    const { h } = start()
    expect(await h.statusOf(DATASET_MANAGEMENT, { cdw11: 3, dataOut: range(0, 1) })).toBe(OK)
    expect(await h.statusOf(DATASET_MANAGEMENT, { cdw11: 4, dataOut: range(0, 0) })).toBe(OK)
    expect(h.device.calls).toEqual([])
  })
})

describe('Compare and Verify', () => {
  it('look at all of the range, in pieces', async () => {
    const { h } = start()
    const data = bytesOf(3 * MIB)
    await h.send(WRITE, { nlb: data.byteLength / 512 - 1, dataOut: data })
    for (const isCached of [true, false]) {
      h.device.isCached = isCached
      const at = { nlb: data.byteLength / 512 - 1 }
      expect(await h.statusOf(COMPARE, { ...at, dataOut: data })).toBe(OK)
      expect(await h.statusOf(VERIFY, at)).toBe(OK)
      for (const byte of [0, MIB - 1, MIB, data.byteLength - 1]) {
        const other = Uint8Array.from(data)
        other[byte]! ^= 1
        expect(await h.statusOf(COMPARE, { ...at, dataOut: other })).toBe('2/85!')
      }
    }
    expect(h.pool.lentBytes).toBe(0)
  })

  it('end early when they are aborted', async () => {
    const { h } = start()
    let asked = 0
    const signal = {
      get aborted() {
        return ++asked > 2
      },
      onAbort: () => undefined,
    }
    expect(await h.statusOf(VERIFY, { nlb: 8191, signal })).toBe('0/07')
    expect(h.device.calls.length).toBe(1)
    expect(h.pool.lentBytes).toBe(0)
  })
})

it('a device that is read-only refuses every change', async () => {
  const { h } = start()
  h.device.isReadOnly = true
  expect(await h.statusOf(WRITE, { dataOut: bytesOf(512) })).toBe('0/20!')
  expect(await h.statusOf(WRITE_ZEROES)).toBe('0/20!')
  expect(await h.statusOf(DATASET_MANAGEMENT, { cdw11: 4, dataOut: range(0, 1) })).toBe('0/20!')
  expect(await h.statusOf(READ, { dataInMax: 512 })).toBe(OK)
  expect(await h.statusOf(FLUSH)).toBe(OK)
})

it('an aborted command does nothing', async () => {
  const { memory, h } = start()
  expect(await h.statusOf(WRITE, { dataOut: bytesOf(512), signal: ABORTED })).toBe('0/07')
  memory.hold()
  let aborted = false
  const signal = {
    get aborted() {
      return aborted
    },
    onAbort: () => undefined,
  }
  const written = h.statusOf(WRITE, { dataOut: bytesOf(512), signal })
  const read = h.statusOf(READ, { dataInMax: 512, signal })
  aborted = true
  memory.letGo()
  expect([await written, await read]).toEqual(['0/07', '0/07'])
  expect((await h.send(READ, { dataInMax: 512 })).data).toEqual(new Uint8Array(512))
  expect(h.pool.lentBytes).toBe(0)
})

it('opcodes that are not carried out, and single commands of a fused pair, are refused', async () => {
  const { h } = start()
  for (const opcode of [0x04, 0x19, 0x7f, 0x80, 0xff]) expect(await h.statusOf(opcode)).toBe('0/01!')
  expect(await h.statusOf(COMPARE, { fuse: 1, dataOut: bytesOf(512) })).toBe('0/02!')
})

describe('failures of the device', () => {
  it.each(BLOCK_ERROR_CODES)('%s has a status', async (code) => {
    const { h } = start()
    const expected = formatStatus(DEVICE_STATUS[code])
    h.device.isCached = false
    for (const send of [
      () => h.statusOf(READ, { dataInMax: 512 }),
      () => h.statusOf(WRITE, { dataOut: bytesOf(512) }),
      () => h.statusOf(FLUSH),
      () => h.statusOf(VERIFY),
      () => h.statusOf(WRITE_ZEROES),
    ]) {
      h.device.failNext(code)
      expect(await send()).toBe(expected)
    }
    expect(h.pool.lentBytes).toBe(0)
  })

  it('that pass by themselves are errors of the path, which may be tried again; others are final', () => {
    const passing = ['BUSY', 'POISONED', 'CLOSED', 'IN_USE', 'DISCONNECTED', 'TIMED_OUT'] as const
    for (const code of passing) expect(DEVICE_STATUS[code] >>> 8).toBe(3)
    for (const code of ['MEDIUM', 'CORRUPT', 'NO_SPACE', 'READ_ONLY', 'RESERVATION_CONFLICT'] as const) {
      expect(DEVICE_STATUS[code] & DNR).toBe(DNR)
    }
    expect(final(STATUS.COMPARE_FAILURE)).toBe(0x4285)
  })

  it('a broken invariant is not a status', async () => {
    const { h } = start()
    h.device.write = () => Promise.reject(new Error('a bug'))
    await expect(h.statusOf(WRITE, { dataOut: bytesOf(512) })).rejects.toThrow('a bug')
  })
})

it('an opening that was lost answers with an error of the path', async () => {
  const { memory, h } = start()
  memory.lose('failover')
  expect(await h.statusOf(READ, { dataInMax: 512 })).toBe('3/00')
  expect(await h.statusOf(FLUSH)).toBe('3/00')
})

it('while a sanitize operation runs only Flush is carried out, and nothing lands behind it', async () => {
  const { memory, h } = start()
  memory.hold()
  const waiting = h.statusOf(WRITE, { dataOut: bytesOf(512) })
  const request = {
    method: 'overwrite' as const,
    unrestricted: false,
    passes: 1,
    invert: false,
    pattern: Uint8Array.of(7),
  }
  await h.volume.sanitizer.start(request, () => undefined)
  expect(await h.statusOf(READ, { dataInMax: 512 })).toBe('0/1d')
  expect(await h.statusOf(WRITE, { dataOut: bytesOf(512) })).toBe('0/1d')
  const flushed = h.statusOf(FLUSH)
  memory.letGo()
  expect([await waiting, await flushed]).toEqual(['0/1d', OK])
  const ended = Promise.withResolvers<string>()
  h.volume.sanitizer.whenEnded(ended.resolve)
  expect(await ended.promise).toBe('done')
  expect((await h.send(READ, { dataInMax: 512 })).data).toEqual(new Uint8Array(512).fill(7))
})

it('a read that waits for the disk sees all of an atomic write or nothing of it', async () => {
  const { memory, h } = start({ atomicWriteBytesMax: 64 * 1024 })
  h.device.isCached = false
  memory.hold()
  const read = h.send(READ, { nlb: 31, dataInMax: 16384 })
  const written = h.statusOf(WRITE, { nlb: 31, dataOut: bytesOf(16384) })
  const small = h.statusOf(WRITE, { slba: 8, nlb: 7, dataOut: bytesOf(4096) })
  await new Promise((resolve) => setImmediate(resolve))
  // the read and the write within one block are on their way; the atomic one waits for the read
  expect(memory.waiting).toBe(2)
  memory.letGo()
  expect(await Promise.all([written, small])).toEqual([OK, OK])
  await read
})
