import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../../test/e2e/iscsi/manual-clock.ts'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { silentLogger } from '../../../base/log.ts'
import { GIB, MIB } from '../../../base/units.ts'
import { OPEN_ACCESS } from '../../../frontend/access.ts'
import { FrontendVolume } from '../../../frontend/volume.ts'
import type { ScsiResult } from '../task.ts'
import { bytesOf, Harness, hexOf, outcome } from '../testing.ts'

const BLOCK = 512
const SIZE = 4 * MIB
const BLOCKS = SIZE / BLOCK
const IN_PROGRESS = '2/04/1b'
const FAILED = '3/31/03'
const READ_ALL = '28 00 00000000 00 0008 00'
const REQUEST_SENSE = '03 00 0000 12 00'

class Rig extends Harness {
  readonly time: ManualClock
  declare readonly memory: MemoryDevice
  constructor(memory: MemoryDevice) {
    const time = new ManualClock()
    super(memory, {}, time)
    this.time = time
  }
}
const harness = (memory = new MemoryDevice({ sizeBytes: SIZE })): Rig => new Rig(memory)

/** The OVERWRITE parameter list. */
const list = (pattern: Uint8Array, header: { count?: number; flags?: number; length?: number } = {}) => {
  const { count = 1, flags = 0, length = pattern.byteLength } = header
  return Uint8Array.of(flags | count, 0, length >> 8, length & 0xff, ...pattern)
}
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const overwrite = (bytes: Uint8Array, options: { immed?: boolean; ause?: boolean } = {}) => {
  const flags = 0x01 | (options.immed === true ? 0x80 : 0) | (options.ause === true ? 0x20 : 0)
  return [`48 ${hex(flags, 2)} 0000000000 ${hex(bytes.byteLength, 4)} 00`, { dataOut: bytes }] as const
}
const ERASE = '48 02 0000000000 0000 00'
const ERASE_AT_ONCE = '48 82 0000000000 0000 00'
const EXIT = '48 1f 0000000000 0000 00'

/** Moves time on until `result` is there. */
async function finished(h: Rig, result: ScsiResult | Promise<ScsiResult>): Promise<ScsiResult> {
  let isOver = false
  const watched = Promise.resolve(result).finally(() => {
    isOver = true
  })
  while (!isOver) {
    h.time.advance(125)
    await turn()
  }
  return watched
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function filled(h: Rig): Promise<void> {
  await h.send('2a 00 00000000 00 0008 00', { dataOut: bytesOf(8 * BLOCK) })
  await h.send(`2a 00 ${hex(BLOCKS - 8, 8)} 00 0008 00`, { dataOut: bytesOf(8 * BLOCK, 2) })
}

describe('OVERWRITE', () => {
  it('leaves every block with the pattern, also those that were never written, and answers when it is durable', async () => {
    const h = harness()
    await filled(h)
    const result = await finished(h, h.start(...overwrite(list(Uint8Array.of(0xaa, 0x55)))))
    expect([outcome(result), result.transferLengthBytes]).toEqual(['status 00', 6])
    expect(h.device.calls.slice(-3)).toEqual(['flush', 'checkpoint', 'setFrontendState'])
    for (const lba of [0, 4000, BLOCKS - 1]) {
      const read = await h.send(`28 00 ${hex(lba, 8)} 00 0001 00`)
      expect(hexOf(read.dataIn)).toBe('aa55'.repeat(BLOCK / 2))
    }
    expect(h.device.frontendState()[4]).toBe(1) // the record is gone
  })

  it('takes the pace that is set: 128 MiB a second', async () => {
    const h = harness(new MemoryDevice({ sizeBytes: GIB }))
    h.device.isAbsorbing = true
    const before = h.time.monotonicMs()
    await finished(h, h.start(...overwrite(list(Uint8Array.of(1), { count: 2 }))))
    expect(Math.round((h.time.monotonicMs() - before) / 1000)).toBe(16)
    expect(h.device.calls.filter((call) => call === 'checkpoint')).toHaveLength(3)
  })

  it.each([
    ['no list', '48 01 0000000000 0000 00', new Uint8Array(0), '5/24/00'],
    ['a list without a pattern', '48 01 0000000000 0004 00', list(new Uint8Array(0)), '5/24/00'],
    ['a list that is longer than a block', ...overwriteCase(list(new Uint8Array(BLOCK + 1))), '5/24/00'],
    ['count 0', ...overwriteCase(list(Uint8Array.of(1), { count: 0 })), '5/24/00'],
    ['TEST', ...overwriteCase(list(Uint8Array.of(1), { flags: 0x20 })), '5/26/00'],
    ['no pattern', ...overwriteCase(list(Uint8Array.of(1), { length: 0 })), '5/26/00'],
    ['a pattern longer than a block', ...overwriteCase(list(Uint8Array.of(1), { length: 513 })), '5/26/00'],
    ['a pattern that is cut off', ...overwriteCase(list(Uint8Array.of(1), { length: 2 })), '5/1a/00'],
    ['a list that did not come', '48 01 0000000000 0006 00', new Uint8Array(0), '5/1a/00'],
    ['CRYPTOGRAPHIC ERASE', '48 03 0000000000 0000 00', new Uint8Array(0), '5/24/00'],
    ['ZNR', '48 42 0000000000 0000 00', new Uint8Array(0), '5/24/00'],
    ['a list for BLOCK ERASE', '48 02 0000000000 0008 00', new Uint8Array(8), '5/24/00'],
    ['a list for EXIT FAILURE MODE', '48 1f 0000000000 0008 00', new Uint8Array(8), '5/24/00'],
  ])('refuses %s', async (_, cdb, dataOut, expected) => {
    const h = harness()
    expect(outcome(await h.send(cdb, { dataOut }))).toBe(expected)
    expect(h.device.calls).toEqual([])
  })
})

describe('snapshots', () => {
  it('hold old content on purpose: nothing begins while there are any', async () => {
    const h = harness()
    await filled(h)
    h.memory.hasSnapshots = true
    for (const [cdb, options] of [overwrite(list(Uint8Array.of(1))), [ERASE, {}]] as const) {
      expect(outcome(await h.send(cdb, options))).toBe('7/27/00')
    }
    expect(outcome(await h.send(READ_ALL))).toBe('status 00')
    h.memory.hasSnapshots = false
    expect(outcome(await finished(h, h.start(ERASE)))).toBe('status 00')
  })

  it('that are made beside an operation make it fail: it cannot be said that all is wiped', async () => {
    const h = harness()
    await filled(h)
    expect(outcome(await h.send(ERASE_AT_ONCE))).toBe('status 00')
    h.memory.hasSnapshots = true
    for (let i = 0; i < 100 && outcome(await h.send(READ_ALL)) !== FAILED; i++) {
      h.time.advance(125)
      await turn()
    }
    expect(outcome(await h.send(READ_ALL))).toBe(FAILED)
  })
})

function overwriteCase(bytes: Uint8Array): [string, Uint8Array] {
  return [overwrite(bytes)[0], bytes]
}

describe('BLOCK ERASE', () => {
  it('deallocates every block', async () => {
    const h = harness()
    await filled(h)
    expect(outcome(await finished(h, h.start(ERASE)))).toBe('status 00')
    expect(await h.memory.allocation(0, SIZE, 9)).toEqual([
      { offsetBytes: 0, lengthBytes: SIZE, mapped: false },
    ])
    expect(hexOf((await h.send(READ_ALL)).dataIn)).toBe('00'.repeat(8 * BLOCK))
  })

  it('is refused on what is write-protected, and by a reservation of another', async () => {
    const readOnly = harness(new MemoryDevice({ sizeBytes: SIZE, readOnly: true }))
    for (const [cdb, options] of [[ERASE, {}], overwrite(list(Uint8Array.of(1)))] as const) {
      expect(outcome(await readOnly.send(cdb, options))).toBe('7/27/00')
    }
    const h = harness()
    const other = h.attach('iqn.b,i,0x1')
    await h.send('16 00 0000 00 00', { nexus: other })
    expect(outcome(await h.send(ERASE))).toBe('status 18')
    expect(h.device.calls).toEqual([])
  })
})

describe('while an operation runs', () => {
  const start = async (): Promise<Rig> => {
    const h = harness()
    await filled(h)
    h.device.calls.length = 0
    expect(outcome(await h.send(...overwrite(list(Uint8Array.of(1)), { immed: true })))).toBe('status 00')
    return h
  }

  it('IMMED answers when the operation is recorded, and nobody gets at the blocks', async () => {
    const h = await start()
    expect(h.device.calls[0]).toBe('setFrontendState')
    expect(h.device.frontendState()[4]).toBe(2)
    for (const cdb of [
      '00',
      READ_ALL,
      '1b 01 0000 02 00',
      '25',
      '1a 08 3f 00 ff 00',
      ERASE,
      EXIT,
      '16',
      '35',
    ]) {
      expect(outcome(await h.send(cdb)), cdb).toBe(IN_PROGRESS)
    }
    for (const cdb of [
      '12 00 00 0060 00',
      'a0 00 00 000000 00000010',
      'a3 0c 00 00 0000 00001000',
      '5e 00 0000000000 0100',
    ]) {
      expect(outcome(await h.send(cdb)), cdb).toBe('status 00')
    }
  })

  it('the progress is told with the refusal, and by REQUEST SENSE in both formats', async () => {
    const h = harness(new MemoryDevice({ sizeBytes: GIB }))
    h.device.isAbsorbing = true
    await h.send(...overwrite(list(Uint8Array.of(1)), { immed: true }))
    for (let i = 0; i < 20; i++) {
      await turn()
      h.time.advance(100)
    }
    const refused = await h.send('00')
    expect(hexOf(refused.sense?.subarray(15, 16))).toBe('80')
    const progress = Number.parseInt(hexOf(refused.sense?.subarray(16, 18)), 16)
    expect(progress).toBeGreaterThan(65536 / 10)
    expect(progress).toBeLessThan(65536 / 3)
    const fixed = (await h.send(REQUEST_SENSE)).dataIn
    expect(hexOf(fixed)).toBe(hexOf(refused.sense))
    const described = hexOf((await h.send('03 01 0000 28 00')).dataIn)
    expect(described.slice(0, 8)).toBe('7202041b')
    expect(described.slice(16)).toBe(`0206000080${hexOf(fixed?.subarray(16, 18))}00`)
  })

  it('a write that came in before and gets its place after is refused', async () => {
    const h = harness()
    const gate = Promise.withResolvers<void>()
    h.device.gate = gate.promise
    const writing = h.send('2a 00 00000000 00 0001 00', { dataOut: bytesOf(BLOCK) })
    h.device.gate = Promise.resolve()
    await h.send(...overwrite(list(Uint8Array.of(7)), { immed: true }))
    gate.resolve()
    expect(outcome(await writing)).toBe(IN_PROGRESS)
    while (h.unit.sanitizer.operation !== undefined) {
      h.time.advance(1000)
      await turn()
    }
    expect(hexOf((await h.send('28 00 00000000 00 0001 00')).dataIn)).toBe('07'.repeat(BLOCK))
  })

  it('an abort ends the waiting of the command and not the operation', async () => {
    const h = harness()
    let abort = (): void => undefined
    const signal = {
      aborted: false,
      onAbort: (listener: () => void) => {
        abort = listener
      },
    }
    const [cdb, options] = overwrite(list(Uint8Array.of(1)))
    const waiting = h.start(cdb, { ...options, signal })
    while (h.unit.sanitizer.operation === undefined) await turn()
    await turn()
    signal.aborted = true
    abort()
    expect(outcome(await waiting)).toBe('status 40')
    expect(outcome(await h.send('00'))).toBe(IN_PROGRESS)
    h.unit.reset()
    h.nexus.take()
    expect(outcome(await h.send('00'))).toBe(IN_PROGRESS)
  })

  it('an abort before it is recorded leaves nothing begun', async () => {
    const h = harness()
    expect(outcome(await h.send(ERASE, { signal: { aborted: true } }))).toBe('status 40')
    expect(outcome(await h.send('00'))).toBe('status 00')
  })
})

describe('an operation that fails', () => {
  const fail = async (ause: boolean): Promise<Rig> => {
    const h = harness()
    await filled(h)
    const [cdb, options] = overwrite(list(Uint8Array.of(1)), { ause })
    const running = h.start(cdb, options)
    while (h.unit.sanitizer.operation === undefined) await turn()
    h.device.failNext('NO_SPACE')
    expect(outcome(await finished(h, running))).toBe(FAILED)
    return h
  }

  it('withholds the blocks, and says so', async () => {
    const h = await fail(false)
    expect(outcome(await h.send(READ_ALL))).toBe(FAILED)
    expect(hexOf((await h.send(REQUEST_SENSE)).dataIn?.subarray(2, 14))).toContain('3103')
    expect(outcome(await h.send('12 00 00 0060 00'))).toBe('status 00')
  })

  it('without AUSE is left only by one that succeeds, without AUSE as well', async () => {
    const h = await fail(false)
    expect(outcome(await h.send(EXIT))).toBe('5/24/00')
    expect(outcome(await h.send('48 22 0000000000 0000 00'))).toBe('5/24/00')
    expect(outcome(await finished(h, h.start(ERASE)))).toBe('status 00')
    expect(outcome(await h.send('00'))).toBe('status 00')
  })

  it('with AUSE is left by EXIT FAILURE MODE, and none of the old data is there', async () => {
    const h = await fail(true)
    expect(outcome(await finished(h, h.start(EXIT)))).toBe('status 00')
    expect(await h.memory.allocation(0, SIZE, 9)).toEqual([
      { offsetBytes: 0, lengthBytes: SIZE, mapped: false },
    ])
  })

  it('is remembered over a restart', async () => {
    const h = await fail(true)
    const restarted = harness(h.memory)
    expect(outcome(await restarted.send('00'))).toBe(FAILED)
    expect(outcome(await finished(restarted, restarted.start(EXIT)))).toBe('status 00')
  })

  it('not because the device is busy for a while', async () => {
    const h = harness()
    const running = h.start(...overwrite(list(Uint8Array.of(1))))
    while (h.unit.sanitizer.operation === undefined) await turn()
    h.device.failNext('BUSY')
    expect(outcome(await finished(h, running))).toBe('status 00')
  })
})

it('EXIT FAILURE MODE without a failure does nothing', async () => {
  const h = harness()
  expect(outcome(await h.send(EXIT))).toBe('status 00')
  expect(h.device.calls).toEqual([])
})

it('an operation goes on at the next opening, from where it was stored, and an IMMED erase too', async () => {
  const memory = new MemoryDevice({ sizeBytes: SIZE })
  const first = harness(memory)
  await filled(first)
  first.device.failNext('CLOSED') // the volume ends before the first step
  expect(outcome(await first.send(ERASE_AT_ONCE))).toBe('status 08')
  const [cdb, options] = overwrite(list(Uint8Array.of(9)), { immed: true })
  const begun = first.send(cdb, options)
  while (first.unit.sanitizer.operation === undefined) await turn()
  first.device.failNext('CLOSED')
  expect(outcome(await begun)).toBe('status 00')
  const second = harness(memory)
  expect(outcome(await second.send(READ_ALL))).toBe(IN_PROGRESS)
  while (second.unit.sanitizer.operation !== undefined) {
    second.time.advance(1000)
    await turn()
  }
  expect(hexOf((await second.send(READ_ALL)).dataIn)).toBe('09'.repeat(8 * BLOCK))
})

it('a volume that is opened read-only in the middle of one serves nothing, and changes nothing', async () => {
  const memory = new MemoryDevice({ sizeBytes: SIZE })
  const first = harness(memory)
  await first.send(ERASE_AT_ONCE)
  const stored = memory.frontendState()
  const readOnly = new MemoryDevice({ sizeBytes: SIZE, readOnly: true })
  await readOnly.setFrontendState(stored)
  const second = harness(readOnly)
  await turn()
  expect(outcome(await second.send(READ_ALL))).toBe(IN_PROGRESS)
  expect(second.device.calls).toEqual([])
})

it('the end of the opening ends the waiting', async () => {
  const device = new MemoryDevice({ sizeBytes: SIZE })
  const h = harness(device)
  const volume = new FrontendVolume({
    device,
    access: OPEN_ACCESS,
    after: 'failover',
    clock: h.time,
    logger: silentLogger,
  })
  await volume.sanitizer.start(
    { method: 'overwrite', unrestricted: false, passes: 1, invert: false, pattern: Uint8Array.of(1) },
    () => undefined,
  )
  const ends: string[] = []
  volume.sanitizer.whenEnded((end) => ends.push(end))
  device.lose('failover')
  expect(ends).toEqual(['lost'])
})
