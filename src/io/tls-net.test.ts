import nodeNet from 'node:net'
import tls from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { Connection, Listener } from '../base/ports/net.ts'
import { TLS_NAME, type TlsIdentity } from '../base/tls.ts'
import { MIB } from '../base/units.ts'
import { type KeyAndCertificate, makeAuthority, makeNodeCertificate } from '../master/security/certificate.ts'
import { RealRandom } from './random.ts'
import { pattern } from './test-support.ts'
import { TlsNet } from './tls-net.ts'

const CLUSTER = '8181269c-6394-4eb2-8b7b-37de6b51ca95'
const HOST = '127.0.0.1'
const random = new RealRandom()
const DAY_MS = 86_400_000
const from = (days: number): Date => new Date(Date.now() + days * DAY_MS)
const valid = { notBefore: from(-1), notAfter: from(1) }
const over = { notBefore: from(-2), notAfter: from(-1) }
const authority = await makeAuthority(random, CLUSTER, valid)
const strange = await makeAuthority(random, CLUSTER, valid)

async function node(
  options: {
    by?: KeyAndCertificate
    name?: string
    validity?: typeof valid
    believes?: KeyAndCertificate
  } = {},
): Promise<TlsIdentity> {
  const { by = authority, name = TLS_NAME.server, validity = valid, believes = authority } = options
  const made = await makeNodeCertificate(random, by, {
    clusterId: CLUSTER,
    name: 'a',
    hosts: [name],
    validity,
  })
  return { ca: Buffer.from(believes.cert), cert: Buffer.from(made.cert), key: Buffer.from(made.key) }
}

const refusals: { kind: string; reason: string }[] = []
const netOf = (identity: TlsIdentity): TlsNet =>
  new TlsNet({
    identity,
    peerName: TLS_NAME.server,
    lingerMs: 500,
    refused: (_address, kind, reason) => void refusals.push({ kind, reason }),
  })

const good = netOf(await node())
const listeners: Listener[] = []
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
  refusals.length = 0
})

/** A listener that sends back what it gets, and the connections that it has. */
async function echo(net: TlsNet): Promise<{ port: number; accepted: Connection[] }> {
  const accepted: Connection[] = []
  const listener = await net.listen({ host: HOST, port: 0 }, (connection) => {
    accepted.push(connection)
    connection.start({
      data: (chunk) => connection.write([Buffer.from(chunk)]),
      drain: () => undefined,
      closed: () => undefined,
    })
  })
  listeners.push(listener)
  return { port: listener.port, accepted }
}

const dial = (net: TlsNet, port: number): Promise<Connection> =>
  net.connect({ host: HOST, port, timeoutMs: 2000 })

/** Reads `lengthBytes`, or until the end, whose error is `error`. */
function read(connection: Connection, lengthBytes: number): Promise<{ bytes: Buffer; error?: Error }> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve) => {
    connection.start({
      data: (chunk) => {
        chunks.push(Buffer.from(chunk))
        length += chunk.byteLength
        if (length >= lengthBytes) resolve({ bytes: Buffer.concat(chunks) })
      },
      drain: () => undefined,
      closed: (error) => resolve({ bytes: Buffer.concat(chunks), ...(error && { error }) }),
    })
  })
}

/** How an attempt ends: in TLS 1.3 the acceptor's refusal comes after the connector is content. */
async function fate(net: TlsNet, port: number): Promise<string> {
  try {
    const connection = await dial(net, port)
    connection.write([Buffer.from('hello')])
    const { bytes, error } = await read(connection, 5)
    connection.destroy()
    return bytes.byteLength === 5 ? 'served' : (error?.message ?? 'closed')
  } catch (error) {
    return String(error)
  }
}

/** When the socket is closed, whatever for. */
const gone = (socket: nodeNet.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined).on('close', () => resolve())
  })

describe('TlsNet', () => {
  it('carries bytes both ways, in order and whole', async () => {
    const { port, accepted } = await echo(good)
    const connection = await dial(good, port)
    const sent = pattern(8 * MIB + 17)
    let writtenCount = 0
    const { bytes } = await new Promise<{ bytes: Buffer }>((resolve) => {
      void read(connection, sent.byteLength).then(resolve)
      connection.write([sent.subarray(0, 5), sent.subarray(5)], () => writtenCount++)
    })
    expect(bytes.equals(sent)).toBe(true)
    expect(writtenCount).toBe(1)
    expect(accepted[0]?.remoteAddress).toBe(connection.localAddress)
    connection.destroy()
  })

  it('ends in the ordinary way on both sides', async () => {
    const ends: (Error | undefined)[] = []
    const over = Promise.withResolvers<void>()
    const listener = await good.listen({ host: HOST, port: 0 }, (connection) => {
      connection.start({
        data: () => connection.end(),
        drain: () => undefined,
        closed: (error) => {
          ends.push(error)
          over.resolve()
        },
      })
    })
    listeners.push(listener)
    const connection = await dial(good, listener.port)
    connection.write([Buffer.from('x')])
    const { error } = await read(connection, 1)
    await over.promise
    expect([error, ...ends]).toEqual([undefined, undefined])
  })

  it('refuses a peer of another authority, on both sides', async () => {
    const { port, accepted } = await echo(good)
    const impostor = netOf(await node({ by: strange }))
    expect(await fate(impostor, port)).toMatch(/unknown ca|ECONNRESET|closed/i)
    expect(accepted).toEqual([])
    expect(refusals).toHaveLength(1)
    expect(refusals[0]?.kind).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    // and whoever would listen in the place of a server
    const { port: trap } = await echo(netOf(await node({ by: strange, believes: authority })))
    expect(await fate(good, trap)).toContain('certificate')
  })

  it('refuses certificates that are over', async () => {
    const { port, accepted } = await echo(good)
    expect(await fate(netOf(await node({ validity: over })), port)).toMatch(/expired|ECONNRESET|closed/)
    expect(accepted).toEqual([])
    const { port: late } = await echo(netOf(await node({ validity: over })))
    expect(await fate(good, late)).toContain('certificate has expired')
  })

  it('refuses a certificate of something else than a server, on both sides', async () => {
    const { port, accepted } = await echo(good)
    expect(await fate(netOf(await node({ name: TLS_NAME.master })), port)).not.toBe('served')
    expect(accepted).toEqual([])
    expect(refusals).toContainEqual({
      kind: 'wrongName',
      reason: `its certificate is not one of ${TLS_NAME.server}`,
    })
    const { port: master } = await echo(netOf(await node({ name: TLS_NAME.master })))
    expect(await fate(good, master)).toContain(TLS_NAME.server)
  })

  it('refuses who shows no certificate, and who speaks no TLS', async () => {
    const { port, accepted } = await echo(good)
    const { ca } = await node()
    const bare = tls.connect({ host: HOST, port, ca, servername: TLS_NAME.server })
    await gone(bare)
    const plain = nodeNet.connect({ host: HOST, port })
    plain.write('GET / HTTP/1.1\r\n\r\n')
    await gone(plain)
    expect(accepted).toEqual([])
    const kinds = refusals.map(({ kind }) => kind)
    expect(kinds).toContain('noCertificate')
    expect(kinds).toContain('ERR_SSL_HTTP_REQUEST')
  })

  it('takes a new certificate while it listens', async () => {
    const renewed = netOf(await node({ validity: over }))
    const { port } = await echo(renewed)
    expect(await fate(good, port)).toContain('expired')
    renewed.use(await node())
    expect(await fate(good, port)).toBe('served')
    expect(await fate(renewed, port)).toBe('served')
  })

  it('says IN_USE and DISCONNECTED as plain connections do', async () => {
    const { port } = await echo(good)
    await expect(good.listen({ host: HOST, port }, () => undefined)).rejects.toMatchObject({ code: 'IN_USE' })
    await listeners.pop()?.close()
    await expect(dial(good, port)).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })
})
