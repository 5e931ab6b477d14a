import { type IncomingMessage, request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/e2e/iscsi/manual-clock.ts'
import { ScriptedMaster, type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import { eventRecord, volumeRecord } from '../../../test/master/scripted-views.ts'
import type { HttpServer } from '../../http/http-server.ts'
import { BEAT_MS, EventStream } from './event-stream.ts'
import { openMasterHttp } from './master-http.ts'

const VOLUME = volumeRecord('vol1').uuid

/** Reads what has come, and cuts it into numbers and counts of events. */
function eventsOf(text: string): [number, number][] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('id: '))
    .map((block) => {
      const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? []
      const { number, count } = JSON.parse(data ?? '') as { number: number; count: number }
      expect(String(number)).toBe(id)
      return [number, count]
    })
}

describe('the stream of one client', () => {
  const master = (count: number): ScriptedMaster => {
    const made = new ScriptedMaster()
    for (let number = 1; number <= count; number++) made.record(eventRecord(number))
    return made
  }
  let clock: ManualClock
  let isAdmitted: boolean
  beforeEach(() => {
    clock = new ManualClock()
    isAdmitted = true
  })
  const open = (api: ScriptedMaster, more: { after?: number; volume?: string } = {}): EventStream =>
    new EventStream({
      api,
      filter: more.volume === undefined ? {} : { volume: more.volume },
      after: more.after,
      clock,
      isStillAdmitted: () => isAdmitted,
    })
  /** All that it holds. */
  const take = (stream: EventStream): string => {
    let text = ''
    for (let piece = stream.read(); piece !== null; piece = stream.read()) text += String(piece)
    return text
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('begins with what comes, or behind the event that the client has', async () => {
    const api = master(5)
    const live = open(api)
    const resumed = open(api, { after: 3 })
    live.read(0)
    resumed.read(0)
    await turn()
    api.record(eventRecord(6))
    await turn()
    expect(eventsOf(take(live))).toEqual([[6, 1]])
    expect(eventsOf(take(resumed))).toEqual([
      [4, 1],
      [5, 1],
      [6, 1],
    ])
    for (const stream of [live, resumed]) stream.destroy()
    expect(api.listeners).toBe(0)
  })

  it('loses nothing between its opening and the first read, and sends a repeated event again', async () => {
    const api = master(2)
    const stream = open(api)
    api.record(eventRecord(3))
    stream.read(0)
    await turn()
    api.record(eventRecord(3, { count: 2 }))
    await turn()
    expect(eventsOf(take(stream))).toEqual([
      [3, 1],
      [3, 2],
    ])
    stream.destroy()
  })

  it('sends only what the filter lets through', async () => {
    const api = master(0)
    const stream = open(api, { after: 0, volume: VOLUME })
    stream.read(0)
    await turn()
    api.record(eventRecord(1))
    api.record(eventRecord(2, { volume: VOLUME }))
    await turn()
    expect(eventsOf(take(stream))).toEqual([[2, 1]])
    stream.destroy()
  })

  it('holds little for a client that takes nothing, gives all of it when it reads on, in order', async () => {
    const api = master(0)
    const stream = open(api)
    stream.read(0)
    await turn()
    for (let number = 1; number <= 3000; number++) api.record(eventRecord(number))
    expect(stream.readableLength).toBeLessThan(70_000)
    let text = ''
    for (;;) {
      const piece = take(stream)
      if (piece === '') break
      text += piece
      await turn()
    }
    expect(eventsOf(text).map(([number]) => number)).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1))
    stream.destroy()
  })

  it('drops a client that takes nothing for three beats', async () => {
    const api = master(3000)
    const stream = open(api, { after: 0 })
    stream.read(0)
    await turn()
    clock.advance(2 * BEAT_MS)
    expect(stream.destroyed).toBe(false)
    clock.advance(BEAT_MS)
    expect(stream.destroyed).toBe(true)
    expect(api.listeners).toBe(0)
  })

  it('beats, and ends when its token is revoked', async () => {
    const stream = open(master(0))
    stream.read(0)
    await turn()
    take(stream)
    clock.advance(BEAT_MS)
    await turn()
    expect(take(stream)).toBe(': \n\n')
    isAdmitted = false
    clock.advance(BEAT_MS)
    expect(stream.destroyed).toBe(true)
  })
})

describe('over HTTP', () => {
  let test: TestMaster
  let server: HttpServer
  beforeEach(async () => {
    test = await testMaster()
    server = await openMasterHttp({ ...test.options, listen: { host: '127.0.0.1', port: 0 }, flag: '--http' })
  })
  afterEach(async () => {
    await server.close()
    await test.app.close()
  })

  const follow = (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { host, port } = server.address
      request({ host, port, path: `/block/events/stream${path}`, headers, agent: false }, resolve)
        .on('error', reject)
        .end()
    })
  /** Reads until so many events have come. */
  async function first(count: number, answer: IncomingMessage): Promise<number[]> {
    let text = ''
    for await (const piece of answer) {
      text += String(piece)
      if (text.split('\n\n').filter((block) => block.startsWith('id: ')).length >= count) break
    }
    answer.destroy()
    return eventsOf(text).map(([number]) => number)
  }

  it('follows the log, and resumes after the last event that was seen', async () => {
    for (let number = 1; number <= 5; number++) test.master.record(eventRecord(number))
    const answer = await follow('?after=2')
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['x-request-id']).toMatch(/./)
    expect(await first(3, answer)).toEqual([3, 4, 5])
    expect(await first(1, await follow('?after=1', { 'last-event-id': '4' }))).toEqual([5])
    const live = await follow(`?volume=vol1`)
    test.master.record(eventRecord(6))
    test.master.record(eventRecord(7, { volume: VOLUME }))
    expect(await first(1, live)).toEqual([7])
  })

  it('forgets clients that are gone, and ends all streams when the server stops', async () => {
    const streams = await Promise.all([follow(''), follow('')])
    expect(test.master.listeners).toBe(2)
    const gone = new Promise<void>((resolve) => {
      const unsubscribed = (): void =>
        test.master.listeners === 1 ? resolve() : void setImmediate(unsubscribed)
      unsubscribed()
    })
    streams[0]?.destroy()
    await gone
    const ended = new Promise((resolve) => streams[1]?.on('error', resolve).on('close', resolve).resume())
    await server.close()
    await ended
    expect(test.master.listeners).toBe(0)
  })

  it('has a bound on how many follow, and refuses what is no number', async () => {
    expect((await follow('', { 'last-event-id': 'x' })).statusCode).toBe(400)
    const streams = await Promise.all(Array.from({ length: 64 }, () => follow('')))
    const refused = await follow('')
    expect(refused.statusCode).toBe(503)
    for (const stream of [...streams, refused]) stream.destroy()
  })

  it('lists events in pages: the last ones, or those after a number', async () => {
    for (let number = 1; number <= 9; number++) test.master.record(eventRecord(number))
    const list = async (query: string) => {
      const { events, last } = (await test.call('GET', `/block/events${query}`)).json()
      return [events.map(({ number }: { number: number }) => number), last]
    }
    expect(await list('?limit=2')).toEqual([[8, 9], 9])
    expect(await list('?limit=2&after=3')).toEqual([[4, 5], 5])
    expect(await list('?after=9')).toEqual([[], null])
    expect((await test.call('GET', '/block/events?volume=gone')).statusCode).toBe(404)
  })
})
