import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KnownEntry, LOG_TAG, LogRig } from '../../../test/blockvol/log-rig.ts'
import { useScratch } from '../../../test/blockvol/scratch.ts'
import { idleClock } from '../../../test/sim/clock.ts'
import { SeededRandom } from '../../../test/sim/random.ts'
import { crc32c } from '../../base/crc32c.ts'
import { KIB } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'
import { ENTRY_KIND, GROUP_FLAG_PAD, GROUP_HEADER_BYTES, type GroupHeader } from '../format/log-group.ts'

const scratch = useScratch()

const lsnsOf = (entries: readonly { readonly lsn: number }[]): number[] => entries.map(({ lsn }) => lsn)

function expectSame(found: readonly KnownEntry[], meant: readonly KnownEntry[]): void {
  expect(lsnsOf(found)).toEqual(lsnsOf(meant))
  found.forEach(({ data, ...entry }, i) => {
    const { data: meantData, ...meantEntry } = meant[i]!
    expect(entry).toEqual(meantEntry)
    expect(Buffer.compare(data, meantData), `data of LSN ${entry.lsn}`).toBe(0)
  })
}

type Step =
  | { readonly do: 'append'; readonly entries: readonly number[] }
  | { readonly do: 'sync' | 'checkpoint' | 'reopen' | 'scan' }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        // data blocks of the entries that arrive together
        entries: fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('sync' as const, 'checkpoint' as const, 'reopen' as const, 'scan' as const),
      }),
    },
  ),
  { minLength: 20, maxLength: 120, size: 'max' },
)

/** Plays `list` on a fresh log whose space is given back when it runs full; compares every scan with the log's history. */
async function play(ringBytes: number, list: readonly Step[]): Promise<void> {
  const rig = await LogRig.open(scratch.next(), { ringBytes, clock: idleClock() })
  rig.makesRoom = true
  let tag = 0
  const append = (blocks: number): Promise<number> => {
    tag++
    if (blocks === 0) return rig.append({ kind: ENTRY_KIND.trim, block: tag, blocks: tag * 3 })
    return rig.appendData(2 ** 33 + tag, blocks, tag)
  }
  try {
    for (const step of list) {
      if (step.do === 'append') {
        await Promise.all(step.entries.map(append))
        continue
      }
      if (step.do === 'sync') await rig.writer.sync()
      if (step.do === 'checkpoint') rig.checkpoint()
      if (step.do === 'reopen') await rig.reopen()
      const { entries, result } = await rig.scan()
      expectSame(entries, rig.appended)
      expect(result.lastLsn).toBe(rig.writer.appendedLsn)
      expect(result.beyond).toEqual([])
    }
  } finally {
    await rig.close()
  }
}

describe('what was appended', () => {
  it.each([64, 96, 256])('is read back from a ring of %i KiB, through syncs and openings', async (kib) => {
    const property = fc.asyncProperty(steps, (list) => play(kib * KIB, list))
    await fc.assert(property, { numRuns: 20 })
  })

  it('goes round a small ring many times, with pads, and is always all there', async () => {
    const ringBytes = 128 * KIB
    const random = new SeededRandom(7)
    const rig = await LogRig.open(scratch.next(), { ringBytes, clock: idleClock() })
    while ((rig.groups.at(-1)?.position ?? 0) < 12 * ringBytes) {
      const blocks = 1 + random.integer(rig.writer.entryBlocksMax)
      await rig.appendData(random.integer(2 ** 32), blocks, random.integer(256))
      if (random.chance(0.2)) await rig.writer.sync()
      if (rig.writer.usedBytes > ringBytes / 2) {
        const { entries, result } = await rig.scan()
        expectSame(entries, rig.appended)
        expect(result.beyond).toEqual([])
        rig.checkpoint()
      }
    }
    expect(rig.groups.filter(({ flags }) => flags === GROUP_FLAG_PAD).length).toBeGreaterThan(5)
    await rig.close()
  })
})

describe('a damaged log', () => {
  const RING_BYTES = 256 * KIB
  let rig: LogRig
  let groups: GroupHeader[]
  let meant: KnownEntry[]

  /** A live log that wraps: single entries, groups of several, syncs between them. */
  beforeEach(async () => {
    rig = await LogRig.open(scratch.next(), { ringBytes: RING_BYTES, clock: idleClock() })
    while (rig.writer.boundary.position < RING_BYTES - 70 * KIB) await rig.appendData(1, 3, 200)
    rig.checkpoint()
    const live = rig.groups.length
    for (let i = 0; i < 14; i++) {
      await Promise.all([
        rig.append({ block: i }),
        rig.appendData(i * 10, 1 + (i % 4), i),
        rig.append({ block: i + 1 }),
      ])
      if (i % 3 === 0) await rig.writer.sync()
    }
    groups = rig.groups.slice(live)
    meant = rig.appended
    expect(groups.some(({ flags }) => flags === GROUP_FLAG_PAD)).toBe(true)
  })
  afterEach(() => rig.close())

  const place = (position: number): number => position % RING_BYTES
  /** Bytes of a group that a reader verifies: of a pad only its header. */
  const verifiedBytes = (group: GroupHeader): number =>
    group.flags === GROUP_FLAG_PAD ? 512 : group.lengthBytes
  const groupAt = (sector: number): GroupHeader | undefined =>
    groups.find(
      (group) =>
        sector * 512 >= place(group.position) && sector * 512 < place(group.position) + verifiedBytes(group),
    )
  const entriesBefore = (group: GroupHeader | undefined): KnownEntry[] =>
    group === undefined ? meant : meant.filter(({ lsn }) => lsn < group.firstLsn)

  it('gives at each damaged sector what stands before it, and finds every group beyond', async () => {
    for (let sector = 0; sector < RING_BYTES / 512; sector++) {
      const good = await rig.peek(sector * 512, 512)
      await rig.poke(
        good.map((byte) => byte ^ 0xff),
        sector * 512,
      )
      const hit = groupAt(sector)
      const { entries, result } = await rig.scan()
      expectSame(entries, entriesBefore(hit))
      const beyond = groups.filter((group) => hit !== undefined && group.position > hit.position)
      const found = new Set(result.beyond.map(({ position }) => position))
      for (const { position } of beyond) expect(found.has(position), `sector ${sector}`).toBe(true)
      if (hit !== undefined && beyond.length > 0) {
        const known = Math.max(...result.beyond.map(({ durableLsn }) => durableLsn))
        expect(known).toBeGreaterThanOrEqual(Math.max(...beyond.map(({ durableLsn }) => durableLsn)))
        expect(Math.max(...result.beyond.map(({ lastLsn }) => lastLsn))).toBe(rig.writer.appendedLsn)
      }
      await rig.poke(good, sector * 512)
    }
  })

  it('gives at each bit that flips in header, table or data a prefix, never anything else', async () => {
    const random = new SeededRandom(11)
    for (let i = 0; i < 400; i++) {
      const at = random.integer(RING_BYTES)
      const good = await rig.peek(at, 1)
      await rig.poke(Uint8Array.of(good[0]! ^ (1 << random.integer(8))), at)
      const { entries } = await rig.scan()
      expectSame(entries, meant.slice(0, entries.length))
      const hit = groupAt(Math.floor(at / 512))
      expect(entries.length).toBeGreaterThanOrEqual(entriesBefore(hit).length)
      await rig.poke(good, at)
    }
  })

  it('that ends in the middle gives what stands before its end, and knows of nothing beyond', async () => {
    const last = groups.at(-1)!
    const wiped = new Uint8Array(512)
    for (let sector = place(last.position + last.lengthBytes) / 512 - 1; ; sector--) {
      const hit = groupAt(sector)
      if (sector < 0 || hit === undefined) break
      await rig.poke(wiped, sector * 512)
      const { entries, result } = await rig.scan()
      expectSame(entries, entriesBefore(hit))
      expect(result.beyond.filter(({ position }) => position > hit.position)).toEqual([])
    }
  })

  it('is not continued by a group of another volume, of an earlier lap, or of an epoch that is over', async () => {
    const second = groups[1]!
    const bytes = await rig.peek(place(second.position), second.lengthBytes)
    const resealed = (change: (view: DataView) => void): Uint8Array => {
      const copy = Uint8Array.from(bytes)
      const view = new DataView(copy.buffer)
      change(view)
      const table = copy.subarray(GROUP_HEADER_BYTES, view.getUint32(8, true))
      view.setUint32(72, crc32c(table, crc32c(copy.subarray(0, 72))), true)
      return copy
    }
    const changes: Record<string, (view: DataView) => void> = {
      'another tag': (view) => view.setBigUint64(64, LOG_TAG ^ 1n, true),
      'an earlier lap': (view) => view.setUint32(32, second.position - RING_BYTES, true),
      'another LSN': (view) => view.setUint32(24, second.firstLsn + 1, true),
      'an older epoch': (view) => view.setUint32(40, 0, true),
      'the same epoch number with another id': (view) => view.setUint32(48, 99, true),
    }
    for (const [name, change] of Object.entries(changes)) {
      await rig.poke(resealed(change), place(second.position))
      expectSame((await rig.scan()).entries, entriesBefore(second))
      await rig.poke(bytes, place(second.position))
      expect((await rig.scan()).entries.length, name).toBe(meant.length)
    }
  })

  it('of a later release is refused, not cut off', async () => {
    const second = groups[1]!
    const bytes = await rig.peek(place(second.position), second.lengthBytes)
    for (const at of [4, GROUP_HEADER_BYTES]) {
      const copy = Uint8Array.from(bytes)
      const view = new DataView(copy.buffer)
      view.setUint16(at, 999, true)
      const table = copy.subarray(GROUP_HEADER_BYTES, view.getUint32(8, true))
      view.setUint32(72, crc32c(table, crc32c(copy.subarray(0, 72))), true)
      await rig.poke(copy, place(second.position))
      expect(await codeOf(rig.scan())).toBe('UNKNOWN_FORMAT')
    }
  })
})
