import { describe, expect, it } from 'vitest'
import type { SnapshotInfo } from '../../src/base/ports/snapshots.ts'
import { ModelViolation, type Operation, UNREADABLE, VolumeModel } from './model.ts'
import type { FoundSnapshot, SnapshotPlace } from './snapshot-oracle.ts'

const newModel = (): VolumeModel => new VolumeModel({ entryBlocksMax: 8 })

function written(model: VolumeModel, firstSector: number, sectors = 1): number {
  const operation = model.begin('write', { firstSector, sectors })
  model.admitted(operation)
  model.acknowledged(operation)
  return operation.id
}

const placeOf = (id: bigint): SnapshotPlace => ({ epochId: 'e', lsn: 10 * Number(id) })

/** Its place in the log is that of `placeOf` unless `place` says another. */
function asked(model: VolumeModel, id: bigint, place = placeOf(id)): Operation {
  const operation = model.snapshots.beginMaking(id, `s${id}`, () => place)
  model.admitted(operation)
  return operation
}

function made(model: VolumeModel, id: bigint): Operation {
  const operation = asked(model, id)
  model.snapshots.acknowledged(operation, id)
  return operation
}

const infoOf = (id: bigint, lsn = placeOf(id).lsn): SnapshotInfo => ({
  id,
  name: `s${id}`,
  lsn,
  createdWallMs: 5,
  sizeBytes: 4096,
})

const foundOf = (id: bigint, place = placeOf(id)): FoundSnapshot => ({ info: infoOf(id, place.lsn), place })

const holding =
  (values: Record<number, number>) =>
  (sector: number): number =>
    values[sector] ?? 0

describe('the content of a snapshot', () => {
  it('is what was admitted before it, and nothing after', () => {
    const model = newModel()
    const before = written(model, 5)
    const late = model.begin('write', { firstSector: 6, sectors: 1 })
    made(model, 1n)
    model.admitted(late)
    const after = written(model, 5)
    model.snapshots.judgeRead(1n, 4, [0, before, 0])
    expect(() => model.snapshots.judgeRead(1n, 5, [after])).toThrow(ModelViolation)
    expect(() => model.snapshots.judgeRead(1n, 6, [late.id])).toThrow(/s1 has operation/)
    expect(() => model.snapshots.judgeRead(2n, 5, [before])).toThrow(/was never made/)
  })

  it('has what was admitted and not acknowledged, and stays when that is lost elsewhere', () => {
    const model = newModel()
    const open = model.begin('write', { firstSector: 5, sectors: 1 })
    model.admitted(open)
    made(model, 1n)
    model.snapshots.judgeRead(1n, 5, [open.id])
    expect(() => model.snapshots.judgeRead(1n, 5, [0])).toThrow(ModelViolation)
  })

  it('is the same over crashes, deletions of others, and more writes', () => {
    const model = newModel()
    const before = written(model, 5)
    made(model, 1n)
    made(model, 2n)
    const after = written(model, 5)
    const found = model.snapshots.found([foundOf(1n), foundOf(2n)], holding({ 5: after }))
    expect(model.judgeCrash('process', found)).toBe(4)
    model.rebase(found)
    const deletion = model.snapshots.beginDeletion(2n)
    model.admitted(deletion)
    model.snapshots.acknowledged(deletion, 2n)
    written(model, 5)
    model.snapshots.judgeRead(1n, 5, [before])
    expect(() => model.snapshots.judgeRead(1n, 5, [after])).toThrow(ModelViolation)
  })

  it('may be anything that the sector ever had where the volume could not be read when it was made', () => {
    const model = newModel()
    const first = written(model, 5)
    model.rebase(holding({ 5: UNREADABLE }))
    made(model, 1n)
    model.snapshots.judgeRead(1n, 5, [first])
    expect(() => model.snapshots.judgeRead(1n, 5, [first + 77])).toThrow(ModelViolation)
  })
})

describe('a crash', () => {
  it('keeps a snapshot that was acknowledged, with all before it', () => {
    const model = newModel()
    const before = written(model, 5)
    made(model, 1n)
    const { snapshots } = model
    expect(() => model.judgeCrash('power', snapshots.found([], holding({ 5: before })))).toThrow(
      /1 sectors wrong: s1 holds/,
    )
    expect(() => model.judgeCrash('power', snapshots.found([foundOf(1n)], holding({})))).toThrow(
      ModelViolation,
    )
    expect(model.judgeCrash('power', snapshots.found([foundOf(1n)], holding({ 5: before })))).toBe(2)
  })

  it('may take one that was not, and then what came after it too', () => {
    const model = newModel()
    asked(model, 1n)
    const after = model.begin('write', { firstSector: 5, sectors: 1 })
    model.admitted(after)
    const { snapshots } = model
    expect(model.judgeCrash('process', snapshots.found([], holding({})))).toBe(0)
    expect(model.judgeCrash('process', snapshots.found([foundOf(1n)], holding({})))).toBe(1)
    expect(() => model.judgeCrash('process', snapshots.found([], holding({ 5: after.id })))).toThrow(
      ModelViolation,
    )
    model.rebase(snapshots.found([], holding({})))
    expect(snapshots.ids).toEqual([])
    expect(() => snapshots.judgeRead(1n, 5, [0])).toThrow(/was never made/)
  })

  it('keeps one that was read', () => {
    const model = newModel()
    asked(model, 1n)
    model.snapshots.judgeRead(1n, 5, [0])
    expect(() => model.judgeCrash('process', model.snapshots.found([], holding({})))).toThrow(ModelViolation)
  })

  it('may leave the one of several makings that has its place, and its content', () => {
    const model = newModel()
    const first = written(model, 5)
    asked(model, 1n)
    const { snapshots } = model
    // a loss takes the end of the history, with the write and with the snapshot, which is asked for again
    model.rebase(snapshots.found([], holding({})))
    const place = { epochId: 'f', lsn: 10 }
    const second = written(model, 5)
    asked(model, 1n, place)
    snapshots.judgeRead(1n, 5, [second])
    // and another loss takes that
    const there = snapshots.found([foundOf(1n)], holding({ 5: first }))
    expect(() => model.judgeCrash('process', there)).toThrow(/s1 holds|block 0 sector 5/)
    model.rebase(there)
    snapshots.judgeRead(1n, 5, [first])
    expect(() => snapshots.judgeRead(1n, 5, [second])).toThrow(/made when there was operation 1/)
    model.rebase(snapshots.found([foundOf(1n, place)], holding({ 5: second })))
    snapshots.judgeRead(1n, 5, [second])
    expect(() => snapshots.judgeRead(1n, 5, [first])).toThrow(ModelViolation)
    expect(() => snapshots.found([foundOf(1n, { epochId: 'f', lsn: 11 })], holding({}))).toThrow(
      /nobody made it/,
    )
  })

  it('brings back the making before a deletion that it takes, and not what was made after that', () => {
    const model = newModel()
    const first = written(model, 5)
    made(model, 1n)
    const { snapshots } = model
    model.admitted(snapshots.beginDeletion(1n))
    const place = { epochId: 'e', lsn: 40 }
    const second = written(model, 5)
    asked(model, 1n, place)
    const isFirst = snapshots.found([foundOf(1n)], holding({ 5: first }))
    const isSecond = snapshots.found([foundOf(1n, place)], holding({ 5: second }))
    expect(model.judgeCrash('process', isSecond)).toBe(5)
    expect(() => model.judgeCrash('process', isFirst)).toThrow(ModelViolation)
    expect(model.judgeCrash('process', isFirst, model.now, 1)).toBe(2)
    model.rebase(isFirst)
    snapshots.judgeRead(1n, 5, [first])
  })

  it('does not bring a deleted one back', () => {
    const model = newModel()
    made(model, 1n)
    const deletion = model.snapshots.beginDeletion(1n)
    model.admitted(deletion)
    const there = model.snapshots.found([foundOf(1n)], holding({}))
    expect(model.judgeCrash('process', there)).toBe(1)
    model.snapshots.acknowledged(deletion, 1n)
    expect(() => model.judgeCrash('process', there)).toThrow(ModelViolation)
    expect(() => model.snapshots.judgeList([infoOf(1n)])).toThrow(/was deleted/)
  })
})

describe('a return to a snapshot', () => {
  it('is one change of every sector, for reads and for crashes', () => {
    const model = newModel()
    const before = written(model, 5)
    made(model, 1n)
    const after = [written(model, 5), written(model, 6)]
    const restore = model.snapshots.beginRestore(1n)
    model.admitted(restore)
    const { snapshots } = model
    const list = [foundOf(1n)]
    const there = snapshots.found(list, holding({ 5: before }))
    expect(model.judgeCrash('process', there)).toBe(5)
    expect(model.judgeCrash('process', snapshots.found(list, holding({ 5: after[0]!, 6: after[1]! })))).toBe(
      4,
    )
    expect(() =>
      model.judgeCrash('process', snapshots.found(list, holding({ 5: before, 6: after[1]! }))),
    ).toThrow(ModelViolation)
    snapshots.acknowledged(restore, 1n)
    model.beginRead(5, 2)(Uint32Array.of(before, 0))
    expect(() => model.beginRead(5, 1)(Uint32Array.of(after[0]!))).toThrow(ModelViolation)
    const later = written(model, 6)
    model.beginRead(5, 2)(Uint32Array.of(before, later))
    model.rebase(snapshots.found(list, holding({ 5: before, 6: later })))
    snapshots.judgeRead(1n, 5, [before, 0])
  })
})

describe('a list', () => {
  it('has what was acknowledged, in its order, as it was, and nothing else', () => {
    const model = newModel()
    made(model, 1n)
    model.snapshots.judgeList([infoOf(1n)])
    made(model, 2n)
    expect(() => model.snapshots.judgeList([infoOf(1n)])).toThrow(/s2 is not listed/)
    expect(() => model.snapshots.judgeList([infoOf(2n), infoOf(1n)])).toThrow(/is listed before/)
    expect(() => model.snapshots.judgeList([infoOf(1n), infoOf(2n), infoOf(3n)])).toThrow(/never made/)
    expect(() => model.snapshots.judgeList([infoOf(1n, 7), infoOf(2n)])).toThrow(/not what it was/)
    expect(() => model.snapshots.found([foundOf(3n)], holding({}))).toThrow(/nobody asked/)
  })
})

describe('what a client is told of a snapshot that was made', () => {
  it('has the place that it was admitted at', () => {
    const model = newModel()
    made(model, 1n)
    model.snapshots.judgeMade(infoOf(1n))
    expect(() => model.snapshots.judgeMade(infoOf(1n, 7))).toThrow(/at LSN 7, and was not/)
    expect(() => model.snapshots.judgeMade({ ...infoOf(1n), sizeBytes: 8192 })).toThrow(/not what it was/)
    expect(() => model.snapshots.judgeMade(infoOf(2n))).toThrow(/and was not/)
  })
})

describe('changes between two snapshots', () => {
  it('name every block that differs', () => {
    const model = newModel()
    written(model, 5)
    made(model, 1n)
    written(model, 9)
    made(model, 2n)
    const all = { fromBlock: 0, endBlock: 10 }
    model.snapshots.judgeChanged(2n, 1n, all, new Set([1]))
    model.snapshots.judgeChanged(2n, 1n, { fromBlock: 0, endBlock: 1 }, new Set())
    expect(() => model.snapshots.judgeChanged(2n, 1n, all, new Set([0]))).toThrow(/block 1 sector 1/)
    expect(() => model.snapshots.judgeChanged(2n, null, all, new Set([1]))).toThrow(/block 0 sector 5/)
  })
})
