import { describe, expect, it } from 'vitest'
import { emptyStorage, startProcess } from '../../../test/sim/machine.ts'
import { Scheduler } from '../../../test/sim/scheduler.ts'
import type { LedBeat } from '../../master/links.ts'
import type { ReplicaReport } from '../replica/authority-link.ts'
import { Beats } from './beats.ts'

const volume = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const led = (snapshots: number): LedBeat => ({
  epoch: 3,
  snapshots: Array.from({ length: snapshots }, (_, i) => ({
    ...{ id: String(i + 1).padStart(16, '0'), name: `s${i}`, lsn: i, createdWallMs: 0, sizeBytes: 4096 },
    isExposed: false,
  })),
  origin: null,
  scrub: null,
})

const idle = (n: number): ReplicaReport => ({
  ...{ volume: volume(n), name: `vol${n}`, sizeBytes: 4096, state: 'open', open: null, outage: null },
  ...{ usedBytes: 0, settingsTag: 1, kept: 'k', led: null },
})

/** Beats of replicas whose reports are these, and how often they asked to be sent. */
function beatsOf(reports: Map<string, ReplicaReport>): { beats: Beats; wakes: () => number } {
  const { clock } = startProcess({ storage: emptyStorage(), scheduler: new Scheduler(1), seed: 1 })
  const beats = new Beats(clock, () => ({ freeBytes: 1, capacityBytes: 2 }))
  let wakes = 0
  beats.onNews(() => wakes++)
  for (const name of reports.keys()) {
    beats
      .link({
        volume: name,
        authority: () => undefined,
        heartbeat: () => undefined,
        report: () => reports.get(name)!,
        deliver: () => undefined,
      })
      .start()
  }
  return { beats, wakes: () => wakes }
}

describe('beats', () => {
  it('say what is led whole when it changes, and again after a full beat', () => {
    const reports = new Map([1, 2].map((n) => [volume(n), idle(n)]))
    const { beats } = beatsOf(reports)
    const said = () => beats.next(false).replicas.map((one) => [one.name, one.led])
    expect(beats.next(false).isFull).toBe(true)
    expect(said()).toEqual([])

    const first = led(2)
    reports.set(volume(1), { ...idle(1), led: first })
    expect(said()).toEqual([['vol1', first]])
    expect(said()).toEqual([])
    const second = led(1)
    reports.set(volume(1), { ...idle(1), led: second })
    expect(said()).toEqual([['vol1', second]])
    beats.wantFull()
    expect(said()).toEqual([
      ['vol1', second],
      ['vol2', null],
    ])
    // it leads no more, and then the same again: what is said is said of a lead
    reports.set(volume(1), idle(1))
    said()
    reports.set(volume(1), { ...idle(1), led: second })
    expect(said()).toEqual([['vol1', second]])
  })

  it('carry no more at once than one message is to have', () => {
    const reports = new Map([1, 2, 3, 4, 5].map((n) => [volume(n), { ...idle(n), led: led(4096) }]))
    const { beats, wakes } = beatsOf(reports)
    const said = (): string[] =>
      beats.next(false).replicas.flatMap((one) => (one.led === null ? [] : [one.name]))
    const before = wakes()
    const told = [said(), said(), said()]
    expect(told).toEqual([['vol1', 'vol2'], ['vol3', 'vol4'], ['vol5']])
    expect(wakes() - before, 'those that had no room asked for the next beat').toBe(2)
    expect(said()).toEqual([])
    expect(beats.look(false).replicas.map((one) => one.led === null)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ])
  })
})
