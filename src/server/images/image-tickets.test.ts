import { describe, expect, it } from 'vitest'
import { emptyStorage, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { MemoryImage } from '../../../test/support/memory-image.ts'
import { silentLogger } from '../../base/log.ts'
import { MIB } from '../../base/units.ts'
import { ImageTickets } from './image-tickets.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'
const READING = { volume: VOLUME, snapshot: 7n, reader: null }

describe('tickets of images', () => {
  it('end when nobody used them for a minute, and not while a call is under way', async () => {
    const scheduler = new Scheduler(1)
    const { clock, random } = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    const onFatal = (error: unknown): never => {
      throw error
    }
    const tickets = new ImageTickets({ clock, random, logger: silentLogger, onFatal })
    const image = new MemoryImage({ sizeBytes: MIB, blocks: new Map() })
    const work = async (): Promise<void> => {
      const ticket = tickets.issue(READING, image)
      await clock.sleep(50_000)
      await tickets.use(ticket, async () => undefined)
      await clock.sleep(50_000)
      await tickets.use(ticket, () => clock.sleep(200_000))
      expect(image.isClosed).toBe(false)
      await clock.sleep(59_000)
      expect(image.isClosed).toBe(false)
      await clock.sleep(2_000)
      expect(image.isClosed).toBe(true)
      await expect(tickets.use(ticket, async () => 1)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    }
    await scheduler.until(work(), { what: 'the test' })
  })

  it('are bounded in number', async () => {
    const scheduler = new Scheduler(1)
    const { clock, random } = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
    const tickets = new ImageTickets({ clock, random, logger: silentLogger, onFatal: () => undefined })
    const images = Array.from({ length: 129 }, () => new MemoryImage({ sizeBytes: MIB, blocks: new Map() }))
    const last = images.pop()!
    for (const image of images) tickets.issue(READING, image)
    expect(() => tickets.issue(READING, last)).toThrow(expect.objectContaining({ code: 'BUSY' }))
    await tickets.close()
    expect(images.every(({ isClosed }) => isClosed)).toBe(true)
    expect(last.isClosed).toBe(false)
  })

  it('that nobody used end when their snapshot is to go, and those that were used stay', async () => {
    const { tickets, image } = setUp()
    const [read, unread, other] = [image(), image(), image()]
    const ticket = tickets.issue(READING, read)
    const gone = tickets.issue(READING, unread)
    tickets.issue({ ...READING, snapshot: 8n }, other)
    await tickets.use(ticket, async () => undefined)
    await tickets.endUnusedOf(VOLUME, 7n)
    expect([read.isClosed, unread.isClosed, other.isClosed]).toEqual([false, true, false])
    await expect(tickets.use(gone, async () => 1)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await tickets.use(ticket, async () => 1)).toBe(1)
    await tickets.close()
  })

  it('of a task that never used them end when it is given another', async () => {
    const { tickets, image } = setUp()
    const [used, unused, others] = [image(), image(), image()]
    const reader = '22222222-2222-4333-8444-555555555555'
    await tickets.use(tickets.issue({ ...READING, reader }, used), async () => undefined)
    tickets.issue({ ...READING, reader }, unused)
    tickets.issue(READING, others)
    await tickets.endUnused(reader)
    expect([used.isClosed, unused.isClosed, others.isClosed]).toEqual([false, true, false])
    expect(tickets.count).toBe(2)
    await tickets.close()
  })
})

function setUp(): { readonly tickets: ImageTickets; readonly image: () => MemoryImage } {
  const scheduler = new Scheduler(1)
  const { clock, random } = startProcess({ storage: emptyStorage(), scheduler, seed: 1 })
  const tickets = new ImageTickets({ clock, random, logger: silentLogger, onFatal: () => undefined })
  return { tickets, image: () => new MemoryImage({ sizeBytes: MIB, blocks: new Map() }) }
}
