import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { TLS_NAME } from '../../base/tls.ts'
import { RealRandom } from '../../io/random.ts'
import { loadTls, type TlsFiles } from '../../io/tls-files.ts'
import { makeAuthority, makeNodeCertificate } from './certificate.ts'

const CLUSTER = '8181269c-6394-4eb2-8b7b-37de6b51ca95'
const random = new RealRandom()
const at = (text: string): Date => new Date(text)
const validity = { notBefore: at('2026-01-01T00:00:00Z'), notAfter: at('2028-01-01T00:00:00Z') }
const now = at('2027-01-01T00:00:00Z').getTime()
const authority = makeAuthority(random, CLUSTER, {
  notBefore: at('2026-01-01T00:00:00Z'),
  notAfter: at('2056-01-01T00:00:00Z'),
})
const hosts = [TLS_NAME.server, 'host-a', '10.0.0.1', '::1', '2001:db8::ff00:42', '::ffff:10.1.2.3']
const node = makeNodeCertificate(random, authority, { clusterId: CLUSTER, name: 'host-a', hosts, validity })

describe('certificates', () => {
  it('are what OpenSSL reads, with the names that were asked for', () => {
    const ca = new X509Certificate(authority.cert)
    const certificate = new X509Certificate(node.cert)
    expect(ca.ca).toBe(true)
    expect(ca.verify(ca.publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.verify(ca.publicKey)).toBe(true)
    expect(certificate.checkIssued(ca)).toBe(true)
    expect(certificate.subject).toBe(`O=Basalt ${CLUSTER}\nCN=host-a`)
    for (const name of [TLS_NAME.server, 'host-a']) expect(certificate.checkHost(name)).toBe(name)
    expect(certificate.checkHost(TLS_NAME.master)).toBeUndefined()
    for (const address of hosts.slice(2)) expect(certificate.checkIP(address)).toBeDefined()
    expect(certificate.checkIP('10.0.0.2')).toBeUndefined()
  })

  it('are valid from second to second, before and after 2050', () => {
    expect(new X509Certificate(node.cert).validToDate).toEqual(validity.notAfter)
    expect(new X509Certificate(authority.cert).validToDate).toEqual(at('2056-01-01T00:00:00Z'))
  })

  it('each have a serial number of their own', () => {
    const other = makeNodeCertificate(random, authority, { clusterId: CLUSTER, name: 'b', hosts, validity })
    const serials = [authority, node, other].map(({ cert }) => new X509Certificate(cert).serialNumber)
    expect(new Set(serials).size).toBe(3)
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  })
})

describe('loadTls', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'basalt-tls-'))
  afterAll(() => fs.rmSync(directory, { recursive: true }))
  let count = 0
  const write = (content: string, mode = 0o600): string => {
    const path = join(directory, `file-${++count}`)
    fs.writeFileSync(path, content, { mode })
    return path
  }
  const files = (changed: Partial<TlsFiles> = {}): TlsFiles => ({
    ca: write(authority.cert),
    cert: write(node.cert),
    key: write(node.key),
    ...changed,
  })

  it('gives what belongs together', async () => {
    const { identity, names, notAfterMs, warnings } = await loadTls(files(), now)
    expect(identity.cert.toString()).toBe(node.cert)
    expect(names).toEqual([TLS_NAME.server, 'host-a'])
    expect(notAfterMs).toBe(validity.notAfter.getTime())
    expect(warnings).toEqual([])
  })

  it('warns of a key that others may read, and of an end that is near', async () => {
    const open = files({ key: write(node.key, 0o644) })
    const { warnings } = await loadTls(open, validity.notAfter.getTime() - 10.5 * 86_400_000)
    expect(warnings).toEqual([
      `${open.key} holds a private key and others may read it; chmod 600 it`,
      `${open.cert} ends in 10 days; make a new one with 'basalt cluster certify'`,
    ])
  })

  it('refuses what is not there, not PEM, or does not belong together', async () => {
    const strange = makeAuthority(random, CLUSTER, validity)
    const other = makeNodeCertificate(random, strange, { clusterId: CLUSTER, name: 'x', hosts, validity })
    const refusals: [Partial<TlsFiles>, string, RegExp][] = [
      [{ ca: '/none' }, 'NOT_FOUND', /^--tls-ca: \/none does not exist/],
      [{ cert: write('hello') }, 'INVALID_ARGUMENT', /^--tls-cert: .* is not a certificate in PEM/],
      [{ key: write('hello') }, 'INVALID_ARGUMENT', /^--tls-key: .* is not a private key/],
      [{ key: write(other.key) }, 'INVALID_ARGUMENT', /^--tls-key: .* is not the key of /],
      [{ ca: write(strange.cert) }, 'INVALID_ARGUMENT', /^--tls-cert: .* was not signed by the authority/],
      [{ ca: write(node.cert) }, 'INVALID_ARGUMENT', /^--tls-cert: .* was not signed by the authority/],
      [{ ca: write('x'.repeat(100_000)) }, 'INVALID_ARGUMENT', /is not a PEM file/],
      [{ ca: directory }, 'INVALID_ARGUMENT', /is not a PEM file/],
    ]
    for (const [changed, code, message] of refusals) {
      const error = await loadTls(files(changed), now).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
    }
  })

  it('refuses a certificate that is not valid yet, or no more', async () => {
    await expect(loadTls(files(), validity.notBefore.getTime() - 1)).rejects.toThrow(
      /is valid from 2026-01-01T00:00:00.000Z on; is the clock right/,
    )
    await expect(loadTls(files(), validity.notAfter.getTime() + 1)).rejects.toThrow(
      /was valid until 2028-01-01T00:00:00.000Z; make a new one with 'basalt cluster certify'/,
    )
  })
})
