import { describe, expect, it } from 'vitest'
import { fillSectors, identify, patternOf, SECTOR_BYTES } from './content.ts'
import { ModelViolation, type Operation, VolumeModel } from './model.ts'

const newModel = (): VolumeModel => new VolumeModel({ entryBlocksMax: 8 })

/** A write of `sectors` from `firstSector` that ran to its end. */
function written(model: VolumeModel, firstSector: number, sectors = 1, fua = false): Operation {
  const operation = model.begin('write', { firstSector, sectors, fua })
  for (const _ of operation.parts) model.admitted(operation)
  model.acknowledged(operation)
  return operation
}

const holding =
  (values: Record<number, number>) =>
  (sector: number): number =>
    values[sector] ?? 0

describe('reads', () => {
  it('may return what was admitted before they ended and not what was overwritten before they began', () => {
    const model = newModel()
    const first = written(model, 5)
    const second = written(model, 5)
    const read = model.beginRead(5, 1)
    const third = model.begin('write', { firstSector: 5, sectors: 1 })
    expect(() => read(Uint32Array.of(third.id))).toThrow(ModelViolation)
    model.admitted(third)
    read(Uint32Array.of(second.id))
    expect(() => model.beginRead(5, 1)(Uint32Array.of(first.id))).toThrow(/older than what was known/)
  })

  it('never go back behind another read', () => {
    const model = newModel()
    const first = written(model, 5)
    const second = model.begin('write', { firstSector: 5, sectors: 1 })
    model.admitted(second)
    model.beginRead(5, 1)(Uint32Array.of(second.id))
    expect(() => model.beginRead(5, 1)(Uint32Array.of(first.id))).toThrow(ModelViolation)
  })

  it('see zeros before the first write and after a trim, not between', () => {
    const model = newModel()
    model.beginRead(5, 1)(Uint32Array.of(0))
    written(model, 5)
    expect(() => model.beginRead(5, 1)(Uint32Array.of(0))).toThrow(ModelViolation)
    const trim = model.begin('zero', { firstSector: 0, sectors: 16 })
    model.admitted(trim)
    model.acknowledged(trim)
    model.beginRead(5, 1)(Uint32Array.of(0))
  })
})

describe('a crash', () => {
  it('of the process keeps everything acknowledged, of the power everything flushed', () => {
    const model = newModel()
    const first = written(model, 1)
    model.beginFlush()()
    const second = written(model, 2)
    expect(model.judgeCrash('process', holding({ 1: first.id, 2: second.id }))).toBe(2)
    expect(model.judgeCrash('power', holding({ 1: first.id }))).toBe(1)
    expect(() => model.judgeCrash('process', holding({ 1: first.id }))).toThrow(ModelViolation)
    expect(() => model.judgeCrash('power', holding({ 2: second.id }))).toThrow(/block 0 sector 1/)
  })

  it('is judged as of a moment', () => {
    const model = newModel()
    const first = written(model, 1)
    const before = model.now
    model.beginFlush()()
    expect(model.judgeCrash('power', holding({}), before)).toBe(0)
    expect(() => model.judgeCrash('power', holding({}))).toThrow(ModelViolation)
    expect(model.judgeCrash('power', holding({ 1: first.id }))).toBe(1)
  })

  it('leaves a prefix: no entry without all before it', () => {
    const model = newModel()
    written(model, 1)
    const second = written(model, 2)
    expect(() => model.judgeCrash('power', holding({ 2: second.id }))).toThrow(/no prefix/)
  })

  it('leaves an entry as a whole, and a split write by its entries', () => {
    const model = newModel()
    const whole = written(model, 0, 16)
    const half = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [i, whole.id]))
    expect(() => model.judgeCrash('power', holding(half))).toThrow(ModelViolation)
    const other = newModel()
    const split = written(other, 0, 96)
    expect(split.parts.length).toBe(2)
    const first = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [i, split.id]))
    expect(other.judgeCrash('power', holding(first))).toBe(1)
  })

  it('does not forgive the loss of a FUA write', () => {
    const model = newModel()
    written(model, 1, 1, true)
    expect(() => model.judgeCrash('power', holding({}))).toThrow(ModelViolation)
  })

  it('ends the history: what it took must not come back', () => {
    const model = newModel()
    const lost = written(model, 1)
    model.judgeCrash('power', holding({}))
    model.rebase(holding({}))
    expect(() => model.beginRead(1, 1)(Uint32Array.of(lost.id))).toThrow(ModelViolation)
    expect(model.wasEver(1, lost.id)).toBe(true)
  })
})

describe('content', () => {
  it('says who wrote it where, and what is wrong with it', () => {
    const bytes = fillSectors(new Uint8Array(4 * SECTOR_BYTES), 10, 7)
    expect(identify(bytes, SECTOR_BYTES, 11, 512)).toBe(7)
    expect(identify(bytes, SECTOR_BYTES, 12, 512)).toEqual({
      wrong: expect.stringContaining('belongs to sector 11'),
    })
    bytes[2 * SECTOR_BYTES + 300]! ^= 1
    expect(identify(bytes, 2 * SECTOR_BYTES, 12, 512)).toEqual({
      wrong: expect.stringContaining('torn or damaged'),
    })
    bytes.fill(0, 3 * SECTOR_BYTES)
    expect(identify(bytes, 3 * SECTOR_BYTES, 13, 512)).toBe(0)
    bytes[4 * SECTOR_BYTES - 1] = 1
    expect(identify(bytes, 3 * SECTOR_BYTES, 13, 512)).toEqual({ wrong: expect.stringContaining('neither') })
  })

  it('lets a pattern stand anywhere, in its place within the logical block', () => {
    const pattern = patternOf(4096, 3)
    expect(identify(pattern, 0, 800, 4096)).toBe(3)
    expect(identify(pattern, SECTOR_BYTES, 801, 4096)).toBe(3)
    expect(identify(pattern, SECTOR_BYTES, 802, 4096)).not.toBe(3)
  })
})
