import { describe, expect, it } from 'vitest'
import { emptyStorage, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import { MemoryImage } from '../../../test/support/memory-image.ts'
import { silentLogger } from '../../base/log.ts'
import { MIB } from '../../base/units.ts'
import { ImageTickets } from './image-tickets.ts'

const VOLUME = '11111111-2222-4333-8444-555555555555'

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
      const ticket = tickets.issue(VOLUME, image)
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
    for (const image of images) tickets.issue(VOLUME, image)
    expect(() => tickets.issue(VOLUME, last)).toThrow(expect.objectContaining({ code: 'BUSY' }))
    await tickets.close()
    expect(images.every(({ isClosed }) => isClosed)).toBe(true)
    expect(last.isClosed).toBe(false)
  })
})
