import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB, TIB } from '../../../base/units.ts'
import { Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const READ_CAPACITY_10 = '25 00 00000000 0000 00 00'
const READ_CAPACITY_16 = '9e 10 0000000000000000 000000ff 00 00'

describe('READ CAPACITY', () => {
  it('gives last block and block length', async () => {
    const h = harness()
    expect(hexOf((await h.send(READ_CAPACITY_10)).dataIn)).toBe('00007fff' + '00000200')
    expect(hexOf((await h.send(READ_CAPACITY_16)).dataIn)).toBe(
      '0000000000007fff' + '00000200' + '00' + '03' + 'c000' + '00'.repeat(16),
    )
  })

  it('of 4096-byte blocks has one logical block per physical block', async () => {
    const h = harness({ logicalBlockBytes: 4096 })
    expect(hexOf((await h.send(READ_CAPACITY_16)).dataIn).slice(0, 32)).toBe(
      '0000000000000fff' + '00001000' + '00' + '00' + 'c000',
    )
  })

  it('(10) is all ones from where 32 bits do not hold the last block', async () => {
    const last = 512 * 2 ** 32
    const below = harness({ sizeBytes: last - 512 })
    expect(hexOf((await below.send(READ_CAPACITY_10)).dataIn)).toBe('fffffffe' + '00000200')
    for (const sizeBytes of [last, last + 512, 64 * TIB]) {
      const h = harness({ sizeBytes })
      expect(hexOf((await h.send(READ_CAPACITY_10)).dataIn)).toBe('ffffffff' + '00000200')
    }
    const large = harness({ sizeBytes: 64 * TIB })
    expect(hexOf((await large.send(READ_CAPACITY_16)).dataIn).slice(0, 16)).toBe('0000001fffffffff')
  })

  it('follows the size of the volume, after the host was told', async () => {
    const h = harness()
    h.memory.grow(32 * 1024 * 1024)
    expect(outcome(await h.send(READ_CAPACITY_16))).toBe('6/2a/09')
    expect(hexOf((await h.send(READ_CAPACITY_16)).dataIn).slice(0, 16)).toBe('000000000000ffff')
  })

  it('cuts to the allocation length', async () => {
    const h = harness()
    expect((await h.send('9e 10 0000000000000000 0000000c 00 00')).dataIn?.byteLength).toBe(12)
    expect((await h.send('9e 10 0000000000000000 00000000 00 00')).transferLengthBytes).toBe(0)
  })
})

describe('SYNCHRONIZE CACHE', () => {
  it.each([
    ['10', '35 00 00000000 00 0000 00'],
    ['10, IMMED', '35 02 00000000 00 0000 00'],
    ['10 of a range', '35 00 00007fff 00 0001 00'],
    ['16', '91 00 0000000000000000 00000000 00 00'],
    ['16, IMMED', '91 02 0000000000000000 00000000 00 00'],
  ])('(%s) flushes', async (_, cdb) => {
    const h = harness()
    expect(outcome(await h.send(cdb))).toBe('status 00')
    expect(h.device.calls).toEqual(['flush'])
  })

  it('fails when the flush fails, and refuses what is not on the medium', async () => {
    const h = harness()
    h.device.failNext('POISONED')
    expect(outcome(await h.send('35 00 00000000 00 0000 00'))).toBe('status 08')
    expect(outcome(await h.send('35 00 00008000 00 0001 00'))).toBe('5/21/00')
    expect(outcome(await h.send('91 00 0000000000008001 00000000 00 00'))).toBe('5/21/00')
  })
})

describe('PRE-FETCH', () => {
  it.each([
    ['10', '34 00 00000000 00 0010 00'],
    ['16, IMMED', '90 02 0000000000000000 00000010 00 00'],
  ])('(%s) meets its condition when all was read', async (_, cdb) => {
    const h = harness()
    h.device.isCached = false
    expect(outcome(await h.send(cdb))).toBe('status 04')
    expect(h.device.calls).toEqual(['readNow', 'read'])
    expect(h.pool.lentBytes).toBe(0)
  })

  it('is good when the range is longer than what is read ahead, as it is to the end of the medium', async () => {
    const h = harness({ sizeBytes: 64 * MIB })
    expect(outcome(await h.send('90 00 0000000000000000 00010000 00 00'))).toBe('status 04')
    expect(outcome(await h.send('90 00 0000000000000000 00010001 00 00'))).toBe('status 00')
    expect(outcome(await h.send('34 00 00000000 00 0000 00'))).toBe('status 00')
    expect(outcome(await h.send('34 00 0001ffff 00 0000 00'))).toBe('status 04')
  })

  it('refuses what is not on the medium', async () => {
    expect(outcome(await harness().send('34 00 00007fff 00 0002 00'))).toBe('5/21/00')
  })
})

describe('READ DEFECT DATA', () => {
  it('gives empty lists in the format asked for', async () => {
    const h = harness()
    expect(hexOf((await h.send('37 00 1d 00000000 0100 00')).dataIn)).toBe('001d0000')
    expect(hexOf((await h.send('b7 08 00000000 00000100 00 00')).dataIn)).toBe('0008000000000000')
  })

  it('refuses formats of the vendor', async () => {
    const h = harness()
    expect(outcome(await h.send('37 00 06 00000000 0100 00'))).toBe('5/24/00')
    expect(outcome(await h.send('b7 07 00000000 00000100 00 00'))).toBe('5/24/00')
  })
})

describe('START STOP UNIT', () => {
  it('makes all durable on a stop, and the volume goes on', async () => {
    const h = harness()
    expect(outcome(await h.send('1b 00 0000 00 00'))).toBe('status 00')
    expect(h.device.calls).toEqual(['flush'])
    expect(outcome(await h.send('00'))).toBe('status 00')
    expect(outcome(await h.send('1b 00 0000 04 00'))).toBe('status 00')
    expect(outcome(await h.send('1b 00 0000 01 00'))).toBe('status 00')
    expect(h.device.calls).toEqual(['flush'])
  })

  it('has neither a medium to load nor power conditions', async () => {
    const h = harness()
    expect(outcome(await h.send('1b 00 0000 02 00'))).toBe('5/24/00')
    expect(outcome(await h.send('1b 00 0000 20 00'))).toBe('5/24/00')
  })
})

describe('PREVENT ALLOW MEDIUM REMOVAL', () => {
  it('is granted', async () => {
    const h = harness()
    expect(outcome(await h.send('1e 00 0000 01 00'))).toBe('status 00')
    expect(outcome(await h.send('1e 00 0000 00 00'))).toBe('status 00')
  })
})

describe('SEND DIAGNOSTIC', () => {
  it('passes the default self-test, and has no other and no pages', async () => {
    const h = harness()
    expect(outcome(await h.send('1d 04 00 0000 00'))).toBe('status 00')
    expect(outcome(await h.send('1d 20 00 0000 00'))).toBe('5/24/00')
    expect(outcome(await h.send('1d 10 00 0004 00', { dataOut: new Uint8Array(4) }))).toBe('5/24/00')
  })
})
