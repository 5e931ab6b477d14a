/** What people and programs get wrong, on purpose or not: by the command line, and straight to the API. */
import { type ClientRequest, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { EXIT } from '../fixture/cli.ts'
import type { ClusterCase, Scene } from '../fixture/scene.ts'
import { expect } from '../fixture/scene.ts'

const GOOD = { name: 'never', size_bytes: 16 * 1024 * 1024 }
const MIB = 1024 * 1024
const AT_ONCE = 2
const PIECE_MS = 20

/** What is wrong, as the command line takes it; a NUL cannot be an argument. */
const NAMES: Readonly<Record<string, string>> = {
  'a path': '../../etc/passwd',
  '300 characters': 'a'.repeat(300),
  'a look-alike (Cyrillic а)': 'dаta',
  'a look-alike (fullwidth)': 'ｄata',
  'an accent': 'café',
  'a blank': 'a b',
  'a line end': 'a\nb',
  'an escape of terminals': 'a\u001b[2Jb',
  'a right-to-left override': 'a\u202eb',
  'a dot at its end': 'a.',
  'capital letters': 'Data',
}

interface Answer {
  readonly status: number
  readonly problem: Readonly<Record<string, unknown>>
}

export const HOSTILE: ClusterCase = {
  name: 'hostile',
  summary: 'what is wrong is refused with the right code and a sentence',
  async run(scene) {
    const { cli, dev } = scene
    await scene.check('names: by the command line', () =>
      fewAtOnce(Object.values(NAMES), async (name) => {
        await cli.fails(
          EXIT.usage,
          /not a volume name; use 1 to 63/,
          'volume',
          'create',
          name,
          '--size',
          '16MiB',
        )
      }),
    )
    await scene.check('names: by the API, in bodies and in paths', async () => {
      for (const [what, name] of Object.entries({ ...NAMES, 'a NUL': 'a\0b', nothing: '' })) {
        const made = await post(scene, '/block/volume', { ...GOOD, name })
        refusedWith(`create with ${what}`, made, 400, 'INVALID_ARGUMENT')
        const planned = await post(scene, '/block/volume/plan', { ...GOOD, name })
        const errors = planned.status === 200 ? planned.problem.errors : undefined
        if (errors === undefined) refusedWith(`plan with ${what}`, planned, 400, 'INVALID_ARGUMENT')
        else expect(Array.isArray(errors) && errors.length > 0, `a plan with ${what} has errors`)
        if (name === '') continue
        const path = `/block/volume/${encodeURIComponent(name)}`
        const got = await raw(scene, 'GET', path)
        expect(got.status === 400 || got.status === 404, `GET ${path} answers ${got.status}`)
        sentence(`GET ${path}`, got)
      }
    })
    await scene.check('sizes, replicas and presets: by the command line', async () => {
      const create = (...more: string[]): string[] => ['volume', 'create', 'never', ...more]
      const size = ['--size', '16MiB']
      await cli.fails(EXIT.usage, /^basalt: size: 0 is too small; give a size from/, ...create('--size', '0'))
      await cli.fails(EXIT.usage, /more than any volume|too large/, ...create('--size', String(2 ** 60)))
      await cli.fails(EXIT.usage, /not a size|more than any/, ...create('--size', '1EiB'))
      await cli.fails(EXIT.usage, /is too large; give a size from/, ...create('--size', '65TiB'))
      await cli.fails(EXIT.usage, /not a size/, ...create('--size', '-1'))
      await cli.fails(EXIT.usage, /ambiguous; write 10GiB/, ...create('--size', '10G'))
      await cli.fails(EXIT.usage, /replicas: 0 is not/, ...create(...size, '--replicas', '0'))
      await cli.fails(EXIT.conflict, /4 replicas are asked for, and 3/, ...create(...size, '--replicas', '4'))
      await cli.fails(EXIT.usage, /whole number/, ...create(...size, '--replicas', 'two'))
      await cli.fails(EXIT.usage, /database, general, throughput/, ...create(...size, '--preset', 'gold'))
    })
    await scene.check('sizes, replicas and presets: by the API', async () => {
      const wrong: readonly (readonly [object, number, string])[] = [
        [{ size_bytes: 0 }, 400, 'size_too_small'],
        [{ size_bytes: 2 ** 60 }, 400, 'size_too_large'],
        [{ size_bytes: -1 }, 400, 'invalid'],
        [{ size_bytes: 1.5 * MIB + 0.5 }, 400, 'invalid'],
        [{ size_bytes: '16MiB' }, 400, 'invalid'],
        [{ size_bytes: 16 * MIB + 1 }, 400, 'size_not_aligned'],
        [{ replica_factor: 0 }, 400, 'invalid_replicas'],
        [{ replica_factor: 4 }, 409, 'rf_not_satisfiable'],
        [{ preset: 'gold' }, 400, 'invalid'],
        [{ unknown_field: 1 }, 400, 'invalid'],
      ]
      for (const [different, status, reason] of wrong) {
        const answer = await post(scene, '/block/volume', { ...GOOD, ...different })
        const what = JSON.stringify(different)
        refusedWith(what, answer, status, status === 409 ? 'CONFLICT' : 'INVALID_ARGUMENT')
        expect(String(answer.problem.reason).startsWith(reason), `${what}: reason ${answer.problem.reason}`)
      }
    })
    await scene.check('bodies: too long, too deep, polluting, cut off, of another type', async () => {
      const bodies: readonly (readonly [string, string | Buffer, number])[] = [
        ['deep', `${'['.repeat(9000)}${']'.repeat(9000)}`, 400],
        ['deep object', `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`, 400],
        ['__proto__', '{"name":"never","size_bytes":16777216,"__proto__":{"isAdmin":true}}', 400],
        ['constructor', '{"name":"never","size_bytes":16777216,"constructor":{"prototype":{"x":1}}}', 400],
        ['cut off', '{"name":"nev', 400],
        ['no object', '"hello"', 400],
        ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
        ['twice', '{"name":"never","size_bytes":16777216}{"name":"x"}', 400],
        ['empty', '', 400],
      ]
      for (const [what, body, status] of bodies) {
        refusedWith(what, await raw(scene, 'POST', '/block/volume', body), status, 'INVALID_ARGUMENT')
      }
      const text = await raw(scene, 'POST', '/block/volume', 'hello', 'text/plain')
      refusedWith('text', text, 415, 'INVALID_ARGUMENT')
      refusedWith('100 MB', await flood(scene, 100_000_000), 413, 'INVALID_ARGUMENT')
      refusedWith('a wrong method', await raw(scene, 'PATCH', '/block/volumes'), 405, 'INVALID_ARGUMENT')
      refusedWith('a wrong path', await raw(scene, 'GET', '/block/nothing'), 404, 'NOT_FOUND')
      const cursor = await raw(scene, 'GET', '/block/volumes?cursor=hello&limit=10')
      refusedWith('a wrong cursor', cursor, 400, 'INVALID_ARGUMENT')
      refusedWith(
        'a wrong limit',
        await raw(scene, 'GET', '/block/volumes?limit=-1'),
        400,
        'INVALID_ARGUMENT',
      )
    })
    await scene.check('nothing came of it', async () => {
      const names = (await dev.api.volumes()).map(({ name }) => name)
      expect(!names.includes('never') && names.includes('demo'), `there are ${names.join(', ')}`)
      expect(/^servers +3, 3 connected/m.test(await cli.says('cluster', 'status')), 'the cluster is well')
    })
  },
}

/** Exactly this status, a code of ours, a reason and a sentence. */
function refusedWith(what: string, answer: Answer, status: number, code: string): void {
  const said = `${what}: ${answer.status} ${JSON.stringify(answer.problem)}`
  expect(answer.status === status && answer.problem.code === code, said)
  sentence(what, answer)
}

function sentence(what: string, { status, problem }: Answer): void {
  const { detail, reason, requestId } = problem
  const isSaid = typeof detail === 'string' && detail.length >= 10 && typeof requestId === 'string'
  const isPrintable = typeof detail === 'string' && !/[\p{Cc}\p{Cf}]/u.test(detail)
  const isReason = typeof reason === 'string' && /^[a-z_]+$/.test(reason)
  expect(isSaid && isPrintable && isReason, `${what}: ${status} ${JSON.stringify(problem)}`)
}

const post = (scene: Scene, path: string, body: object): Promise<Answer> =>
  raw(scene, 'POST', path, JSON.stringify(body))

async function raw(
  { dev }: Scene,
  method: string,
  path: string,
  body?: string | Buffer,
  type = 'application/json',
): Promise<Answer> {
  const answer = await fetch(`${dev.url}${path}`, {
    method,
    ...(body !== undefined && { body, headers: { 'content-type': type } }),
  })
  return { status: answer.status, problem: (await answer.json()) as Record<string, unknown> }
}

/** Sends `bytes` as one body, in pieces, until the other side has had enough. */
function flood({ dev }: Scene, bytes: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const headers = { 'content-type': 'application/json', 'content-length': bytes }
  const sending = request(`${dev.url}/block/volume`, { method: 'POST', headers })
  sending.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (piece: string) => {
      text += piece
    })
    response.on('end', () => {
      sending.destroy()
      resolve({ status: response.statusCode ?? 0, problem: JSON.parse(text) as Record<string, unknown> })
    })
  })
  sending.on('error', reject)
  const answered = new AbortController()
  sending.on('response', () => answered.abort())
  void pour(sending, bytes, answered.signal)
  return promise
}

/** Gently: what is sent into a connection that is being closed would take the answer with it. */
async function pour(sending: ClientRequest, bytes: number, enough: AbortSignal): Promise<void> {
  const piece = Buffer.alloc(64 * 1024, 0x20)
  for (let sent = 0; sent < bytes && !sending.destroyed && !enough.aborted; sent += piece.length) {
    sending.write(piece)
    await delay(PIECE_MS)
  }
}

async function fewAtOnce<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(run))
}
