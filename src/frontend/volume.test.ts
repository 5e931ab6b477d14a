import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/e2e/iscsi/manual-clock.ts'
import { MemoryDevice } from '../../test/e2e/iscsi/memory-device.ts'
import { silentLogger } from '../base/log.ts'
import { mayConnect, OPEN_ACCESS } from './access.ts'
import { FrontendVolume, type VolumeEvent } from './volume.ts'

function start(): { device: MemoryDevice; volume: FrontendVolume; events: VolumeEvent[] } {
  const device = new MemoryDevice({ sizeBytes: 1 << 20, name: 'vol' })
  const volume = new FrontendVolume({
    device,
    access: OPEN_ACCESS,
    after: 'power-loss',
    clock: new ManualClock(),
    logger: silentLogger,
  })
  const events: VolumeEvent[] = []
  volume.subscribe((event) => events.push(event))
  return { device, volume, events }
}

describe('a volume of the front ends', () => {
  it('tells once that its opening was lost', () => {
    const { device, volume, events } = start()
    device.grow(2 << 20)
    expect([volume.lost, events]).toEqual([false, []])
    device.lose('failover')
    device.lose('again')
    expect([volume.lost, events]).toEqual([true, [{ kind: 'lost', reason: 'failover' }]])
  })

  it('tells of new rules', () => {
    const { volume, events } = start()
    const access = { ...OPEN_ACCESS, initiators: ['iqn.a'] }
    volume.setAccess(access)
    expect([volume.access, events]).toEqual([access, [{ kind: 'access', access }]])
    expect(volume.name).toBe('vol')
  })

  it('tells nothing after it was closed', () => {
    const { device, volume, events } = start()
    volume.close()
    device.lose('failover')
    expect(events).toEqual([])
  })
})

it('names compare without regard to case, and an empty list lets nobody in', () => {
  const rules = { initiators: ['iqn.2026-11.org.example:A'] }
  expect(mayConnect(rules, 'IQN.2026-11.org.example:a')).toBe(true)
  expect(mayConnect(rules, 'iqn.2026-11.org.example:ab')).toBe(false)
  expect(mayConnect({ initiators: [] }, 'iqn.x')).toBe(false)
  expect(mayConnect(OPEN_ACCESS, 'iqn.x')).toBe(true)
})
