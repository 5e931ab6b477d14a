import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryDevice } from '../../../test/e2e/iscsi/memory-device.ts'
import { realPorts } from '../../../test/e2e/target/support/volume.ts'
import { OPEN_ACCESS } from '../../frontend/access.ts'
import { FrontendVolume } from '../../frontend/volume.ts'
import { Offer, type OfferDriver } from './offer.ts'

const volumeOf = (): FrontendVolume =>
  new FrontendVolume({
    device: new MemoryDevice({ sizeBytes: 1 << 20 }),
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
