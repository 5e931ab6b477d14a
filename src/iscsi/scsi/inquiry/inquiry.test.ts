import { describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../../test/e2e/iscsi/memory-device.ts'
import { MIB } from '../../../base/units.ts'
import { singlePath } from '../path-state.ts'
import { Harness, type HarnessOptions, hexOf, outcome, UUID } from '../testing.ts'
import { VPD_PAGES } from './vpd.ts'

const harness = ({ unit, ...device }: HarnessOptions = {}): Harness =>
  new Harness(new MemoryDevice({ sizeBytes: 16 * MIB, uuid: UUID, ...device }), unit)

const ZEROS = (count: number): string => '00'.repeat(count)
const ascii = (text: string): string => Buffer.from(text).toString('hex')

/**
 * Bytes of each page for the harness's volume. Provenance: decoded field by field with `sg_inq` and `sg_vpd`
 * of sg3_utils 1.46 (`--inhex`); what they print stands beside the fields.
 */
const STANDARD =
  '00' + // connected disk
  '00' + // not removable
  '06' + // SPC-4
  '12' + // HISUP, response data format 2
  '5b' + // 96 bytes
  '18' + // TPGS 1, 3PC
  '00' + // one port
  '02' + // CMDQUE
  ascii('BASALT  BLOCK VOLUME    0001') +
  ZEROS(22) +
  '00a0' + // SAM-5
  '0460' + // SPC-4
  '04c0' + // SBC-3
  '0960' + // iSCSI
  ZEROS(30)

const PAGES: Readonly<Record<number, string>> = {
  0: '00000008' + '00' + '80' + '83' + '86' + '8f' + 'b0' + 'b1' + 'b2',
  128: '00800020' + ascii('0f1e2d3c4b5a4978a6b5c4d3e2f10011'),
  131:
    '008300da' +
    '01030010' +
    '6024253c4b5a4978a6b5c4d3e2f10011' + // NAA, IEEE registered extended, 16 bytes
    '02010028' +
    ascii('BASALT  0f1e2d3c4b5a4978a6b5c4d3e2f10011') + // T10 vendor identification
    '010a0012' +
    '1000' +
    '0f1e2d3c4b5a4978a6b5c4d3e2f10011' + // UUID
    '03080028' +
    ascii('naa.6024253C4B5A4978A6B5C4D3E2F10011') +
    ZEROS(4) + // SCSI name string
    '51940004' +
    '00000001' + // relative target port, iSCSI
    '51950004' +
    '00000001' + // target port group
    '53980024' +
    ascii('iqn.2026-11.io.basalt:vol,t,0x0001') +
    ZEROS(2) + // target port
    '53a8001c' +
    ascii('iqn.2026-11.io.basalt:vol') +
    ZEROS(3), // target device
  134: '0086003c' + '00' + '05' + '01' + ZEROS(6) + '28' + ZEROS(50), // HEADSUP SIMPSUP, V_SUP, 40 bytes of sense
  143:
    '008f0058' +
    '00010008' +
    '07' +
    '830100' +
    '84020003' + // EXTENDED COPY(LID1); RECEIVE COPY STATUS, OPERATING PARAMETERS
    '0004001c' +
    ZEROS(4) +
    '0004' +
    '0008' +
    '00000160' +
    ZEROS(16) + // 4 CSCDs, 8 segments, 352 bytes
    '00080004' +
    '02' +
    '02' +
    'e4' +
    '00' + // block to block, identification descriptor
    '80010020' +
    '00000008' +
    '00000008' +
    '02000000' +
    '09' +
    ZEROS(19), // 8 copies, segment of 32 MiB, 512 bytes
  176:
    '00b0003c' +
    '00' + // WSNZ 0
    '80' + // maximum compare and write length 128
    '0008' + // optimal transfer length granularity
    '00010000' + // maximum transfer length 65536 blocks
    '00000800' + // optimal transfer length
    '00010000' + // maximum prefetch length
    'ffffffff' + // maximum unmap LBA count: unbounded
    '00000100' + // maximum unmap block descriptor count
    '00000008' + // optimal unmap granularity
    '80000000' + // alignment valid, 0
    '0000000000040000' + // maximum write same length
    ZEROS(20), // no atomic writes
  177: '00b1003c' + '0001' + '00' + '40' + '01' + ZEROS(55), // non-rotating, WABEREQ 01b, VBULS
  178: '00b20004' + '00' + 'e4' + '02' + '00', // LBPU LBPWS LBPWS10 LBPRZ, thin
}

describe('INQUIRY', () => {
  it('gives the standard data', async () => {
    const result = await harness().send('12 00 00 0060 00')
    expect(hexOf(result.dataIn)).toBe(STANDARD)
  })

  it.each(VPD_PAGES)('page $code, $name', async ({ code }) => {
    const result = await harness().send(`12 01 ${code.toString(16).padStart(2, '0')} 0400 00`)
    expect(hexOf(result.dataIn)).toBe(PAGES[code])
  })

  it('answers each page that page 00h lists and no other', async () => {
    const h = harness()
    const listed = [...(await h.send('12 01 00 0400 00')).dataIn!.subarray(4)]
    for (let code = 0; code < 256; code++) {
      const result = await h.send(`12 01 ${code.toString(16).padStart(2, '0')} 0400 00`)
      expect(outcome(result), `page ${code}`).toBe(listed.includes(code) ? 'status 00' : '5/24/00')
    }
  })

  it('cuts to the allocation length and leaves the length fields', async () => {
    const h = harness()
    expect(hexOf((await h.send('12 00 00 0005 00')).dataIn)).toBe(STANDARD.slice(0, 10))
    expect(hexOf((await h.send('12 01 83 0004 00')).dataIn)).toBe('008300da')
    expect((await h.send('12 01 83 0000 00')).transferLengthBytes).toBe(0)
  })

  it('cuts to what the initiator takes and reports what it would have sent', async () => {
    const result = await harness().send('12 00 00 0060 00', { dataInMax: 36 })
    expect([result.dataIn?.byteLength, result.transferLengthBytes]).toEqual([36, 96])
  })

  it('refuses a page code without EVPD', async () => {
    const result = await harness().send('12 00 80 0060 00')
    expect(outcome(result)).toBe('5/24/00')
    expect(hexOf(result.sense?.subarray(15))).toBe('c00002')
  })

  it('advertises atomic writes where they are accepted, and blocks of 4096', async () => {
    const h = harness({ logicalBlockBytes: 4096, atomicWriteBytesMax: 65536 })
    const page = hexOf((await h.send('12 01 b0 0040 00')).dataIn)
    expect(page.slice(2 * 6, 2 * 8)).toBe('0001')
    expect(page.slice(2 * 8, 2 * 12)).toBe('00002000')
    // the length; any alignment and granularity; nothing about boundaries
    expect(page.slice(2 * 44)).toBe('00000010' + ZEROS(16))
    const odd = harness({ atomicWriteBytesMax: 1044480 })
    expect(hexOf((await odd.send('12 01 b0 0040 00')).dataIn).slice(2 * 44, 2 * 48)).toBe('000007f8')
    const huge = harness({ sizeBytes: 64 * MIB, atomicWriteBytesMax: 64 * MIB })
    expect(hexOf((await huge.send('12 01 b0 0040 00')).dataIn).slice(2 * 44, 2 * 48)).toBe('0000ffff')
  })

  it('tells of several ports', async () => {
    const path = singlePath({ groupId: 1, relativePorts: () => [1] })
    const groups = [
      ...path.groups(),
      { id: 2, state: 'standby', preferred: false, relativePorts: [2] } as const,
    ]
    const h = harness({ unit: { path: { ...path, groups: () => groups } } })
    expect((await h.send('12 00 00 0060 00')).dataIn?.[6]).toBe(0x10)
  })
})
