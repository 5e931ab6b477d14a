import { describe, expect, it } from 'vitest'
import {
  badVersion,
  contentOf,
  dataVersion,
  holeVersion,
  tell,
  tellOne,
  UUID,
  VERSIONS,
  VersionRig,
} from '../../../test/blockvol/version-rig.ts'
import { isBlockError } from '../../base/errors.ts'
import { BLOCK_BYTES } from '../../base/units.ts'
import type { Version } from './version.ts'

async function opened(seed = 1): Promise<VersionRig> {
  const rig = new VersionRig(seed)
  await rig.create()
  await rig.open()
  return rig
}

const told = (rig: VersionRig, block: number): Promise<string[]> => rig.until(tell(rig.store, block))
const noHead = (): Promise<number> => Promise.resolve(1_000_000)

describe('a version store', () => {
  it('has what a batch preserved when it is committed, and after an opening', async () => {
    const rig = await opened()
    expect(rig.store.isEmpty).toBe(true)
    const batch = rig.store.begin(10)
    await rig.until(batch.add(dataVersion(7, 5), contentOf(7, 5)))
    await rig.until(batch.add(holeVersion(3, 4), undefined))
    await rig.until(batch.add(badVersion(9, 2), undefined))
    expect(rig.store.isEmpty).toBe(true)
    expect(await told(rig, 7)).toEqual([])
    await rig.until(batch.commit())
    for (const _ of ['at once', 'after an opening']) {
      expect(rig.store.isEmpty).toBe(false)
      expect(await told(rig, 7)).toEqual(['5'])
      expect(await told(rig, 3)).toEqual(['4 hole'])
      expect(await told(rig, 9)).toEqual(['2 bad'])
      expect(await told(rig, 8)).toEqual([])
      await rig.close()
      await rig.open()
    }
  })

  it('finds the newest version not above an LSN, over many batches', async () => {
    const rig = await opened()
    for (let lsn = 10; lsn <= 200; lsn += 10) {
      rig.checkpointLsn = lsn - 10
      await rig.preserve([dataVersion(1, lsn), dataVersion(lsn, lsn)], lsn + 5)
    }
    await rig.until(rig.store.settled())
    const at = async (lsn: number) => (await rig.until(rig.store.at(1, lsn)))?.lsn
    expect([await at(9), await at(10), await at(19), await at(155), await at(999)]).toEqual([
      undefined,
      10,
      10,
      150,
      200,
    ])
    expect(await told(rig, 1)).toEqual(Array.from({ length: 20 }, (_, i) => `${10 * (i + 1)}`))
  })

  it('leaves nothing of a batch that was given up, and takes its space again', async () => {
    const rig = await opened()
    await rig.preserve([dataVersion(1, 1)], 5)
    const before = await rig.until(rig.store.allocatedBytes())
    const batch = rig.store.begin(10)
    for (let block = 0; block < 600; block++) {
      await rig.until(batch.add(dataVersion(block, 7), contentOf(block, 7)))
    }
    await rig.until(batch.abandon())
    await rig.until(rig.store.settled())
    expect(await rig.until(rig.store.allocatedBytes())).toBe(before)
    expect(await told(rig, 1)).toEqual(['1'])
    await rig.preserve([dataVersion(2, 2)], 10)
    expect(await told(rig, 2)).toEqual(['2'])
    expect(rig.store.usage().dataBytes).toBe(2 * BLOCK_BYTES)
  })

  it('gives its memory back when a batch failed at any of its writes', async () => {
    for (let skip = 0; ; skip++) {
      const rig = await opened()
      const { pool } = rig.process
      const before = pool.lentBytes
      rig.faults.arm('syncError', '', skip)
      const failed = await rig.preserve([dataVersion(1, 1), holeVersion(2, 1)], 5).then(
        () => false,
        () => true,
      )
      await rig.until(rig.store.settled())
      expect(pool.lentBytes, `sync ${skip}`).toBe(before)
      if (failed) continue
      expect(skip).toBeGreaterThan(2)
      return
    }
  })

  it('passes over what is there already: of a flush that is repeated, or of any batch when asked', async () => {
    const rig = await opened()
    await rig.preserve([dataVersion(1, 4)], 10)
    const repeated = rig.store.begin(10)
    expect(repeated.isFresh).toBe(false)
    expect(await rig.until(repeated.has(1, 4))).toBe(true)
    expect(await rig.until(repeated.has(1, 5))).toBe(false)
    // the extents hold something else by now: what comes first counts
    await rig.until(repeated.add(badVersion(1, 4), undefined))
    await rig.until(repeated.commit())
    expect(await told(rig, 1)).toEqual(['4'])
    rig.checkpointLsn = 10
    const next = rig.store.begin(20)
    expect(next.isFresh).toBe(true)
    await rig.until(next.abandon())
    const all = rig.store.begin(20, { isCheckingAll: true })
    expect(all.isFresh).toBe(false)
    await rig.until(all.add(dataVersion(1, 4), contentOf(1, 4)))
    await rig.until(all.commit())
    expect(await told(rig, 1)).toEqual(['4'])
    expect(rig.store.usage().dataBytes).toBe(BLOCK_BYTES)
  })

  it('takes many versions at once as it takes them one by one', async () => {
    const rig = await opened()
    for (const { from, count } of [
      { from: 0, count: 600 },
      { from: 600, count: 100 },
    ]) {
      const versions = Array.from({ length: count }, (_, i) => dataVersion(from + i, 4))
      const data = Buffer.concat(versions.map(({ block }) => contentOf(block, 4)))
      const batch = rig.store.begin(10)
      await rig.until(batch.add(holeVersion(from, 2), undefined))
      await rig.until(Promise.resolve(batch.addMany(versions, data)))
      await rig.until(batch.add(dataVersion(from, 6), contentOf(from, 6)))
      await rig.until(batch.commit())
      rig.checkpointLsn = 10
    }
    expect(rig.store.usage().dataBytes).toBe(702 * BLOCK_BYTES)
    for (const block of [1, 255, 256, 299, 599, 601, 699]) expect(await told(rig, block)).toEqual(['4'])
    for (const block of [0, 600]) expect(await told(rig, block)).toEqual(['2 hole', '4', '6'])
  })

  it('scans a range by block and LSN, whole blocks at a time', async () => {
    const rig = await opened()
    const versions: Version[] = []
    for (let block = 0; block < 300; block += 3) {
      versions.push(dataVersion(block, 1), holeVersion(block, 2), dataVersion(block, 3))
    }
    for (let i = 0; i < 3; i++)
      await rig.preserve(
        versions.filter((_, at) => at % 3 === i),
        10,
      )
    const scan = async (from: number, end: number, limit: number) =>
      (await rig.until(rig.store.scan(from, end, limit))).map(({ block, lsn }) => `${block}:${lsn}`)
    expect(await scan(0, 7, 100)).toEqual(['0:1', '0:2', '0:3', '3:1', '3:2', '3:3', '6:1', '6:2', '6:3'])
    expect(await scan(1, 300, 5)).toEqual(['3:1', '3:2', '3:3'])
    expect(await scan(1, 300, 6)).toEqual(['3:1', '3:2', '3:3', '6:1', '6:2', '6:3'])
    expect(await scan(297, 298, 1)).toEqual(['297:1', '297:2', '297:3'])
    expect(await scan(298, 1e9, 10)).toEqual([])
    const found: string[] = []
    for (let from = 0; from < 300; ) {
      const part = await rig.until(rig.store.scan(from, 300, 50))
      found.push(...part.map(({ block, lsn }) => `${block}:${lsn}`))
      from = (part.at(-1)?.block ?? 300) + 1
    }
    expect(found).toHaveLength(versions.length)
  })

  it('gives back what no snapshot sees, and no more', async () => {
    const rig = await opened()
    // versions 10, 20, 30 of each block; the head is 40
    const versions = [10, 20, 30].flatMap((lsn) => [1, 2, 600].map((block) => dataVersion(block, lsn)))
    await rig.preserve(versions, 50)
    rig.checkpointLsn = 50
    const head = (block: number): Promise<number> => Promise.resolve(block === 2 ? 31 : 40)
    rig.store.collect([35, 15], head)
    await rig.until(rig.store.settled())
    expect(await told(rig, 1)).toEqual(['10', '30'])
    expect(await told(rig, 2)).toEqual(['10'])
    const { dataBytes, freeingBytes } = rig.store.usage()
    expect({ dataBytes, freeingBytes }).toEqual({ dataBytes: 5 * BLOCK_BYTES, freeingBytes: 0 })
    expect(rig.storage.cacheOf(rig.storage.lookup(`${VERSIONS}/000000`)!).allocatedBytes).toBe(
      5 * BLOCK_BYTES,
    )
    rig.store.collect([], noHead)
    await rig.until(rig.store.settled())
    expect(rig.store.isEmpty).toBe(true)
    expect(rig.store.usage().dataBytes).toBe(0)
    expect(rig.storage.list(VERSIONS).filter((name) => name.endsWith('.list'))).toEqual([])
  })

  it('leaves batches alone that are newer than the checkpoint whose snapshots are asked for', async () => {
    const rig = await opened()
    await rig.preserve([dataVersion(1, 3)], 20)
    rig.checkpointLsn = 15
    rig.store.collect([], noHead)
    rig.checkpointLsn = 20
    await rig.until(rig.store.settled())
    expect(await told(rig, 1)).toEqual(['3'])
    rig.store.collect([], noHead)
    await rig.until(rig.store.settled())
    expect(rig.store.isEmpty).toBe(true)
  })

  it('drops what was born above an LSN at once, and its space soon', async () => {
    const rig = await opened()
    await rig.preserve([dataVersion(1, 10), dataVersion(1, 20), dataVersion(2, 30)], 40)
    await rig.until(rig.store.dropAbove(15))
    expect(await told(rig, 1)).toEqual(['10'])
    expect(await told(rig, 2)).toEqual([])
    // another history has the same LSN
    await rig.preserve([holeVersion(1, 20)], 40)
    expect(await told(rig, 1)).toEqual(['10', '20 hole'])
    await rig.until(rig.store.settled())
    expect(rig.store.usage().dataBytes).toBe(BLOCK_BYTES)
    await rig.close()
    await rig.open()
    expect(await told(rig, 1)).toEqual(['10', '20 hole'])
  })

  it('attributes bytes to the snapshots that see them', async () => {
    const rig = await opened()
    const versions = [10, 20, 30].flatMap((lsn) => [1, 2, 3].map((block) => dataVersion(block, lsn)))
    await rig.preserve([...versions, holeVersion(9, 10)], 50)
    rig.checkpointLsn = 50
    const usage = await rig.until(rig.store.usageBySnapshot([12, 25, 14, 5], noHead))
    const of = (count: number): number => count * BLOCK_BYTES
    expect(usage).toEqual({
      snapshots: [
        { lsn: 12, heldBytes: 0, exclusiveBytes: 0 },
        { lsn: 25, heldBytes: of(3), exclusiveBytes: of(3) },
        { lsn: 14, heldBytes: of(3), exclusiveBytes: 0 },
        { lsn: 5, heldBytes: 0, exclusiveBytes: 0 },
      ],
      freeingBytes: of(3),
    })
    expect(rig.store.usage().dataBytes).toBe(of(9))
  })

  it('makes a version of kind bad good, and a bad copy', async () => {
    const rig = await opened()
    await rig.preserve([badVersion(1, 3), badVersion(2, 3), dataVersion(3, 3)], 10)
    const [bad] = await rig.until(rig.store.of(1))
    await rig.until(rig.store.repair(bad!, contentOf(1, 3)))
    const [hole] = await rig.until(rig.store.of(2))
    await rig.until(rig.store.repair(hole!, undefined))
    const [data] = await rig.until(rig.store.of(3))
    rig.storage.flipBit(rig.storage.lookup(`${VERSIONS}/000000`)!, 5, 1)
    expect(await told(rig, 3)).toEqual(['3 unreadable'])
    await rig.until(rig.store.repair(data!, contentOf(3, 3)))
    await rig.close()
    await rig.open()
    expect([await told(rig, 1), await told(rig, 2), await told(rig, 3)]).toEqual([['3'], ['3 hole'], ['3']])
    const bads: string[] = []
    const scrub = await rig.until(
      rig.store.scrub({
        onBad: async (version) => {
          bads.push(await tellOne(rig.store, version))
        },
        pace: () => Promise.resolve(),
        goesOn: () => true,
      }),
    )
    expect(bads).toEqual([])
    expect(scrub).toMatchObject({ repairedPages: 0, lostPages: 0 })
  })

  it('is refused when a file of an older release is in its place, or it is another volume’s', async () => {
    const rig = new VersionRig()
    const file = await rig.until(rig.process.disk.open(VERSIONS, { create: 'new' }))
    await rig.until(file.write([new Uint8Array(4096)], 0))
    await rig.until(file.close())
    const code = async (): Promise<string> => {
      try {
        await rig.open()
        return 'opened'
      } catch (error) {
        return isBlockError(error) ? error.code : String(error)
      }
    }
    expect(await code()).toBe('UNKNOWN_FORMAT')
    await rig.until(rig.process.disk.remove(VERSIONS))
    expect(await code()).toBe('NOT_FOUND')
    await rig.create()
    expect(await code()).toBe('opened')
    await rig.close()
    rig.generationMin = 2
    expect(await code()).toBe('CORRUPT')
    rig.generationMin = 0
    UUID[0]! ^= 1
    expect(await code()).toBe('CORRUPT')
    UUID[0]! ^= 1
  })
})
