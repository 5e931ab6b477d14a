import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttps, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MasterDouble, problem } from '../../cli/test-support/master-double.ts'
import { type Run, run as runCli } from '../../cli/test-support/run-cli.ts'
import { RealRandom } from '../../io/random.ts'
import { makeAuthority, makeNodeCertificate } from '../../master/security/certificate.ts'
import { Connection } from './connection.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'basalt-cli-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
const list = (master: string, ...more: string[]): Promise<Run> =>
  runCli(['volume', 'list', '--master', master, ...more])

const NO_VOLUMES = [200, { volumes: [], next_cursor: null }] as const

describe('finding the master', () => {
  let master: MasterDouble
  beforeEach(async () => {
    master = await new MasterDouble().listen()
    master.answers['GET /block/volumes'] = NO_VOLUMES
  })
  afterEach(() => master.close())

  it('is by flag over variable over default', async () => {
    const environment = { BASALT_MASTER: master.url }
    expect((await runCli(['volume', 'list'], { environment })).code).toBe(0)
    expect((await list(master.url.replace('http://', ''))).code).toBe(0)
    expect(await list('127.0.0.1:1')).toMatchObject({
      code: 5,
      err: expect.stringMatching(
        /^basalt: no answer from http:\/\/127.0.0.1:1; is the master running there\? .*--master/,
      ),
    })
    expect((await runCli(['volume', 'list', '--master', '127.0.0.1:1'], { environment })).code).toBe(5)
  })

  it.each(['http://', 'ftp://a', 'http://a/b', 'http://user@a', 'http://a?b=c', 'a b'])(
    'refuses %j for an address',
    async (address) => {
      expect(await list(address)).toMatchObject({
        code: 2,
        err: expect.stringContaining('is not an address'),
      })
    },
  )

  it('enters by the token of a file, else by the one of the environment', async () => {
    const environment = { BASALT_TOKEN: 'from-environment' }
    await runCli(['volume', 'list', '--master', master.url], { environment })
    expect(master.last?.token).toBe('from-environment')
    const tokenFile = file('token', 'from-file\n')
    await runCli(['volume', 'list', '--master', master.url, '--token-file', tokenFile], { environment })
    expect(master.last?.token).toBe('from-file')
    await runCli(['volume', 'list', '--master', master.url], {
      environment: { BASALT_TOKEN_FILE: tokenFile },
    })
    expect(master.last?.token).toBe('from-file')
    expect((await list(master.url, '--token-file', file('two', 'a\nb'))).err).toMatch(/is not a token/)
    expect((await list(master.url, '--token-file', join(directory, 'none'))).code).toBe(3)
  })

  it.each([
    [problem(400, 'INVALID_ARGUMENT', 'limit is too great'), 2, 'limit is too great'],
    [problem(401, 'ACCESS_DENIED', 'who are you'), 6, 'who are you; give a valid token with --token-file'],
    [
      problem(403, 'ACCESS_DENIED', 'not you'),
      6,
      'not you; a token of a role that may is given with --token-file',
    ],
    [problem(404, 'NOT_FOUND', 'nothing here'), 3, 'nothing here'],
    [problem(409, 'CONFLICT', 'taken'), 4, 'taken'],
    [problem(409, 'CONFLICT', 'data may be lost', { unsafe: true }), 6, 'data may be lost'],
    [problem(429, 'BUSY', 'too many requests'), 5, 'too many requests; try again in some seconds'],
    [problem(503, 'CLOSED', 'stopping'), 5, 'stopping'],
    [problem(507, 'NO_SPACE', 'full'), 1, 'full'],
    [problem(418, 'UNHEARD_OF', 'odd\u001b[2J\nthing'), 1, 'odd [2J thing'],
    [[500, '<html>'], 5, /answered HTTP 500/],
    [[404, ''], 3, /answered HTTP 404/],
    [[307, ''], 1, /redirects are not followed/],
    [[200, 'no JSON'], 1, /does not understand/],
    [[200, 'null'], 1, /does not understand/],
    [[200, { volumes: [{ name: 7 }], next_cursor: null }], 1, /does not understand \(\/volumes\/0/],
    [[200, { volumes: {} }], 1, /is it a basalt API of the same version\?/],
    [[200, ' '.repeat(17 * 1024 * 1024)], 1, /answered more than/],
  ] as const)('turns the answer %# into a sentence and an exit code', async (answer, code, sentence) => {
    master.answers['GET /block/volumes'] = answer
    const result = await list(master.url)
    expect(result).toMatchObject({ code, out: '' })
    expect(result.err.trimEnd().split('\n')).toHaveLength(1)
    if (typeof sentence === 'string') expect(result.err).toBe(`basalt: ${sentence}\n`)
    else expect(result.err).toMatch(sentence)
  })

  it('gives up on an answer that does not come, and does not say that nothing was done', async () => {
    master.answers['POST /block/volume'] = () => undefined
    const names = { service: 'the master', addressFlag: '--master', tokenFlag: '--token' }
    const connection = await Connection.open({ address: master.url, names, timeoutMs: 20 })
    await expect(connection.exchange('POST', '/block/volume', {})).rejects.toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringMatching(/did not answer within 0.02 s; whether it did it is unknown/),
    })
  })
})

describe('what is no HTTP', () => {
  let server: Server
  let answer = ''
  let address: string
  beforeAll(async () => {
    server = createTcp((socket) => {
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.end(answer))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  it.each(['SSH-2.0-OpenSSH_9\r\n', '', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"volumes":'])(
    'is exit code 5: %j',
    async (text) => {
      answer = text
      expect(await list(address)).toMatchObject({
        code: 5,
        err: expect.stringMatching(/^basalt: no answer from/),
      })
    },
  )

  it('and no TLS is said to be that', async () => {
    answer = 'HTTP/1.1 400 Bad Request\r\n\r\n'
    expect(await list(`https://${address}`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/does not speak TLS; write http:\/\/ with --master/),
    })
  })
})

describe('TLS', () => {
  let server: HttpsServer
  let url: string
  let ca: string
  beforeAll(async () => {
    const random = new RealRandom()
    const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) }
    const authority = await makeAuthority(random, 'test', validity)
    const node = await makeNodeCertificate(random, authority, {
      clusterId: 'test',
      name: 'master',
      hosts: ['127.0.0.1'],
      validity,
    })
    ca = file('ca.pem', authority.cert)
    server = createHttps({ key: node.key, cert: node.cert }, (_, response) => {
      response.end(JSON.stringify(NO_VOLUMES[1]))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  it('trusts the CA that was given', async () => {
    expect(await list(url, '--ca', ca)).toEqual({ code: 0, out: 'no volumes\n', err: '' })
  })

  it('trusts no other, and says what to give', async () => {
    expect(await list(url)).toMatchObject({
      code: 6,
      err: expect.stringMatching(/is not trusted; give the cluster's CA with --ca/),
    })
    expect((await list(url, '--ca', join(directory, 'none'))).code).toBe(3)
  })

  it('wants the name that the certificate has', async () => {
    expect((await list(url.replace('127.0.0.1', 'localhost'), '--ca', ca)).code).toBe(6)
  })
})
