import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { flipped } from '../../../test/blockvol/hex.ts'
import { realDisk, useScratch } from '../../../test/blockvol/scratch.ts'
import { crc32c } from '../../base/crc32c.ts'
import type { DiskFile } from '../../base/ports/disk.ts'
import { codeOf } from '../../io/test-support.ts'
import { ENVELOPE_BYTES, readSlots, type SlotFormat, writeSlot } from './dual-slot.ts'

const FORMAT: SlotFormat = { name: 'thing', magic: 0x31323334, version: 7, slotBytes: 8192 }
const BODY = Uint8Array.from({ length: 100 }, (_, i) => i + 1)
const OLDER = Uint8Array.from({ length: 40 }, (_, i) => 200 - i)

const scratch = useScratch()
let file: DiskFile
beforeEach(async () => {
  file = await realDisk.open(scratch.next(), { create: 'new' })
})
afterEach(() => file.close())

const slotOf = async (index: number): Promise<Uint8Array> => {
  const slot = new Uint8Array(4096)
  await file.read(slot, index * FORMAT.slotBytes)
  return slot
}

/** Changes the envelope of the slot at `index` and makes its checksum right again. */
async function reseal(index: number, change: (view: DataView) => void): Promise<void> {
  const slot = await slotOf(index)
  const view = new DataView(slot.buffer)
  change(view)
  const body = slot.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + view.getUint32(16, true))
  view.setUint32(28, crc32c(body, crc32c(slot.subarray(0, 28))), true)
  await file.write([slot], index * FORMAT.slotBytes)
}

describe('a structure in two slots', () => {
  it('goes to the slots in turn, and the newer one wins', async () => {
    await writeSlot(FORMAT, file, 1, OLDER)
    expect(await readSlots(FORMAT, file)).toEqual({ generation: 1, body: OLDER, otherDamaged: false })
    await writeSlot(FORMAT, file, 2, BODY)
    expect(await readSlots(FORMAT, file)).toEqual({ generation: 2, body: BODY, otherDamaged: false })
    await writeSlot(FORMAT, file, 3, OLDER)
    expect(await readSlots(FORMAT, file)).toEqual({ generation: 3, body: OLDER, otherDamaged: false })
    expect((await slotOf(0))[8]).toBe(2)
    expect((await slotOf(1))[8]).toBe(3)
  })

  it('survives a write torn at any of its sectors: what is there is the old or the new one', async () => {
    const long = Uint8Array.from({ length: 3000 }, (_, i) => i * 7)
    await writeSlot(FORMAT, file, 1, OLDER)
    await writeSlot(FORMAT, file, 2, OLDER)
    const before = await slotOf(1)
    await writeSlot(FORMAT, file, 3, long)
    const after = await slotOf(1)
    for (let sectors = 0; sectors <= 8; sectors++) {
      const torn = Uint8Array.from(before)
      torn.set(after.subarray(0, sectors * 512))
      await file.write([torn], FORMAT.slotBytes)
      const { generation, body } = await readSlots(FORMAT, file)
      if (sectors * 512 >= ENVELOPE_BYTES + long.byteLength) expect(body).toEqual(long)
      else expect({ generation, body }).toEqual({ generation: 2, body: OLDER })
    }
  })

  it('never accepts a slot with a changed byte as anything else', async () => {
    await writeSlot(FORMAT, file, 1, BODY)
    await writeSlot(FORMAT, file, 2, OLDER)
    const good = await slotOf(0)
    for (let at = 0; at < ENVELOPE_BYTES + OLDER.byteLength; at++) {
      await file.write([flipped(good, at)], 0)
      expect(await readSlots(FORMAT, file), `byte ${at}`).toEqual({
        generation: 1,
        body: BODY,
        otherDamaged: true,
      })
    }
  })

  it('is refused when both slots are damaged, and when both are missing', async () => {
    expect(await codeOf(readSlots(FORMAT, file))).toBe('CORRUPT')
    await writeSlot(FORMAT, file, 1, BODY)
    await writeSlot(FORMAT, file, 2, BODY)
    for (const index of [0, 1]) await file.write([flipped(await slotOf(index), 40)], index * FORMAT.slotBytes)
    await expect(readSlots(FORMAT, file)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('both copies of the thing are damaged'),
    })
  })

  it('is refused when one slot has a version of another release, even an older slot', async () => {
    await writeSlot(FORMAT, file, 1, BODY)
    await writeSlot(FORMAT, file, 2, BODY)
    await reseal(1, (view) => view.setUint16(4, FORMAT.version + 1, true))
    await expect(readSlots(FORMAT, file)).rejects.toMatchObject({ code: 'UNKNOWN_FORMAT' })
  })

  it('is refused when its padding is not zero, or when its generation belongs to the other slot', async () => {
    await writeSlot(FORMAT, file, 1, BODY)
    await reseal(1, (view) => view.setUint8(6, 1))
    expect(await codeOf(readSlots(FORMAT, file))).toBe('CORRUPT')
    await writeSlot(FORMAT, file, 1, BODY)
    await reseal(1, (view) => view.setUint8(27, 1))
    expect(await codeOf(readSlots(FORMAT, file))).toBe('CORRUPT')
    await writeSlot(FORMAT, file, 1, BODY)
    await reseal(1, (view) => view.setUint32(8, 2, true))
    expect(await codeOf(readSlots(FORMAT, file))).toBe('CORRUPT')
  })

  it('is refused when its length leads out of the slot', async () => {
    await writeSlot(FORMAT, file, 1, BODY)
    const slot = await slotOf(1)
    new DataView(slot.buffer).setUint32(16, FORMAT.slotBytes, true)
    await file.write([slot], FORMAT.slotBytes)
    expect(await codeOf(readSlots(FORMAT, file))).toBe('CORRUPT')
  })

  it('does not take a body that is too long', async () => {
    const tooLong = new Uint8Array(FORMAT.slotBytes - ENVELOPE_BYTES + 1)
    await expect(writeSlot(FORMAT, file, 1, tooLong)).rejects.toThrow('thing fits its slot')
    await writeSlot(FORMAT, file, 1, tooLong.subarray(1).fill(9))
    expect((await readSlots(FORMAT, file)).body).toEqual(tooLong.subarray(1))
  })
})
