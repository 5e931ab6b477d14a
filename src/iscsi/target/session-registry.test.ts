import { describe, expect, it } from 'vitest'
import type { SessionClaim } from '../login/directory.ts'
import { SessionRegistry } from './session-registry.ts'

const claim = (fields: Partial<SessionClaim> = {}): SessionClaim => ({
  sessionType: 'normal',
  initiatorName: 'iqn.i',
  isid: 1,
  cid: 0,
  targetName: 'iqn.t',
  portalGroupTag: 1,
  user: undefined,
  ...fields,
})

/** Admits and takes the place; what happened to the predecessor. */
async function enter(registry: SessionRegistry, fields: Partial<SessionClaim>, replaced: number[]) {
  const wanted = claim(fields)
  const verdict = registry.admit(wanted)
  if (verdict.kind === 'full') return 'full'
  const { tsih } = verdict
  await registry.take(
    { ...wanted, tsih },
    {
      replace: async () => {
        replaced.push(tsih)
        registry.remove(tsih)
      },
    },
  )
  return tsih
}

describe('the session registry', () => {
  it('replaces the session of the same initiator port at the same target, and no other', async () => {
    const registry = new SessionRegistry({ sessionsMax: 10, sessionsPerTargetMax: 10 })
    const replaced: number[] = []
    expect(await enter(registry, {}, replaced)).toBe(1)
    expect(await enter(registry, { isid: 2 }, replaced)).toBe(2)
    expect(await enter(registry, { targetName: 'iqn.u' }, replaced)).toBe(3)
    expect(await enter(registry, { initiatorName: 'iqn.j' }, replaced)).toBe(4)
    expect(replaced).toEqual([])
    expect(await enter(registry, {}, replaced)).toBe(5)
    expect([replaced, registry.size]).toEqual([[1], 4])
    expect([registry.has('iqn.i', 1), registry.has('iqn.i', 5), registry.has('iqn.j', 5)]).toEqual([
      false,
      true,
      false,
    ])
  })

  it('lets one ISID have a session with each portal group, and replaces only within a group', async () => {
    const registry = new SessionRegistry({ sessionsMax: 10, sessionsPerTargetMax: 10 })
    const replaced: number[] = []
    expect(await enter(registry, { portalGroupTag: 1 }, replaced)).toBe(1)
    expect(await enter(registry, { portalGroupTag: 2 }, replaced)).toBe(2)
    expect(replaced).toEqual([])
    expect(await enter(registry, { portalGroupTag: 2 }, replaced)).toBe(3)
    expect(replaced).toEqual([2])
  })

  it('lets discovery sessions stand beside each other', async () => {
    const registry = new SessionRegistry({ sessionsMax: 10, sessionsPerTargetMax: 1 })
    const replaced: number[] = []
    for (let i = 1; i <= 5; i++) {
      expect(await enter(registry, { sessionType: 'discovery', targetName: undefined }, replaced)).toBe(i)
    }
    expect(replaced).toEqual([])
  })

  it('is bounded in all and for each target; a reinstatement needs no place of its own', async () => {
    const registry = new SessionRegistry({ sessionsMax: 3, sessionsPerTargetMax: 2 })
    const replaced: number[] = []
    await enter(registry, { isid: 1 }, replaced)
    await enter(registry, { isid: 2 }, replaced)
    expect(await enter(registry, { isid: 3 }, replaced)).toBe('full')
    expect(await enter(registry, { isid: 2 }, replaced)).toBe(3)
    expect(await enter(registry, { isid: 3, targetName: 'iqn.u' }, replaced)).toBe(4)
    expect(await enter(registry, { isid: 4, targetName: 'iqn.v' }, replaced)).toBe('full')
    registry.remove(4)
    expect(await enter(registry, { isid: 4, targetName: 'iqn.v' }, replaced)).toBe(5)
  })

  it('gives each session a handle of its own, never 0', async () => {
    const registry = new SessionRegistry({ sessionsMax: 70_000, sessionsPerTargetMax: 70_000 })
    for (let i = 0; i < 65_535; i++) registry.admit(claim({ targetName: undefined }))
    registry.remove(777)
    expect(registry.admit(claim({ targetName: undefined }))).toEqual({ kind: 'admitted', tsih: 777 })
  })
})
