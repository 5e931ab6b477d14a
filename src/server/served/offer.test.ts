import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { Offer, type OfferDriver } from './offer.ts'

const volumeOf = (name = 'vol1'): FrontendVolume =>
  new FrontendVolume({
    device: new MemoryDevice({ sizeBytes: 1 << 20, name }),
    access: OPEN_ACCESS,
    after: 'failover',
    ...realPorts(),
  })

/** Notes what it is told; ends and activations take until the test lets them. */
class Driver implements OfferDriver {
  readonly told: string[] = []
  end_ = Promise.resolve()
  activation = Promise.resolve()

  serve(_volume: FrontendVolume, slot: number | null): void {
    this.told.push(`serve ${slot}`)
  }
  standBy(slot: number): void {
    this.told.push(`standBy ${slot}`)
  }
  activate(): Promise<void> {
    this.told.push('activate')
    return this.activation
  }
  end(): Promise<void> {
    this.told.push('end')
    return this.end_
  }
}

describe('Offer', () => {
  let driver: Driver
  let offer: Offer
  const volume = volumeOf()

  beforeEach(() => {
    driver = new Driver()
    offer = new Offer(driver)
  })

  it('serves at once as the only path when nobody says otherwise, and ends with the opening', async () => {
    const attached = offer.attach(volume)
    expect(driver.told).toEqual(['serve null'])
    await attached
    await offer.detach()
    expect(driver.told).toEqual(['serve null', 'end'])
    expect(offer.role).toBeUndefined()
  })

  it('stands by while another serves, and keeps its connections when it becomes the one', async () => {
    await offer.setSlot(2)
    await offer.attach(volume)
    await offer.detach()
    expect(driver.told).toEqual(['standBy 2', 'activate', 'end', 'standBy 2'])
  })

  it('resets everything before anything else when the role is lost, and stands by only after that', async () => {
    await offer.setSlot(0)
    await offer.attach(volume)
    const end = Promise.withResolvers<void>()
    driver.end_ = end.promise
    driver.told.length = 0
    const detached = offer.detach()
    expect(driver.told).toEqual(['end'])
    // what is heard meanwhile waits too
    const moved = offer.setSlot(1)
    await Promise.resolve()
    expect(driver.told).toEqual(['end'])
    end.resolve()
    await Promise.all([detached, moved])
    expect(driver.told).toEqual(['end', 'standBy 1'])
  })

  it('does not wait for an activation when the role is lost meanwhile', async () => {
    await offer.setSlot(0)
    const activation = Promise.withResolvers<void>()
    driver.activation = activation.promise
    const attached = offer.attach(volume)
    const detached = offer.detach()
    expect(driver.told).toEqual(['standBy 0', 'activate', 'end'])
    await detached
    activation.resolve()
    await attached
    expect(driver.told).toEqual(['standBy 0', 'activate', 'end', 'standBy 0'])
  })

  it('does not touch a standby path that loses a role it never had', async () => {
    await offer.setSlot(3)
    await offer.detach()
    await offer.detach()
    expect(driver.told).toEqual(['standBy 3'])
  })

  it('ends what hosts use when its port becomes another one, and keeps it when nothing is known any more', async () => {
    await offer.attach(volume)
    await offer.setSlot(4)
    expect(driver.told).toEqual(['serve null', 'end', 'serve 4'])
    await offer.setSlot(undefined)
    expect(driver.told).toHaveLength(3)
    await offer.setSlot(null)
    expect(driver.told.slice(3)).toEqual(['end', 'serve null'])
  })

  it('ends a standby path that is there no more', async () => {
    await offer.setSlot(4)
    await offer.setSlot(undefined)
    await offer.setSlot(5)
    await offer.setSlot(null)
    expect(driver.told).toEqual(['standBy 4', 'end', 'standBy 5', 'end'])
  })

  it('serves a new opening in place of the one before only over the end of its connections', async () => {
    await offer.attach(volume)
    await offer.attach(volumeOf())
    expect(driver.told).toEqual(['serve null', 'end', 'serve null'])
  })

  it('waits for an end that is under way, whoever asked for it', async () => {
    await offer.attach(volume)
    const end = Promise.withResolvers<void>()
    driver.end_ = end.promise
    const moved = offer.setSlot(1)
    let isDetached = false
    const detached = offer.detach().then(() => {
      isDetached = true
    })
    await new Promise(setImmediate)
    expect(isDetached).toBe(false)
    end.resolve()
    await Promise.all([moved, detached])
    expect(driver.told).toEqual(['serve null', 'end', 'standBy 1'])
  })

  it('offers nothing after it was closed', async () => {
    await offer.setSlot(1)
    await offer.close()
    await offer.setSlot(2)
    expect(driver.told).toEqual(['standBy 1', 'end'])
  })
})

/** Nothing is offered twice, nothing before the end of what was there, and at rest what was said last. */
class StrictDriver implements OfferDriver {
  offered: string | undefined
  isEnding = false
  pending: (() => void)[] = []
  readonly problems: string[] = []

  #begin(what: string): void {
    if (this.isEnding || this.offered !== undefined) this.problems.push(`${what} over ${this.offered}`)
    this.offered = what
  }
  serve(volume: FrontendVolume, slot: number | null): void {
    this.#begin(`serve ${volume.name} ${slot}`)
  }
  standBy(slot: number): void {
    this.#begin(`standBy ${slot}`)
  }
  async activate(volume: FrontendVolume): Promise<void> {
    if (this.isEnding || this.offered?.startsWith('standBy') !== true)
      this.problems.push(`activate over ${this.offered}`)
    this.offered = this.offered?.replace('standBy', `serve ${volume.name}`)
    await new Promise<void>((resolve) => this.pending.push(resolve))
  }
  async end(): Promise<void> {
    if (this.isEnding) this.problems.push('an end over another')
    this.offered = undefined
    this.isEnding = true
    await new Promise<void>((resolve) => this.pending.push(resolve))
    this.isEnding = false
  }
}

type Act = 'attach' | 'detach' | 'close' | 'turn' | 'let go' | 0 | 1 | null | undefined

describe('Offer, whatever comes when', () => {
  it('is at rest what was said last', async () => {
    const act = fc.constantFrom<Act>(
      ...(['attach', 'detach', 'turn', 'turn', 'let go', 'let go', 0, 1, null, undefined] as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), fc.boolean(), async (acts, isClosed) => {
        const driver = new StrictDriver()
        const offer = new Offer(driver)
        let volume: FrontendVolume | undefined
        let openings = 0
        let slot: number | null | undefined
        const done: Promise<unknown>[] = []
        for (const one of isClosed ? [...acts, 'close' as const] : acts) {
          if (one === 'turn') await new Promise((resolve) => setImmediate(resolve))
          else if (one === 'let go') driver.pending.shift()?.()
          else if (one === 'attach') {
            // an opening is over before the next one begins
            if (volume !== undefined) continue
            volume = volumeOf(`opening ${++openings}`)
            done.push(offer.attach(volume))
          } else if (one === 'detach') {
            volume = undefined
            done.push(offer.detach())
            expect(driver.offered?.startsWith('serve')).not.toBe(true)
          } else if (one === 'close') done.push(offer.close())
          else {
            slot = one
            done.push(offer.setSlot(one))
          }
        }
        let isDone = false
        void Promise.all(done).then(() => {
          isDone = true
        })
        for (let turn = 0; turn < 100 && !isDone; turn++) {
          driver.pending.shift()?.()
          await new Promise((resolve) => setImmediate(resolve))
        }
        expect([isDone, driver.problems]).toEqual([true, []])
        expect(driver.isEnding).toBe(false)
        if (isClosed) expect(driver.offered).toBeUndefined()
        else if (volume === undefined)
          expect(driver.offered).toBe(typeof slot === 'number' ? `standBy ${slot}` : undefined)
        else if (slot !== undefined) expect(driver.offered).toBe(`serve ${volume.name} ${slot}`)
        else expect(driver.offered).toContain(`serve ${volume.name}`)
      }),
      { numRuns: 300 },
    )
  })
})
