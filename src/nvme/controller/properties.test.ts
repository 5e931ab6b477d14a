import { describe, expect, it } from 'vitest'
import { PROPERTIES, Properties } from './properties.ts'

const { cap, cc, csts, vs, crto, nssr } = PROPERTIES
const ENABLE = 0x0046_0001
const make = (hasIo = true) => new Properties({ queueEntries: 128, hasIo })
const status = (properties: Properties) => properties.get(csts.offset, 4)?.low

describe('properties', () => {
  it('capabilities: entries, contiguous queues, command sets, ready with media', () => {
    expect(make().get(cap.offset, 8)).toEqual({ low: 0x1401_007f, high: 0x0800_0820 })
    expect(make().get(vs.offset, 4)?.low).toBe(0x20000)
    expect(make().get(crto.offset, 4)?.low).toBe(0x0014_0014)
  })

  it.each([
    [cap.offset, 4],
    [cc.offset, 8],
    [0x24, 4],
  ] as const)('there is no property %i of %i bytes', (offset, sizeBytes) => {
    expect(make().get(offset, sizeBytes)).toBe(undefined)
    expect(make().set(offset + 0x100, sizeBytes, 0)).toBe(undefined)
  })

  it('only the configuration and the subsystem reset can be written', () => {
    const properties = make()
    for (const { offset, sizeBytes } of [cap, vs, csts, crto]) {
      expect(properties.set(offset, sizeBytes as 4 | 8, 1)).toBe(undefined)
    }
    expect(properties.set(nssr.offset, 4, 0x4e56_4d65)).toEqual({ change: undefined })
  })

  it('is enabled, shut down and reset', () => {
    const properties = make()
    expect([status(properties), properties.isReady]).toEqual([0, false])
    expect(properties.set(cc.offset, 4, ENABLE)).toEqual({ change: 'enabled' })
    expect([status(properties), properties.isReady]).toEqual([1, true])
    expect(properties.set(cc.offset, 4, ENABLE | 0x4000)).toEqual({ change: 'shutdown' })
    expect(status(properties)).toBe(0x09)
    expect(properties.set(cc.offset, 4, 0)).toEqual({ change: 'reset' })
    expect(status(properties)).toBe(0)
  })

  it.each([
    ['a command set that there is not', ENABLE | 0x10],
    ['pages of 8 KiB', ENABLE | 0x80],
    ['another arbitration', ENABLE | 0x800],
    ['entries of another size', 0x0047_0001],
    ['no size of entries', 1],
  ])('%s: fatal until it is disabled', (_, value) => {
    const properties = make()
    properties.set(cc.offset, 4, value)
    expect([status(properties), properties.isReady]).toEqual([2, false])
    properties.set(cc.offset, 4, 0)
    properties.set(cc.offset, 4, ENABLE)
    expect(properties.isReady).toBe(true)
  })

  it('a discovery controller has no I/O entries to agree on', () => {
    const properties = make(false)
    properties.set(cc.offset, 4, 1)
    expect(properties.isReady).toBe(true)
  })
})
