import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { flipped, hex } from '../../../test/blockvol/hex.ts'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { isBlockError } from '../../base/errors.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { epochNumber, logPosition, lsn } from '../../base/units.ts'
import { readSlots, writeSlot } from './dual-slot.ts'
import { decodeSuperblock, encodeSuperblock, MARK, SUPERBLOCK_FORMAT, type Superblock } from './superblock.ts'

/** Computed by hand from the table in docs/formats/superblock.md; the checksum with a bitwise CRC-32C. */
const GOLDEN = hex(`
  42 4c 55 50 01 00 00 00            # magic "BLUP", version, padding
  05 00 00 00 00 00 00 00            # generation 5
  30 01 00 00 00*8 2b 26 76 e4       # body of 304 bytes, padding, checksum
  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af
  76 6f 6c 31 00*60                  # name "vol1"
  00 50 5c 18 a3 01 00 00            # created, 1,800,000,000,000 ms
  00 02 00 00 00 01 00 00            # logical block 512, grain of 256 blocks
  00 00 00 10 00 00 00 00            # log of 256 MiB
  01 00 00 00 00 00 00 00            # mark "clean", padding
  03 00 00 00 00 00 00 00 88 77 66 55 44 33 22 11   # epoch 3
  62 6f 6f 74 2d 31 00*34            # boot id "boot-1"
  05 04 03 02 01 00 00 00            # checkpoint: LSN
  40 30 20 10 00 00 00 00            # position
  02 00 00 00 00 00 00 00 88 99 aa bb cc dd ee ff   # epoch 2
  07 00 00 00 00 00 00 00            # generation of the state
  06 04 03 02 01 00 00 00            # durable LSN
  00*8                               # resync base
  05 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00   # accepted loss
  ef cd ab 89 67 45 23 01            # log tag
  0b 00 00 00 00 00 00 00            # generation of the preserved versions
  00*48`)
const BODY = GOLDEN.subarray(32)

const MEANT: Superblock = {
  uuid: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
  name: 'vol1',
  createdWallMs: 1_800_000_000_000,
  logicalBlockBytes: 512,
  grainBlocks: 256,
  logBytes: 0x1000_0000,
  logTag: 0x0123_4567_89ab_cdefn,
  marks: MARK.clean,
  epoch: { number: epochNumber(3), id: 0x1122_3344_5566_7788n },
  bootId: 'boot-1',
  checkpoint: {
    lsn: lsn(0x01_0203_0405),
    position: logPosition(0x1020_3040),
    epoch: { number: epochNumber(2), id: 0xffee_ddcc_bbaa_9988n },
    stateGeneration: 7,
  },
  durableLsn: lsn(0x01_0203_0406),
  resyncBaseLsn: lsn(0),
  acceptedLoss: { fromLsn: 5, toLsn: 9 },
  versionsGeneration: 11,
}

const u53 = fc.maxSafeNat()
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const superblocks: fc.Arbitrary<Superblock> = fc.record({
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,61}[a-z0-9]$/),
  createdWallMs: u53,
  logicalBlockBytes: fc.constantFrom(512 as const, 4096 as const),
  grainBlocks: fc.nat(0x7fff_ffff),
  logBytes: u53,
  logTag: u64,
  marks: fc.nat(31),
  epoch: fc.record({ number: u53.map(epochNumber), id: u64 }),
  bootId: fc.uuid(),
  checkpoint: fc.record({
    lsn: u53.map(lsn),
    position: u53.map(logPosition),
    epoch: fc.record({ number: u53.map(epochNumber), id: u64 }),
    stateGeneration: u53,
  }),
  durableLsn: u53.map(lsn),
  resyncBaseLsn: u53.map(lsn),
  acceptedLoss: fc.record({ fromLsn: u53, toLsn: u53 }),
  versionsGeneration: u53,
})

const corrupt = (body: Uint8Array): boolean => {
  try {
    decodeSuperblock(body, 'super')
    return false
  } catch (error) {
    return isBlockError(error, 'CORRUPT')
  }
}

describe('the superblock', () => {
  const scratch = useScratch()
  let file: DiskFile
  beforeEach(async () => {
    file = await realDisk.open(scratch.next(), { create: 'new' })
  })
  afterEach(() => file.close())

  it('is the bytes of the table', async () => {
    expect(encodeSuperblock(MEANT)).toEqual(BODY)
    await writeSlot(SUPERBLOCK_FORMAT, file, 5, encodeSuperblock(MEANT))
    const slot = new Uint8Array(GOLDEN.byteLength)
    await file.read(slot, 4096)
    expect(slot).toEqual(GOLDEN)
  })

  it('is read from the bytes of the table', async () => {
    await file.write([GOLDEN], 4096)
    const { generation, body } = await readSlots(SUPERBLOCK_FORMAT, file)
    expect(generation).toBe(5)
    expect(decodeSuperblock(body, 'super')).toEqual(MEANT)
  })

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(superblocks, (superblock) => {
        expect(decodeSuperblock(encodeSuperblock(superblock), 'super')).toEqual(superblock)
      }),
    )
  })

  it('is refused when a single bit of it changed', async () => {
    for (let at = 0; at < GOLDEN.byteLength; at++) {
      await file.write([flipped(GOLDEN, at, 1 << (at % 8))], 4096)
      await expect(readSlots(SUPERBLOCK_FORMAT, file), `byte ${at}`).rejects.toMatchObject({
        code: 'CORRUPT',
      })
    }
  })

  it('is refused when its fields make no sense though the checksum is right', () => {
    expect(corrupt(BODY.subarray(0, 303))).toBe(true)
    expect(corrupt(new Uint8Array(305))).toBe(true)
    const otherBlocks = Uint8Array.from(BODY)
    new DataView(otherBlocks.buffer).setUint32(88, 1024, true)
    expect(corrupt(otherBlocks)).toBe(true)
    for (const padding of [108, 111, 256, 303])
      expect(corrupt(flipped(BODY, padding)), `${padding}`).toBe(true)
  })
})
