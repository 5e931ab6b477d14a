/**
 * Certificates of a cluster (RFC 5280): one authority, which signs the nodes' certificates and nothing else. Keys are
 * P-256, signatures ECDSA with SHA-256. A node's certificate serves for both sides of a connection; it names what the
 * node is (`TLS_NAME`), the node itself, and its addresses for those who connect with another program.
 *
 * `@peculiar/x509` writes the structures, Node's WebCrypto makes keys and signatures. Both take a tenth of a second to
 * load: only what makes certificates may import this file, and does so when it is asked to. Certificates are read by
 * node:crypto.
 */
// first, because the library looks for it when it is loaded
import 'reflect-metadata/lite'
import { createHash, createPrivateKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import { BlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'

export interface KeyAndCertificate {
  /** PEM, PKCS #8. */
  readonly key: string
  /** PEM. */
  readonly cert: string
}

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

const KEY_KIND = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE_KIND = { name: 'ECDSA', hash: 'SHA-256' } as const
const SERIAL_BYTES = 16
const KEY_ID_BYTES = 20
const { subtle } = webcrypto

/** A new authority for the cluster with this id, with a new key. */
export async function makeAuthority(
  random: Random,
  clusterId: string,
  validity: Validity,
): Promise<KeyAndCertificate> {
  const keys = await newKeys()
  const name = distinguishedName('Basalt cluster authority', clusterId)
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: newSerial(random), issuer: name, subject: name, ...validity },
    ...{ publicKey: keys.publicKey, signingKey: keys.privateKey, signingAlgorithm: SIGNATURE_KIND },
    extensions: [
      // no authority below this one
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      new x509.SubjectKeyIdentifierExtension(await keyIdOf(keys.publicKey)),
    ],
  })
  return inPem(keys.privateKey, certificate)
}

/**
 * A certificate with a new key, signed by `authority`. `name` is the node's, for people; `hosts` are DNS names and IP
 * addresses that it is to be good for. CORRUPT when `authority` is not one of P-256 in PEM.
 */
export async function makeNodeCertificate(
  random: Random,
  authority: KeyAndCertificate,
  node: {
    readonly clusterId: string
    readonly name: string
    readonly hosts: readonly string[]
    readonly validity: Validity
  },
): Promise<KeyAndCertificate> {
  const { issuer, signingKey } = await readAuthority(authority)
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: newSerial(random), issuer: issuer.subjectName, ...node.validity },
    ...{ subject: distinguishedName(node.name, node.clusterId), publicKey: keys.publicKey },
    ...{ signingKey, signingAlgorithm: SIGNATURE_KIND },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(node.hosts.map(generalName)),
      new x509.SubjectKeyIdentifierExtension(await keyIdOf(keys.publicKey)),
      ...authorityKeyId(issuer),
    ],
  })
  return inPem(keys.privateKey, certificate)
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => subtle.generateKey(KEY_KIND, true, ['sign', 'verify'])

async function readAuthority(
  authority: KeyAndCertificate,
): Promise<{ issuer: x509.X509Certificate; signingKey: webcrypto.CryptoKey }> {
  try {
    // by way of node:crypto, which reads every form of PEM that OpenSSL writes
    const pkcs8 = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' })
    return {
      issuer: new x509.X509Certificate(authority.cert),
      signingKey: await subtle.importKey('pkcs8', pkcs8, KEY_KIND, false, ['sign']),
    }
  } catch (cause) {
    throw new BlockError(
      'CORRUPT',
      "the authority's certificate or key is not a PEM file with a P-256 key; put both back as 'basalt cluster init' wrote them",
      { cause },
    )
  }
}

/** Hexadecimal. */
function newSerial(random: Random): string {
  const serial = Buffer.from(random.bytes(SERIAL_BYTES))
  // positive, not zero, and of one length
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial.toString('hex')
}

/** RFC 7093 §2, method 4: of the whole SubjectPublicKeyInfo, with SHA-256, cut to 160 bits; hexadecimal. */
async function keyIdOf(publicKey: webcrypto.CryptoKey): Promise<string> {
  const info = await subtle.exportKey('spki', publicKey)
  return createHash('sha256').update(Buffer.from(info)).digest().subarray(0, KEY_ID_BYTES).toString('hex')
}

/** What the authority calls its key, or nothing when it does not (RFC 5280 §4.2.1.1): another id would not be found. */
function authorityKeyId(issuer: x509.X509Certificate): x509.Extension[] {
  const own = issuer.getExtension(x509.SubjectKeyIdentifierExtension)
  return own === null ? [] : [new x509.AuthorityKeyIdentifierExtension(own.keyId)]
}

/** As UTF8String (§4.1.2.4), whatever the characters. */
const distinguishedName = (commonName: string, clusterId: string): x509.Name =>
  new x509.Name([{ O: [{ utf8String: `Basalt ${clusterId}` }] }, { CN: [{ utf8String: commonName }] }])

/** §4.2.1.6: iPAddress or dNSName. */
function generalName(host: string): { type: 'dns' | 'ip'; value: string } {
  const family = isIP(host)
  if (family === 0) return { type: 'dns', value: host }
  // the library misreads `::ffff:10.0.0.1`; the URL parser writes it, as all of version 6, in groups of 16 bits
  return { type: 'ip', value: family === 4 ? host : new URL(`http://[${host}]`).hostname.slice(1, -1) }
}

async function inPem(
  privateKey: webcrypto.CryptoKey,
  certificate: x509.X509Certificate,
): Promise<KeyAndCertificate> {
  const key = x509.PemConverter.encode(await subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')
  return { key: `${key}\n`, cert: `${certificate.toString('pem')}\n` }
}
