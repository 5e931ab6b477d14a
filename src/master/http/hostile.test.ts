import { request } from 'node:http'
import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestMaster, testMaster } from '../../../test/master/scripted-master.ts'
import { openMasterHttp } from './master-http.ts'

let test: TestMaster
beforeAll(async () => {
  test = await testMaster()
})
afterAll(() => test.app.close())
beforeEach(() => {
  test.master.calls.length = 0
  test.clock.advance(60_000)
})

const NAMES: readonly [string, string][] = [
  ['a way up', '..%2f..%2fetc%2fpasswd'],
  ['dots', '...'],
  ['an encoded slash', 'a%2fb'],
  ['a NUL', 'a%00b'],
  ['300 characters', 'a'.repeat(300)],
  ['64 characters', 'a'.repeat(64)],
  ['Cyrillic that looks like Latin', '%d0%b0bc'],
  ['full-width letters', '%ef%bd%81bc'],
  ['a letter with a combining mark', 'a%cc%81'],
  ['a right-to-left mark', 'a%e2%80%8fb'],
  ['capitals', 'VOL1'],
  ['a space', 'a%20b'],
  ['a line feed', 'a%0ab'],
  ['a terminal escape', '%1b[31m'],
  ['bytes that are no UTF-8', '%ff%fe'],
  ['a hyphen first', '-a'],
]

describe('names', () => {
  it.each(NAMES)('refuses %s at the edge, in a sentence', async (_, name) => {
    for (const [method, url] of [
      ['GET', `/block/volume/${name}`],
      ['DELETE', `/block/volume/${name}`],
      ['POST', `/block/volume/${name}/promote`],
      ['GET', `/block/events?volume=${name}`],
    ] as const) {
      const body = method === 'POST' ? {} : undefined
      const answer = await test.call(method, url, { body })
      expect(answer.statusCode, `${method} ${url}`).toBe(400)
      const { code, detail } = answer.json()
      expect(code).toBe('INVALID_ARGUMENT')
      expect(detail).toMatch(/\w+ \w+ \w+/)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
      expect(answer.body).not.toMatch(/[\x00-\x1f\x7f]/)
    }
    expect(test.master.calls).toEqual([])
  })

  it.each(NAMES)('refuses %s in a body', async (_, name) => {
    let text: string
    try {
      text = decodeURIComponent(name)
    } catch {
      text = '\ufffd'
    }
    for (const url of ['/block/volume', '/block/volume/plan', '/block/volume/resolve']) {
      const answer = await test.call('POST', url, { body: { name: text, size_bytes: 2 ** 30 } })
      expect(answer.statusCode).toBe(400)
      expect(answer.json().detail).toContain('use 1 to 63 of a-z')
    }
    expect(test.master.calls).toEqual([])
  })

  it('takes those that are names', async () => {
    for (const name of [
      'a',
      'vol1',
      'a.b-c',
      'a'.repeat(63),
      'con',
      'nul',
      'constructor',
      'resolve',
      'plan',
    ]) {
      const answer = await test.call('POST', '/block/volume', { body: { name, size_bytes: 2 ** 30 } })
      expect([200, 201], name).toContain(answer.statusCode)
      expect((await test.call('GET', `/block/volume/${name}`)).statusCode).toBe(name === 'vol1' ? 200 : 404)
    }
  })
})

const good = { name: 'new', size_bytes: 2 ** 30 }
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const BODIES: readonly [string, string][] = [
  ['a limit of 2^60', JSON.stringify({ ...good, qos: { iops: 2 ** 60 } })],
  ['a negative size', JSON.stringify({ ...good, size_bytes: -1 })],
  ['a size with a fraction', JSON.stringify({ ...good, size_bytes: 0.5 })],
  ['a size in text', JSON.stringify({ ...good, size_bytes: '1073741824' })],
  ['a size of 1e400', '{"name":"new","size_bytes":1e400}'],
  ['an unknown preset', JSON.stringify({ ...good, preset: 'fast' })],
  ['an unknown field', JSON.stringify({ ...good, replicas: 2 })],
  ['__proto__', '{"name":"new","size_bytes":1,"__proto__":{"isAdmin":true}}'],
  ['__proto__ in escapes', '{"name":"new","size_bytes":1,"\\u005f\\u005fproto__":{"isAdmin":true}}'],
  ['constructor.prototype', '{"name":"new","size_bytes":1,"constructor":{"prototype":{"isAdmin":true}}}'],
  ['__proto__ further in', '{"name":"new","size_bytes":1,"qos":{"__proto__":{"iops":1}}}'],
  ['objects nested 10,000 deep', nested(10_000)],
  ['lists nested 60,000 deep', '['.repeat(60_000)],
  ['6,000 keys', `{${Array.from({ length: 6000 }, (_, i) => `"k${i}":1`).join()}}`],
  ['a long list', JSON.stringify({ ...good, zones: Array.from({ length: 10_000 }, () => 'z') })],
  ['text made for slow patterns', JSON.stringify({ ...good, name: `${'a.-'.repeat(20_000)}!` })],
  ['numbers of 60,000 digits', `{"name":"new","size_bytes":${'9'.repeat(60_000)}}`],
  ['quotes and backslashes', `"${'\\\\\\"'.repeat(15_000)}`],
  ['no JSON', 'name=new'],
  ['null', 'null'],
]

describe('bodies', () => {
  it.each(BODIES)('refuses %s, in a sentence and in less than 50 ms', async (_, body) => {
    let bestMs = Number.POSITIVE_INFINITY
    // The best of some: what counts is the work that the input makes, and not who else uses the machine.
    for (let i = 0; i < 5; i++) {
      const startedMs = performance.now()
      const answer = await test.call('POST', '/block/volume', { body })
      bestMs = Math.min(bestMs, performance.now() - startedMs)
      expect(answer.statusCode).toBe(400)
      expect(answer.json()).toMatchObject({
        code: 'INVALID_ARGUMENT',
        detail: expect.stringMatching(/\w+ \w+/),
      })
      expect(answer.body.length).toBeLessThan(1000)
    }
    expect(bestMs).toBeLessThan(50)
    expect(test.master.calls).toEqual([])
    expect({}).not.toHaveProperty('isAdmin')
  })

  it('refuses 100 MB without taking it, and goes on serving', async () => {
    const server = await openMasterHttp({
      ...test.options,
      listen: { host: '127.0.0.1', port: 0 },
      flag: '--http',
    })
    const { host, port } = server.address
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': String(100 * 1024 * 1024) }
      const sending = request({ host, port, method: 'POST', path: '/block/volume', headers }, (answer) => {
        answer.resume()
        sending.destroy()
        resolve(answer.statusCode)
      })
      sending.on('error', reject)
      sending.write(Buffer.alloc(1024, 0x20))
    })
    expect(status).toBe(413)
    expect((await fetch(`http://${host}:${port}/block/status`)).status).toBe(200)
    await server.close()
  })
})
