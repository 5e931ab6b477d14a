import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB, TIB } from '../../../base/units.ts'
import { Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'
import { MODE_PAGES } from './pages.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const RECOVERY = '010ac000000000000000' + '0000'
const CACHING = '081204' + '00'.repeat(17)
const CONTROL = '0a0a02100000' + '00'.repeat(6)
const CONTROL_EXTENSION = '4a01001c01' + '00'.repeat(27)
const EXCEPTIONS = '1c0a08' + '00'.repeat(9)
/** 16 MiB in blocks of 512. */
const SHORT = '00008000' + '00' + '000200'
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('MODE SENSE', () => {
  it('(6) gives header, block descriptor and the page', async () => {
    const result = await harness().send('1a 00 08 00 ff 00')
    expect(hexOf(result.dataIn)).toBe('1f' + '00' + '10' + '08' + SHORT + CACHING)
  })

  it('(10) with LLBAA gives the long descriptor, without it the short one', async () => {
    const h = harness()
    expect(hexOf((await h.send('5a 10 08 00 000000 00ff 00')).dataIn)).toBe(
      '002a' + '00' + '10' + '01' + '00' + '0010' + '0000000000008000' + '00000000' + '00000200' + CACHING,
    )
    expect(hexOf((await h.send('5a 00 08 00 000000 00ff 00')).dataIn)).toBe(
      '0022' + '00' + '10' + '00' + '00' + '0008' + SHORT + CACHING,
    )
  })

  it('without block descriptor when DBD is set, of whatever form', async () => {
    const h = harness()
    expect(hexOf((await h.send('1a 08 08 00 ff 00')).dataIn)).toBe('17' + '00' + '10' + '00' + CACHING)
    expect(hexOf((await h.send('5a 18 08 00 000000 00ff 00')).dataIn)).toBe('001a001000000000' + CACHING)
  })

  it('gives all pages, and all pages with subpages', async () => {
    const h = harness()
    const all = hexOf((await h.send('1a 08 3f 00 ff 00')).dataIn)
    expect(all.slice(8)).toBe(RECOVERY + CACHING + CONTROL + EXCEPTIONS)
    const withSubpages = hexOf((await h.send('1a 08 3f ff ff 00')).dataIn)
    expect(withSubpages.slice(8)).toBe(RECOVERY + CACHING + CONTROL + CONTROL_EXTENSION + EXCEPTIONS)
    const control = hexOf((await h.send('1a 08 0a ff ff 00')).dataIn)
    expect(control.slice(8)).toBe(CONTROL + CONTROL_EXTENSION)
  })

  it('answers exactly the pages of the list, in every page control', async () => {
    const h = harness()
    for (const control of [0, 1, 2]) {
      for (let code = 0; code < 0x3f; code++) {
        for (const subpage of [0, 1, 2]) {
          const cdb = Buffer.of(0x1a, 8, (control << 6) | code, subpage, 0xff, 0).toString('hex')
          const isKnown = MODE_PAGES.some((page) => page.code === code && page.subpage === subpage)
          expect(outcome(await h.send(cdb)), cdb).toBe(isKnown ? 'status 00' : '5/24/00')
        }
      }
    }
  })

  it('gives changeable bits, keeps the page header, and has nothing saved', async () => {
    const h = harness()
    expect(hexOf((await h.send('1a 08 4a 00 ff 00')).dataIn).slice(8)).toBe('0a0a04000800' + '00'.repeat(6))
    expect(hexOf((await h.send('1a 08 48 00 ff 00')).dataIn).slice(8)).toBe('0812' + '00'.repeat(18))
    expect(outcome(await h.send('1a 08 c8 00 ff 00'))).toBe('5/39/00')
  })

  it('sets WP when the volume is read-only', async () => {
    const h = harness()
    h.device.readOnly = true
    expect((await h.send('1a 08 08 00 ff 00')).dataIn?.[2]).toBe(0x90)
  })

  it('cuts to the allocation length', async () => {
    expect(hexOf((await harness().send('1a 00 3f 00 04 00')).dataIn)).toBe('43001008')
  })

  it('says that 32 bits do not hold the blocks', async () => {
    const h = harness({ sizeBytes: 2 * TIB })
    expect(hexOf((await h.send('1a 00 08 00 0c 00')).dataIn).slice(8)).toBe('ffffffff00000200')
  })
})

describe('MODE SELECT', () => {
  const D_SENSE = '0a0a06100000' + '00'.repeat(6)
  const SWP = '0a0a02100800' + '00'.repeat(6)
  const select6 = (list: string): [string, { dataOut: Uint8Array }] => {
    const dataOut = hex(list)
    return [`15 10 0000 ${dataOut.byteLength.toString(16).padStart(2, '0')} 00`, { dataOut }]
  }

  it('(6) chooses descriptor sense, and tells the other nexuses', async () => {
    const h = harness()
    const other = h.attach('iqn.other,i,0x1')
    expect(outcome(await h.send(...select6('00000000' + D_SENSE)))).toBe('status 00')
    const refused = await h.send('28 00 ffffffff 00 0001 00')
    expect(hexOf(refused.sense)).toBe('7205210000000000')
    expect(outcome(await h.send('00', { nexus: other }))).toBe('6/2a/01')
    expect(outcome(await h.send('00'))).toBe('status 00')
  })

  it('(10) sets software write protection; a reset takes it back', async () => {
    const h = harness()
    const dataOut = hex('0000000000000000' + SWP)
    expect(outcome(await h.send('55 10 0000000000 0014 00', { dataOut }))).toBe('status 00')
    const data = new Uint8Array(512)
    expect(outcome(await h.send('2a 00 00000000 00 0001 00', { dataOut: data }))).toBe('7/27/00')
    expect(outcome(await h.send('28 00 00000000 00 0001 00'))).toBe('status 00')
    expect((await h.send('1a 08 0a 00 ff 00')).dataIn?.[2]).toBe(0x90)
    h.unit.reset()
    await h.send('00')
    expect(outcome(await h.send('2a 00 00000000 00 0001 00', { dataOut: data }))).toBe('status 00')
  })

  it('does not tell of a change that changes nothing', async () => {
    const h = harness()
    const other = h.attach('iqn.other,i,0x1')
    expect(outcome(await h.send(...select6('00000000' + CONTROL + CACHING)))).toBe('status 00')
    expect(outcome(await h.send('00', { nexus: other }))).toBe('status 00')
  })

  it('refuses to change what is not changeable, with a pointer to it, and changes nothing then', async () => {
    const h = harness()
    const result = await h.send(...select6('00000000' + SWP + '081200' + '00'.repeat(17)))
    expect(outcome(result)).toBe('5/26/00')
    expect(hexOf(result.sense?.subarray(15))).toBe('8a0012') // byte 18, bit 2: WCE
    expect((await h.send('1a 08 0a 00 ff 00')).dataIn?.[2]).toBe(0x10)
  })

  it.each([
    ['saving pages', '15 11 0000 04 00', '00000000', '5/24/00'],
    ['a vendor format', '15 00 0000 04 00', '00000000', '5/24/00'],
    ['a header cut off', '15 10 0000 03 00', '000000', '5/1a/00'],
    ['a block descriptor cut off', '15 10 0000 0a 00', '00000008' + '000080000000', '5/1a/00'],
    ['a page cut off', '15 10 0000 0a 00', '00000000' + '0a0a02100000', '5/1a/00'],
    ['a page header cut off', '15 10 0000 05 00', '00000000' + '0a', '5/1a/00'],
    ['a wrong page length', '15 10 0000 10 00', '00000000' + '0a0b02100000' + '00'.repeat(6), '5/26/00'],
    ['an unknown page', '15 10 0000 10 00', '00000000' + '020a' + '00'.repeat(10), '5/26/00'],
    ['an unknown subpage', '15 10 0000 10 00', '00000000' + '4a020008' + '00'.repeat(8), '5/26/00'],
    ['a medium type', '15 10 0000 04 00', '00010000', '5/26/00'],
    ['another capacity', '15 10 0000 0c 00', '00000008' + '0000010000000200', '5/26/00'],
    ['another block length', '15 10 0000 0c 00', '00000008' + '0000800000001000', '5/26/00'],
    ['two block descriptors', '15 10 0000 14 00', '00000010' + SHORT + SHORT, '5/26/00'],
    ['less data than announced', '15 10 0000 0c 00', '00000000', '5/1a/00'],
  ])('refuses %s', async (_, cdb, list, expected) => {
    expect(outcome(await harness().send(cdb, { dataOut: hex(list) }))).toBe(expected)
  })

  it('takes a block descriptor that changes nothing, an empty list, and a long descriptor', async () => {
    const h = harness()
    expect(outcome(await h.send(...select6('00000008' + SHORT)))).toBe('status 00')
    expect(outcome(await h.send(...select6('00000008' + '00000000' + '00000200')))).toBe('status 00')
    expect(outcome(await h.send('15 10 0000 00 00'))).toBe('status 00')
    const long = hex('00000000' + '0100' + '0010' + '0000000000008000' + '00000000' + '00000200')
    expect(outcome(await h.send('55 10 0000000000 0018 00', { dataOut: long }))).toBe('status 00')
  })
})
