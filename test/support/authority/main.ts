/**
 * An authority in small, as a process of its own, for tests and for trying block servers without a master:
 *
 *   node test/support/authority/main.ts [--port N] [--file FILE]
 *
 * Prints `{"ready":true,"http":"127.0.0.1:N"}`. Its registry is in FILE, durable before anything is told, so it may be
 * killed and started again at any time.
 *
 *   POST /volumes                   makes a volume: { name, sizeBytes, logBytes?, policy, replicas: [{ server, http, endpoint }] }
 *   GET  /volumes, /volumes/UUID    what the registry holds
 *   POST /volumes/UUID/move         planned move: { to: SERVER }
 *   POST /volumes/UUID/change       { server, http?, endpoint?, isLost? }: elsewhere now, or its disk was lost
 *   POST /replica                   what servers report
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { BlockError, isBlockError } from '../../../src/base/errors.ts'
import { formatUuid, randomUuid } from '../../../src/base/uuid.ts'
import { postJson } from '../../../src/http/post-json.ts'
import { RealRandom } from '../../../src/io/random.ts'
import { toJson } from '../../../src/server/replica/assignment.ts'
import type { ToAuthority } from '../../../src/v2engine/messages.ts'
import type { Heartbeat } from '../../cluster/authority.ts'
import {
  ManagedVolume,
  type Outgoing,
  reviveEpochs,
  type StoredVolume,
  type VolumeRequest,
} from './managed-volume.ts'

const { values: flags } = parseArgs({
  options: { port: { type: 'string', default: '0' }, file: { type: 'string' } },
})
/** Leases end between the beats of servers, and who waits for it should not wait longer. */
const BEAT_MS = 100
const TELL = { timeoutMs: 3000, answerBytesMax: 65_536, signal: new AbortController().signal } as const

const volumes = new Map<string, ManagedVolume>()
let url = ''
let saved = ''

/** Before anything that follows from it leaves this process. */
function save(): void {
  const content = toJson([...volumes.values()].map(({ stored }) => stored))
  if (content === saved) return
  saved = content
  if (flags.file === undefined) return
  const fd = openSync(`${flags.file}.new`, 'w', 0o600)
  writeSync(fd, content)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(`${flags.file}.new`, flags.file)
}

/** One request to a server at a time; of what waits, the newest of each kind. */
const waiting = new Map<string, Map<string, Outgoing>>()

function tell(volume: ManagedVolume, requests: readonly Outgoing[]): void {
  for (const request of requests) {
    const key = `${volume.stored.uuid} ${request.server}`
    const isBusy = waiting.has(key)
    const queue = waiting.get(key) ?? new Map<string, Outgoing>()
    queue.set((request.body as { message: { kind: string } }).message.kind, request)
    waiting.set(key, queue)
    if (!isBusy) void tellAll(volume, key, queue)
  }
}

async function tellAll(volume: ManagedVolume, key: string, queue: Map<string, Outgoing>): Promise<void> {
  for (;;) {
    const next = queue.entries().next().value
    if (next === undefined) break
    const [kind, { server, http, body }] = next
    queue.delete(kind)
    try {
      await postJson(`http://${http}/assign`, toJson(body), TELL)
    } catch (error) {
      // what matters is told again at the next beat
      if (!isBlockError(error)) throw error
      continue
    }
    if ('create' in body) {
      volume.made(server)
      save()
    }
  }
  waiting.delete(key)
}

function settle(volume: ManagedVolume, asker?: string): object {
  const { answers, requests } = volume.takeOutbox(asker)
  save()
  tell(volume, requests)
  return { messages: answers }
}

function find(uuid: string | undefined): ManagedVolume {
  const volume = volumes.get(uuid ?? '')
  if (volume === undefined) throw new BlockError('NOT_FOUND', `there is no volume ${uuid}`)
  return volume
}

interface Report {
  readonly server: string
  readonly volume: string
  readonly heartbeat: Heartbeat
  readonly messages: readonly ToAuthority[]
}

function answer(method: string, path: string, body: unknown): object {
  const [, , uuid, action] = path.split('/')
  if (method === 'POST' && path === '/replica') {
    const { server, volume: of, heartbeat, messages } = body as Report
    const volume = find(of)
    volume.onReport(server, heartbeat, messages, performance.now())
    return settle(volume, server)
  }
  if (method === 'POST' && path === '/volumes') {
    const volume = new ManagedVolume(formatUuid(randomUuid(new RealRandom())), body as VolumeRequest, url)
    volumes.set(volume.stored.uuid, volume)
    volume.begin(performance.now())
    settle(volume)
    return volume.view()
  }
  if (method === 'GET' && path === '/volumes') {
    return { volumes: [...volumes.values()].map((volume) => volume.view()) }
  }
  if (method === 'GET') return find(uuid).view()
  const volume = find(uuid)
  if (action === 'move') volume.move((body as { to: string }).to, performance.now())
  else if (action === 'change') {
    const { server, ...change } = body as {
      server: string
      http?: string
      endpoint?: string
      isLost?: boolean
    }
    volume.change(server, change)
  } else throw new BlockError('NOT_FOUND', `there is nothing at ${path}`)
  settle(volume)
  return volume.view()
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url: path = '/' } = request
  try {
    const body = await text(request)
    const value: unknown = body === '' ? {} : JSON.parse(body, reviveEpochs)
    response.writeHead(200, { 'content-type': 'application/json' }).end(toJson(answer(method, path, value)))
  } catch (error) {
    const isMissing = isBlockError(error, 'NOT_FOUND')
    if (!isMissing) process.stderr.write(`${method} ${path}: ${String((error as Error).stack)}\n`)
    response.writeHead(isMissing ? 404 : 400).end(`${String(error)}\n`)
  }
}

const server = createServer((request, response) => void respond(request, response))
server.listen(Number(flags.port), '127.0.0.1', () => {
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  url = `http://127.0.0.1:${port}`
  if (flags.file !== undefined && existsSync(flags.file)) {
    const stored = JSON.parse(readFileSync(flags.file, 'utf8')) as StoredVolume[]
    for (const one of stored) volumes.set(one.uuid, ManagedVolume.load(one, url, performance.now()))
  }
  setInterval(() => {
    for (const volume of volumes.values()) {
      volume.onBeat(performance.now())
      settle(volume)
    }
  }, BEAT_MS)
  process.stdout.write(`${JSON.stringify({ ready: true, http: `127.0.0.1:${port}` })}\n`)
})
