import fc from 'fast-check'
import { expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { readDiscoveryEntry, readDiscoveryHeader } from '../initiator/pages.ts'
import { type DiscoveryEntry, discoveryLog } from './discovery-log.ts'

const entry = (i: number): DiscoveryEntry => ({
  nqn: `nqn.2026-11.io.basalt:v${i}`,
  host: i % 2 === 0 ? `10.0.0.${i}` : `fd00::${i}`,
  port: 4420 + i,
  portId: i,
})
const page = (count: number, offset: number, lengthBytes: number) =>
  discoveryLog({
    generation: 9,
    entries: Array.from({ length: count }, (_, i) => entry(i)),
    adminEntries: 128,
    offset,
    lengthBytes,
  })

it('has a header and an entry for each way', () => {
  const { part, totalBytes } = page(2, 0, 10_000)
  expect([part.byteLength, totalBytes]).toEqual([3072, 3072])
  expect(readDiscoveryHeader(part)).toEqual({ generation: 9, records: 2 })
  expect(readDiscoveryEntry(part.subarray(1024), 1)).toMatchObject({
    kind: 'nvm',
    subsystemNqn: 'nqn.2026-11.io.basalt:v1',
    address: 'fd00::1',
    port: '4421',
    addressFamily: 2,
  })
  // TRSVCID and TRADDR are padded with spaces, SUBNQN with NULs.
  expect([part[1024 + 36], part[1024 + 767], part[1024 + 511]]).toEqual([0x20, 0x20, 0])
  expect(viewOf(part).getUint16(1024 + 6, true)).toBe(0xffff)
})

it('any part of it is that part of the whole', () => {
  const whole = page(5, 0, 1 << 20).part
  fc.assert(
    fc.property(fc.nat(7000), fc.integer({ min: 1, max: 7000 }), (offset, lengthBytes) => {
      const { part, totalBytes } = page(5, offset, lengthBytes)
      expect(totalBytes).toBe(6 * 1024)
      expect(Buffer.compare(part, whole.subarray(offset, offset + lengthBytes))).toBe(0)
    }),
  )
})
