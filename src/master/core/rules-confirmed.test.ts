/** When new access rules hold: who has to have confirmed them, and who cannot do harm by older ones. */
import { describe, expect, it } from 'vitest'
import { Life, SimClock } from '../../../test/sim/clock.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { VolumeRecord } from '../records.ts'
import { keptOf } from './kept-volume.ts'
import type { LiveServer } from './live.ts'
import { type RulesSources, rulesConfirmed, unconfirmed } from './rules-confirmed.ts'
import { testServer, testUuid, testVolume } from './test-support.ts'

const [A, B, C] = [testUuid(0, 1), testUuid(1, 1), testUuid(2, 1)]
const VOLUME = testVolume(0, { accessVersion: 3 })
const OLD = keptOf({ ...VOLUME, accessVersion: 2 }).tag
const NEW = keptOf(VOLUME).tag

interface Heard {
  readonly tag: number
  readonly isConnected: boolean
}

/** What servers said; a test changes it and calls `tell`. */
function world(heard: Record<string, Heard>, serving: string | null = A) {
  const listeners = new Set<(changed: { readonly volume?: string }) => void>()
  const removed = new Set<string>()
  let volume: VolumeRecord | undefined = VOLUME
  const sources: RulesSources = {
    records: {
      server: (id) => (removed.has(id) ? undefined : testServer([A, B, C].indexOf(id), { id })),
      volume: () => volume,
    },
    live: {
      server: (id) =>
        heard[id] === undefined ? undefined : ({ isConnected: heard[id].isConnected } as LiveServer),
      replica: (_, id) =>
        heard[id] === undefined
          ? undefined
          : {
              ...{ volume: VOLUME.uuid, name: VOLUME.name, sizeBytes: 0, state: 'open', open: null },
              ...{
                outage: null,
                usedBytes: 0,
                settingsTag: heard[id].tag,
                kept: null,
                led: null,
                messages: [],
              },
            },
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    leads: { mayServe: () => serving },
  }
  return {
    sources,
    listeners,
    removed,
    tell: () => {
      for (const listener of [...listeners]) listener({ volume: VOLUME.uuid })
    },
    forget: () => {
      volume = undefined
    },
  }
}

const here = (tag: number): Heard => ({ tag, isConnected: true })
const away = (tag: number): Heard => ({ tag, isConnected: false })

describe('rules of a volume', () => {
  it('are told from all that were told before, also from those that read alike', () => {
    const published = [
      {
        ...{ node: 'n', initiator: 'iqn.x:n', host: null, dhchap: null },
        ...{ isReadOnly: false, isShared: false, since: 1 },
      },
    ]
    const tags = [
      keptOf(VOLUME).tag,
      keptOf({ ...VOLUME, accessVersion: 4, publications: published }).tag,
      keptOf({ ...VOLUME, accessVersion: 5 }).tag,
    ]
    expect(new Set(tags).size).toBe(3)
    expect(tags.every((tag) => Number.isSafeInteger(tag))).toBe(true)
  })

  it('hold when the primary and all that can be asked have confirmed them', () => {
    expect(unconfirmed(VOLUME, world({ [A]: here(NEW), [B]: here(NEW), [C]: here(NEW) }).sources)).toEqual([])
    expect(unconfirmed(VOLUME, world({ [A]: here(OLD), [B]: here(NEW), [C]: here(NEW) }).sources)).toEqual([
      A,
    ])
    expect(unconfirmed(VOLUME, world({ [A]: here(NEW), [B]: here(OLD), [C]: away(OLD) }).sources)).toEqual([
      B,
    ])
  })

  it('need a primary that is silent, for members may let it serve on; not one that said so before', () => {
    expect(unconfirmed(VOLUME, world({ [A]: away(OLD), [B]: here(NEW), [C]: here(NEW) }).sources)).toEqual([
      A,
    ])
    expect(unconfirmed(VOLUME, world({ [B]: here(NEW), [C]: here(NEW) }).sources)).toEqual([A])
    expect(unconfirmed(VOLUME, world({ [A]: away(NEW), [B]: here(NEW), [C]: here(NEW) }).sources)).toEqual([])
    expect(unconfirmed(VOLUME, world({ [A]: away(OLD), [B]: here(NEW) }, null).sources)).toEqual([])
  })

  it('do not wait for a server that was removed from the cluster', () => {
    const { sources, removed } = world({ [B]: here(NEW), [C]: here(NEW) })
    removed.add(A)
    expect(unconfirmed(VOLUME, sources)).toEqual([])
  })

  it('are waited for until a beat confirms them, and not for ever', async () => {
    const scheduler = new Scheduler(1)
    const clock = new SimClock(scheduler, new Life())
    const heard = { [A]: here(OLD), [B]: here(NEW), [C]: here(NEW) }
    const { sources, tell, listeners, forget } = world(heard)
    const waiting = rulesConfirmed(VOLUME.uuid, sources, clock)
    tell()
    expect(listeners.size).toBe(1)
    heard[A] = here(NEW)
    tell()
    await waiting
    expect(listeners.size).toBe(0)
    heard[A] = here(OLD)
    const refused = expect(rulesConfirmed(VOLUME.uuid, sources, clock)).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining('server-0 did not confirm'),
      facts: { reason: 'not_confirmed' },
    })
    await scheduler.pass(11_000)
    await refused
    expect(listeners.size).toBe(0)
    const gone = rulesConfirmed(VOLUME.uuid, sources, clock)
    forget()
    tell()
    await gone
  })
})
