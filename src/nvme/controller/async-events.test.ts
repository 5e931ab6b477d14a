import { describe, expect, it } from 'vitest'
import { ASYNC_EVENTS, ASYNC_REQUESTS_MAX, AsyncEvents, dwordOf } from './async-events.ts'

const { anaChanged, namespaceChanged, reservationLog } = ASYNC_EVENTS

function harness(config = 0xffff_ffff) {
  const told: [string, number][] = []
  const events = new AsyncEvents<string>((request, dword0) => told.push([request, dword0]))
  events.config = config
  return { told, events }
}

describe('asynchronous events', () => {
  it('a request is parked until there is something to tell', () => {
    const { told, events } = harness()
    expect(events.request('a')).toBe(true)
    expect(told).toEqual([])
    events.post(anaChanged)
    expect(told).toEqual([['a', 0x0c_03_02]])
    expect(events.parkedCount).toBe(0)
  })

  it('an event waits for a request, once however often it happens', () => {
    const { told, events } = harness()
    events.post(namespaceChanged)
    events.post(namespaceChanged)
    events.request('a')
    events.request('b')
    expect(told).toEqual([['a', dwordOf(namespaceChanged)]])
  })

  it('an event that was told is masked until its log page was read, others are not', () => {
    const { told, events } = harness()
    for (const request of ['a', 'b', 'c']) events.request(request)
    events.post(anaChanged)
    events.post(anaChanged)
    events.post(namespaceChanged)
    expect(told.map(([request]) => request)).toEqual(['a', 'b'])
    events.cleared(0x04)
    expect(told.length).toBe(2)
    events.cleared(0x0c)
    expect(told[2]).toEqual(['c', dwordOf(anaChanged)])
  })

  it('what the configuration leaves out is dropped, but events that it does not know go', () => {
    const { told, events } = harness(0)
    events.request('a')
    events.post(anaChanged)
    expect(told).toEqual([])
    events.post(reservationLog)
    expect(told).toEqual([['a', 0x80_00_06]])
  })

  it('parks no more requests than it says, and gives them back', () => {
    const { events } = harness()
    for (let i = 0; i < ASYNC_REQUESTS_MAX; i++) expect(events.request(`${i}`)).toBe(true)
    expect(events.request('one too many')).toBe(false)
    expect([events.withdraw('2'), events.withdraw('2')]).toEqual([true, false])
    expect(events.reset()).toEqual(['0', '1', '3'])
  })
})
