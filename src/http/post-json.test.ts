import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { postJson } from './post-json.ts'

let close: () => Promise<void> = async () => undefined
afterEach(() => close())

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
}
const post = (url: string, more: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<unknown> =>
  postJson(url, '{"a":1}', {
    timeoutMs: 5000,
    answerBytesMax: 100,
    signal: new AbortController().signal,
    ...more,
  })

describe('postJson', () => {
  it('posts what it is given and gives what comes back, or nothing for an empty answer', async () => {
    const url = await serve(async (request, response) => {
      const body = await text(request)
      response.end(request.headers['content-type'] === 'application/json' ? body : 'no')
    })
    expect(await post(url)).toEqual({ a: 1 })
    await close()
    expect(await post(await serve((_, response) => void response.writeHead(204).end()))).toBeUndefined()
  })

  it.each([
    ['a status that is no success', 'PROTOCOL', (_, response) => void response.writeHead(503).end('{}')],
    ['no JSON', 'PROTOCOL', (_, response) => void response.end('hello')],
    ['more than it may', 'PROTOCOL', (_, response) => void response.end(`"${'x'.repeat(200)}"`)],
    ['a redirect', 'DISCONNECTED', (_, response) => void response.writeHead(302, { location: '/' }).end()],
    ['a closed connection', 'DISCONNECTED', (request) => void request.socket.destroy()],
  ] as const satisfies readonly (readonly [string, string, RequestListener])[])(
    'refuses %s',
    async (_, code, listener) => {
      await expect(post(await serve(listener))).rejects.toMatchObject({ code })
    },
  )

  it('waits no longer than it may, and ends when it is told to', async () => {
    const url = await serve(() => undefined)
    await expect(post(url, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TIMED_OUT' })
    const end = new AbortController()
    const waiting = post(url, { signal: end.signal })
    end.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })
})
