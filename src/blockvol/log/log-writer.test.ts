import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate, injected } from '../../../test/blockvol/hooked-disk.ts'
import { LogRig } from '../../../test/blockvol/log-rig.ts'
import { useScratch } from '../../../test/blockvol/scratch.ts'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { BlockError } from '../../base/errors.ts'
import { alignDown, KIB } from '../../base/units.ts'
import { codeOf } from '../../io/test-support.ts'
import { ENTRY_KIND, GROUP_ENTRIES_MAX, GROUP_FLAG_PAD } from '../format/log-group.ts'
import { LogRoom } from './log-room.ts'

const RING_BYTES = 256 * KIB

describe('the log writer', () => {
  const scratch = useScratch()
  let scheduler: Scheduler
  let rig: LogRig
  beforeEach(async () => {
    scheduler = new Scheduler(1)
    rig = await LogRig.open(scratch.next(), {
      ringBytes: RING_BYTES,
      clock: new SimClock(scheduler, new Life()),
    })
  })
  afterEach(() => rig.close())

  /** Appends single blocks until one has to wait for room: that one. */
  async function fill(): Promise<{ waiting: Promise<number> }> {
    for (;;) {
      const { stalls } = rig.writer
      const waiting = rig.appendData(1, 1, 1)
      if (rig.writer.stalls > stalls) return { waiting }
      await waiting
    }
  }

  it('gives LSNs without holes, in the order of arrival', async () => {
    const lsns = await Promise.all(Array.from({ length: 30 }, (_, i) => rig.append({ block: i })))
    expect(lsns).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    expect(rig.appended.map(({ lsn, block }) => [lsn, block])).toEqual(lsns.map((lsn, i) => [lsn, i]))
  })

  it('puts all that arrives while a group is on its way into the next one', async () => {
    const gate = new Gate()
    rig.hook = () => gate.pass()
    const first = rig.append()
    await gate.reached
    const others = Array.from({ length: 20 }, (_, i) => rig.appendData(i, 1, i))
    gate.open()
    await Promise.all([first, ...others])
    expect(rig.groups.map(({ entryCount }) => entryCount)).toEqual([1, 16, 4])
    expect(rig.writer.appends).toBe(3)
  })

  it('takes no more entries into a group than its table holds', async () => {
    const gate = new Gate()
    rig.hook = () => gate.pass()
    const all = Array.from({ length: GROUP_ENTRIES_MAX + 10 }, () => rig.append())
    gate.open()
    await Promise.all(all)
    expect(Math.max(...rig.groups.map(({ entryCount }) => entryCount))).toBeLessThanOrEqual(GROUP_ENTRIES_MAX)
    expect(rig.writer.appendedLsn).toBe(GROUP_ENTRIES_MAX + 10)
  })

  it('gives a snapshot and a restore groups of their own, between those that came before and after', async () => {
    const gate = new Gate()
    rig.hook = () => gate.pass()
    const { snapshotCreate, restore, snapshotDelete } = ENTRY_KIND
    const kinds = [
      undefined,
      undefined,
      undefined,
      snapshotCreate,
      undefined,
      snapshotDelete,
      restore,
      restore,
    ]
    const all = kinds.map((kind) => {
      const data = kind === undefined ? undefined : new Uint8Array(4096)
      return rig.append({ ...(kind !== undefined && { kind }), ...(data && { data }) })
    })
    gate.open()
    await Promise.all(all)
    expect(rig.groups.map(({ entryCount }) => entryCount)).toEqual([1, 2, 1, 2, 1, 1])
  })

  it('raises the durable LSN by fdatasync only, and not for what came after it began', async () => {
    await rig.append()
    expect(rig.writer.durableLsn).toBe(0)
    const gate = new Gate()
    rig.hook = (what) => (what === 'datasync' ? gate.pass() : undefined)
    const synced = rig.writer.sync()
    await gate.reached
    await rig.append()
    expect(rig.writer.durableLsn).toBe(0)
    gate.open()
    await synced
    expect(rig.writer.durableLsn).toBe(1)
    await rig.writer.sync(1)
    expect(rig.syncs).toBe(1)
  })

  it('serves everyone who waits with one fdatasync, and later ones with the next', async () => {
    await rig.append()
    const gate = new Gate()
    rig.hook = (what) => (what === 'datasync' ? gate.pass() : undefined)
    const first = rig.writer.sync()
    await gate.reached
    await rig.append()
    const later = Array.from({ length: 10 }, () => rig.writer.sync())
    gate.open()
    await Promise.all([first, ...later])
    expect(rig.syncs).toBe(2)
    expect(rig.writer.durableLsn).toBe(2)
  })

  it('writes in each header what was durable when the group was composed', async () => {
    await rig.append()
    await rig.append()
    await rig.writer.sync()
    await rig.append()
    expect(rig.groups.map(({ durableLsn }) => durableLsn)).toEqual([0, 0, 2])
  })

  it('starts a group that follows an fdatasync on a fresh page', async () => {
    await rig.append()
    await rig.append()
    await rig.writer.sync()
    await rig.append()
    expect(rig.groups.map(({ position }) => position)).toEqual([0, 512, 4096])
  })

  it('refuses an entry where it would get its LSN, and leaves no hole', async () => {
    const refused = new BlockError('RESERVATION_CONFLICT', 'held by another')
    const gate = new Gate()
    rig.hook = () => gate.pass()
    const first = rig.append()
    const conflict = rig.append({
      admit: () => {
        throw refused
      },
    })
    const third = rig.append()
    gate.open()
    await expect(conflict).rejects.toBe(refused)
    expect([await first, await third]).toEqual([1, 2])
    await expect(
      rig.append({
        admit: () => {
          throw refused
        },
      }),
    ).rejects.toBe(refused)
    expect(await rig.append()).toBe(3)
  })

  it('pads the end of the ring and goes on at its start', async () => {
    while (rig.groups.every(({ flags }) => flags !== GROUP_FLAG_PAD)) {
      await rig.appendData(7, 5, 3)
      rig.checkpoint()
    }
    const pad = rig.groups.find(({ flags }) => flags === GROUP_FLAG_PAD)!
    expect((pad.position + pad.lengthBytes) % RING_BYTES).toBe(0)
    expect(rig.groups.at(-1)?.position).toBe(RING_BYTES)
  })

  it('lets content fill the ring up to the hard watermark, trims further, bookkeeping to the end', async () => {
    const ringBytes = 2048 * KIB
    rig = await LogRig.open(scratch.next(), { ringBytes, clock: new SimClock(scheduler, new Life()) })
    const { waiting } = await fill()
    const refused = codeOf(waiting)
    expect(rig.writer.usedBytes).toBeGreaterThan(ringBytes * 0.95 - 3 * 4096)
    expect(rig.writer.usedBytes).toBeLessThanOrEqual(ringBytes * 0.95)
    await scheduler.pass(5_001)
    expect(await refused).toBe('BUSY')
    // a trim goes on a page of its own after each sync, up to what is kept for bookkeeping
    let trimmed = 'no error'
    while (trimmed === 'no error') {
      const { stalls } = rig.writer
      const trim = codeOf(rig.append({ reach: 'trim' }))
      if (rig.writer.stalls > stalls) await scheduler.pass(5_001)
      trimmed = await trim
      await rig.writer.sync()
    }
    expect(trimmed).toBe('BUSY')
    const { reserveBytes } = new LogRoom(ringBytes, 0.95)
    expect(rig.writer.usedBytes).toBeGreaterThan(ringBytes - reserveBytes - 4096)
    expect(rig.writer.usedBytes).toBeLessThanOrEqual(ringBytes - reserveBytes)
    const epochStart = {
      kind: ENTRY_KIND.epochStart,
      blocks: 0,
      data: new Uint8Array(4096),
      reach: 'bookkeeping',
    } as const
    for (let opening = 0; opening < reserveBytes / 8192; opening++) await rig.append(epochStart)
    expect(rig.writer.usedBytes).toBeLessThanOrEqual(ringBytes)
  })

  it('asks for room, waits, and goes on when the tail moves', async () => {
    const { waiting } = await fill()
    expect(rig.fullCount).toBeGreaterThan(0)
    await scheduler.pass(4_990)
    rig.checkpoint()
    expect(await waiting).toBe(rig.writer.appendedLsn)
    await scheduler.pass(5_001)
    expect(await rig.appendData(1, 1, 1)).toBe(rig.writer.appendedLsn)
  })

  it('knows how long entries wait for a checkpoint, and how long each fdatasync takes', async () => {
    rig = await LogRig.open(scratch.next(), {
      ringBytes: RING_BYTES,
      clock: new SimClock(scheduler, new Life()),
    })
    expect(rig.writer.unflushedMs).toBe(0)
    await rig.append()
    await scheduler.pass(500)
    expect(rig.writer.unflushedMs).toBe(500)
    rig.checkpoint()
    await scheduler.pass(500)
    expect(rig.writer.unflushedMs).toBe(0)
    await rig.append()
    await rig.writer.sync()
    expect(rig.syncTookUs).toHaveLength(1)
  })

  it('answers BUSY after a bounded wait, having appended nothing of what waited', async () => {
    const { waiting } = await fill()
    const outcomes = [waiting, rig.append(), rig.appendData(2, 1, 2)].map(codeOf)
    const { appendedLsn } = rig.writer
    await scheduler.pass(5_001)
    expect(await Promise.all(outcomes)).toEqual(['BUSY', 'BUSY', 'BUSY'])
    expect(rig.writer.refusals).toBe(3)
    expect(rig.writer.appendedLsn).toBe(appendedLsn)
    expect(rig.writer.queuedBytes).toBe(0)
    rig.checkpoint()
    expect(await rig.append()).toBe(appendedLsn + 1)
  })

  it.each(['write', 'datasync'] as const)('appends nothing after a failed %s', async (failing) => {
    await rig.append()
    rig.hook = (what) => {
      if (what === failing) throw injected(what)
    }
    const outcomes = [codeOf(rig.append()), codeOf(rig.appendData(3, 2, 1))]
    if (failing === 'datasync') outcomes.push(codeOf(rig.writer.sync(1)))
    const codes = await Promise.all(outcomes)
    expect(codes.at(-1)).toBe('DISK')
    expect(rig.failures).toHaveLength(1)
    const groups = rig.groups.length
    rig.hook = () => undefined
    expect(await codeOf(rig.append())).toBe('DISK')
    expect(await codeOf(rig.writer.sync())).toBe('DISK')
    expect(rig.groups).toHaveLength(groups)
    expect(rig.writer.durableLsn).toBe(0)
  })

  it.each(['write', 'datasync'] as const)(
    'gives a %s up that does not end, and ignores its end',
    async (hanging) => {
      const gate = new Gate()
      await rig.append()
      rig.hook = (what) => (what === hanging ? gate.pass() : undefined)
      const outcome = codeOf(hanging === 'write' ? rig.append() : rig.writer.sync())
      await gate.reached
      const queued = hanging === 'write' ? codeOf(rig.append()) : 'DISK'
      await scheduler.pass(29_999)
      expect(rig.failures).toHaveLength(0)
      await scheduler.pass(2)
      expect(rig.failures).toHaveLength(1)
      expect(await queued).toBe('DISK')
      expect(await codeOf(rig.append())).toBe('DISK')
      // the buffers of a write are lent until the disk is done with them, so that one is answered last
      if (hanging === 'datasync') expect(await outcome).toBe('DISK')
      gate.open()
      await rig.writer.quiesced()
      expect(await outcome).toBe('DISK')
      expect([rig.writer.appendedLsn, rig.writer.durableLsn]).toEqual([1, 0])
    },
  )

  it('tells when all that was submitted has settled, and what of it is still on its way', async () => {
    const gate = new Gate()
    rig.hook = () => gate.pass()
    const first = rig.appendData(10, 2, 1)
    const queued = rig.appendData(20, 2, 1)
    expect(rig.writer.queuedBytes).toBe(4 * 4096)
    expect(rig.writer.isQuiet).toBe(false)
    for (const [block, overlaps] of [
      [9, false],
      [10, true],
      [11, true],
      [12, false],
      [21, true],
    ] as const) {
      expect(rig.writer.overlapsPending(block, 1), `block ${block}`).toBe(overlaps)
    }
    let settled = false
    const all = rig.writer.settledSoFar().then(() => {
      settled = true
    })
    await gate.reached
    expect(settled).toBe(false)
    gate.open()
    await Promise.all([first, queued, all])
    expect(rig.writer.overlapsPending(10, 100)).toBe(false)
    expect(rig.writer.queuedBytes).toBe(0)
    expect(rig.writer.isQuiet).toBe(true)
  })

  it('never shares a page between what an fdatasync covers and a group composed after it began', async () => {
    let covered = 0
    const gates: Gate[] = []
    rig.hook = (what) => {
      if (what === 'datasync') {
        covered = rig.writer.boundary.position
        return undefined
      }
      const gate = new Gate()
      gates.push(gate)
      return gate.pass()
    }
    /** Lets the group that is on its way through. */
    const letOne = async (): Promise<void> => {
      const gate = gates.shift()!
      await gate.reached
      gate.open()
    }
    const first = rig.append()
    await letOne()
    await first
    // one group is on its way when the sync begins; the next is composed after that
    const inFlight = rig.append()
    const synced = rig.writer.sync(1)
    const after = rig.append()
    await letOne()
    await inFlight
    await letOne()
    await Promise.all([after, synced])
    const last = rig.groups.at(-1)!
    expect(last.firstLsn).toBe(3)
    expect(covered).toBe(512)
    expect(alignDown(last.position, 4096)).toBeGreaterThanOrEqual(covered)
  })
})
