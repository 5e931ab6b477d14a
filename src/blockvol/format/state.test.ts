import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { isBlockError } from '../../base/errors.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { readSlots, writeSlot } from './dual-slot.ts'
import {
  decodeState,
  EPOCH_HISTORY_MAX,
  encodeState,
  FRONTEND_STATE_BYTES_MAX,
  SNAPSHOTS_MAX,
  STATE_FORMAT,
  type VolumeState,
} from './state.ts'

/** Computed by hand from the table in docs/formats/state.md; the checksum with a bitwise CRC-32C. */
const GOLDEN = hex(`
  42 4c 53 54 01 00 00 00            # magic "BLST", version, padding
  02 00 00 00 00 00 00 00            # generation 2
  cb 00 00 00 00*8 70 d2 51 56       # body of 203 bytes, padding, checksum
  0a 00 00 00 00 00 00 00            # as of LSN 10
  00 00 00 40 00 00 00 00            # 1 GiB
  01 00 00 00                        # format level
  01 00 00 00 01 00 00 00 00 00 00 00 03 00 00 00 01 00 00 00   # an epoch, a snapshot, three bytes, an origin
  00*8
  02 00 00 00 00 00 00 00 88 99 aa bb cc dd ee ff 04 00 00 00 00 00 00 00
  08 07 06 05 04 03 02 01 09 00 00 00 00 00 00 00 00 50 5c 18 a3 01 00 00 00 00 00 20 00 00 00 00 64 61 69 6c 79 00*59
  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af 18 17 16 15 14 13 12 11 00 00 00 10 00 00 00 00
  c0 ff ee`)
const BODY = GOLDEN.subarray(32)

const MEANT: VolumeState = {
  asOfLsn: 10,
  sizeBytes: 0x4000_0000,
  formatLevel: 1,
  epochs: [{ number: 2, id: 0xffee_ddcc_bbaa_9988n, firstLsn: 4 }],
  snapshots: [
    {
      id: 0x0102_0304_0506_0708n,
      lsn: 9,
      createdWallMs: 1_800_000_000_000,
      sizeBytes: 0x2000_0000,
      name: 'daily',
    },
  ],
  origin: {
    volume: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
    snapshot: 0x1112_1314_1516_1718n,
    sizeBytes: 0x1000_0000,
  },
  frontendState: Uint8Array.of(0xc0, 0xff, 0xee),
}

const u53 = fc.maxSafeNat()
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const states: fc.Arbitrary<VolumeState> = fc.record({
  asOfLsn: u53,
  sizeBytes: u53,
  formatLevel: fc.nat(),
  epochs: fc.array(fc.record({ number: u53, id: u64, firstLsn: u53 })),
  snapshots: fc.array(
    fc.record({
      id: u64,
      lsn: u53,
      createdWallMs: u53,
      sizeBytes: u53,
      name: fc.stringMatching(/^[ -~]{0,64}$/),
    }),
  ),
  origin: fc.option(
    fc.record({ volume: fc.uint8Array({ minLength: 16, maxLength: 16 }), snapshot: u64, sizeBytes: u53 }),
    { nil: undefined },
  ),
  frontendState: fc.uint8Array({ maxLength: 300 }),
})

const corrupt = (body: Uint8Array): boolean => {
  try {
    decodeState(body, 'state')
    return false
  } catch (error) {
    return isBlockError(error, 'CORRUPT')
  }
}

describe('the state', () => {
  const scratch = useScratch()
  let file: DiskFile
  beforeEach(async () => {
    file = await realDisk.open(scratch.next(), { create: 'new' })
  })
  afterEach(() => file.close())

  it('is the bytes of the table', async () => {
    expect(encodeState(MEANT)).toEqual(BODY)
    await writeSlot(STATE_FORMAT, file, 2, encodeState(MEANT))
    const slot = new Uint8Array(GOLDEN.byteLength)
    await file.read(slot, 0)
    expect(slot).toEqual(GOLDEN)
  })

  it('is read from the bytes of the table', async () => {
    await file.write([GOLDEN], 0)
    const { body } = await readSlots(STATE_FORMAT, file)
    expect(decodeState(body, 'state')).toEqual(MEANT)
  })

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeState(encodeState(state), 'state')).toEqual(state)
      }),
    )
  })

  it('is refused when a single bit of it changed', async () => {
    for (let at = 0; at < GOLDEN.byteLength; at++) {
      await file.write([flipped(GOLDEN, at, 1 << (at % 8))], 0)
      await expect(readSlots(STATE_FORMAT, file), `byte ${at}`).rejects.toMatchObject({ code: 'CORRUPT' })
    }
  })

  it('is refused when its lists do not add up to its length', () => {
    expect(corrupt(BODY.subarray(0, 202))).toBe(true)
    expect(corrupt(BODY.subarray(0, 47))).toBe(true)
    for (const count of [20, 24, 28, 32]) expect(corrupt(flipped(BODY, count, 3)), `${count}`).toBe(true)
  })

  it('is refused when its padding is not zero', () => {
    for (const padding of [28, 31, 40, 47]) expect(corrupt(flipped(BODY, padding)), `${padding}`).toBe(true)
  })

  it('is refused when a list is longer than any that is ever written', () => {
    const epochs = Array.from({ length: EPOCH_HISTORY_MAX + 1 }, () => MEANT.epochs[0]!)
    expect(corrupt(encodeState({ ...MEANT, epochs: epochs.slice(1) }))).toBe(false)
    expect(corrupt(encodeState({ ...MEANT, epochs }))).toBe(true)
    const snapshots = Array.from({ length: SNAPSHOTS_MAX + 1 }, () => MEANT.snapshots[0]!)
    expect(corrupt(encodeState({ ...MEANT, snapshots: snapshots.slice(1) }))).toBe(false)
    expect(corrupt(encodeState({ ...MEANT, snapshots }))).toBe(true)
  })

  it('fits its slot when every list is as long as it may be', async () => {
    const longest: VolumeState = {
      ...MEANT,
      epochs: Array.from({ length: EPOCH_HISTORY_MAX }, () => MEANT.epochs[0]!),
      snapshots: Array.from({ length: SNAPSHOTS_MAX }, () => MEANT.snapshots[0]!),
      frontendState: new Uint8Array(FRONTEND_STATE_BYTES_MAX).fill(5),
    }
    await writeSlot(STATE_FORMAT, file, 1, encodeState(longest))
    expect(decodeState((await readSlots(STATE_FORMAT, file)).body, 'state')).toEqual(longest)
  })
})
