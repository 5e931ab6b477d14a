/**
 * Certificates of a cluster (RFC 5280): one authority, which signs the nodes' certificates and nothing else. Keys are
 * P-256, signatures ECDSA with SHA-256. A node's certificate serves for both sides of a connection; it names what the
 * node is (`TLS_NAME`), the node itself, and its addresses for those who connect with another program.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { isIP } from 'node:net'
import type { Random } from '../../base/ports/random.ts'
import * as der from './der.ts'

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

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

const SERIAL_BYTES = 16

/** A new authority for the cluster with this id, with a new key. */
export function makeAuthority(random: Random, clusterId: string, validity: Validity): KeyAndCertificate {
  const { privateKey, publicKey } = newKey()
  const name = authorityName(clusterId)
  const extensions = [
    // no authority below this one
    extension(OID.basicConstraints, true, der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)))),
    // keyCertSign and cRLSign are bits 5 and 6 (§4.2.1.3)
    extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b0000_0110), 1)),
    extension(OID.subjectKeyIdentifier, false, der.octetString(keyId(publicKey))),
  ]
  return signed(
    random,
    { issuer: name, subject: name, validity, publicKey, extensions },
    privateKey,
    privateKey,
  )
}

/**
 * A certificate with a new key, signed by `authority`. `name` is the node's, for people; `hosts` are DNS names and IP
 * addresses that it is to be good for.
 */
export function makeNodeCertificate(
  random: Random,
  authority: KeyAndCertificate,
  node: {
    readonly clusterId: string
    readonly name: string
    readonly hosts: readonly string[]
    readonly validity: Validity
  },
): KeyAndCertificate {
  const { privateKey, publicKey } = newKey()
  const authorityKey = createPrivateKey(authority.key)
  const issuerKeyId = keyId(publicKeyOf(authorityKey))
  const extensions = [
    extension(OID.basicConstraints, true, der.sequence()),
    // digitalSignature is bit 0
    extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0b1000_0000), 7)),
    extension(OID.extKeyUsage, false, der.sequence(der.oid(OID.serverAuth), der.oid(OID.clientAuth))),
    extension(OID.subjectAltName, false, der.sequence(...node.hosts.map(generalName))),
    extension(OID.subjectKeyIdentifier, false, der.octetString(keyId(publicKey))),
    extension(OID.authorityKeyIdentifier, false, der.sequence(der.implicit(0, issuerKeyId))),
  ]
  const subject = distinguishedName(node.name, node.clusterId)
  const issuer = authorityName(node.clusterId)
  return signed(
    random,
    { issuer, subject, validity: node.validity, publicKey, extensions },
    privateKey,
    authorityKey,
  )
}

interface Body {
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly validity: Validity
  readonly publicKey: KeyObject
  readonly extensions: readonly Uint8Array[]
}

/** §4.1: `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`. */
function signed(random: Random, body: Body, key: KeyObject, signer: KeyObject): KeyAndCertificate {
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256))
  const { notBefore, notAfter } = body.validity
  const serial = Uint8Array.from(random.bytes(SERIAL_BYTES))
  // positive, not zero, and of one length
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    body.issuer,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    body.subject,
    body.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...body.extensions)),
  )
  const signature = sign('sha256', toBeSigned, signer)
  const certificate = der.sequence(toBeSigned, algorithm, der.bitString(signature))
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem('CERTIFICATE', certificate),
  }
}

const newKey = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })

const publicKeyOf = (privateKey: KeyObject): KeyObject => createPublicKey(privateKey)

/** §4.2.1.2, method 1 with SHA-256 instead of SHA-1, cut to 160 bits (RFC 7093 §2). */
const keyId = (publicKey: KeyObject): Uint8Array =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)

const extension = (id: string, isCritical: boolean, value: Uint8Array): Buffer =>
  der.sequence(der.oid(id), ...(isCritical ? [der.boolean(true)] : []), der.octetString(value))

const authorityName = (clusterId: string): Buffer => distinguishedName('Basalt cluster authority', clusterId)

const distinguishedName = (commonName: string, clusterId: string): Buffer =>
  der.sequence(
    der.set(der.sequence(der.oid(OID.organization), der.utf8String(`Basalt ${clusterId}`))),
    der.set(der.sequence(der.oid(OID.commonName), der.utf8String(commonName))),
  )

/** §4.2.1.6: iPAddress is [7], dNSName is [2]. */
function generalName(host: string): Buffer {
  const family = isIP(host)
  if (family === 0) return der.implicit(2, Buffer.from(host, 'ascii'))
  return der.implicit(7, family === 4 ? Uint8Array.from(host.split('.').map(Number)) : ipv6Bytes(host))
}

/** The 16 bytes of an IPv6 address (RFC 4291 §2.2), by way of the URL parser, which writes it in full form. */
function ipv6Bytes(address: string): Uint8Array {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >>> 8, group & 0xff]))
}

const pem = (label: string, content: Uint8Array): string => {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
