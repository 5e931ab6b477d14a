import { generateKeyPairSync, X509Certificate } from 'node:crypto'
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
const authority = await makeAuthority(random, CLUSTER, {
  notBefore: at('2026-01-01T00:00:00Z'),
  notAfter: at('2056-01-01T00:00:00Z'),
})
const hosts = [TLS_NAME.server, 'host-a', '10.0.0.1', '::1', '2001:db8::ff00:42', '::ffff:10.1.2.3']
const node = await makeNodeCertificate(random, authority, {
  clusterId: CLUSTER,
  name: 'host-a',
  hosts,
  validity,
})
const derOf = ({ cert }: { readonly cert: string }): string => new X509Certificate(cert).raw.toString('hex')
const OTHER_CURVE = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

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

  it('each have a serial number of their own', async () => {
    const other = await makeNodeCertificate(random, authority, {
      clusterId: CLUSTER,
      name: 'b',
      hosts,
      validity,
    })
    const serials = [authority, node, other].map(({ cert }) => new X509Certificate(cert).serialNumber)
    expect(new Set(serials).size).toBe(3)
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  })

  it('say what their keys are for, and what must be understood is critical', () => {
    for (const extension of [
      // OID, critical, value: basicConstraints CA:TRUE, pathlen:0; keyUsage keyCertSign, cRLSign
      '0603551d13 0101ff 0408 30060101ff020100',
      '0603551d0f 0101ff 0404 03020106',
    ]) {
      expect(derOf(authority)).toContain(extension.replaceAll(' ', ''))
    }
    for (const extension of [
      // CA:FALSE; digitalSignature; extKeyUsage serverAuth, clientAuth
      '0603551d13 0101ff 0402 3000',
      '0603551d0f 0101ff 0404 03020780',
      '0603551d25 0416 3014 06082b06010505070301 06082b06010505070302',
    ]) {
      expect(derOf(node)).toContain(extension.replaceAll(' ', ''))
    }
    for (const made of [authority, node]) {
      expect(new X509Certificate(made.cert).publicKey.asymmetricKeyDetails).toEqual({
        namedCurve: 'prime256v1',
      })
      // ecdsa-with-SHA256, where it is announced and at the signature
      expect(derOf(made).split('300a06082a8648ce3d040302')).toHaveLength(3)
    }
  })

  it("name the authority's key as its own certificate does", () => {
    const [, keyId] = /0603551d0e04160414(.{40})/.exec(derOf(authority)) ?? []
    expect(keyId).toMatch(/^[0-9a-f]{40}$/)
    expect(derOf(node)).toContain(`0603551d23041830168014${keyId}`)
    expect(derOf(node)).toMatch(/0603551d0e04160414/)
  })

  it('are not made by an authority that cannot be read', async () => {
    for (const broken of [{ cert: 'hello' }, { cert: node.key }, { key: 'hello' }, { key: OTHER_CURVE }]) {
      const made = makeNodeCertificate(
        random,
        { ...authority, ...broken },
        { clusterId: CLUSTER, name: 'host-a', hosts, validity },
      )
      await expect(made).rejects.toMatchObject({ code: 'CORRUPT' })
    }
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
    const strange = await makeAuthority(random, CLUSTER, validity)
    const other = await makeNodeCertificate(random, strange, {
      clusterId: CLUSTER,
      name: 'x',
      hosts,
      validity,
    })
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
