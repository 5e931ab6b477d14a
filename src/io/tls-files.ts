/**
 * Certificates and keys from files, checked before anything listens: what would fail at the first connection, with an
 * error that names neither file nor remedy, is refused at the start.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { open } from 'node:fs/promises'
import { BlockError } from '../base/errors.ts'
import { isReadableByOthers } from '../base/file-modes.ts'
import type { TlsIdentity } from '../base/tls.ts'
import { isSystemError } from './system-error.ts'

/** Paths of the three files, each PEM. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface LoadedTls {
  readonly identity: TlsIdentity
  /** DNS names of the node's certificate. */
  readonly names: readonly string[]
  /** Wall clock at which the node's certificate, or the authority's if that is sooner, is no longer valid. */
  readonly notAfterMs: number
  /** Things that work and are unwise, a sentence each: a key that others may read, an end that is near. */
  readonly warnings: readonly string[]
}

const FILE_BYTES_MAX = 64 * 1024
const DAY_MS = 86_400_000
/** So long before its end a certificate is worth a warning at each start. */
const SOON_MS = 30 * DAY_MS

/**
 * Reads and checks the files. `flags` name them in errors. NOT_FOUND and DISK as they come; INVALID_ARGUMENT for what is
 * not PEM, a key of another certificate, a certificate of another authority, or one that is not valid at `wallMs`.
 */
export async function loadTls(
  files: TlsFiles,
  wallMs: number,
  flags: Readonly<Record<keyof TlsFiles, string>> = { ca: '--tls-ca', cert: '--tls-cert', key: '--tls-key' },
): Promise<LoadedTls> {
  const [ca, cert, key] = await Promise.all([
    readPem(files.ca, flags.ca),
    readPem(files.cert, flags.cert),
    readPem(files.key, flags.key),
  ])
  const authority = parseCertificate(ca.bytes, `${flags.ca}: ${files.ca}`)
  const certificate = parseCertificate(cert.bytes, `${flags.cert}: ${files.cert}`)
  const privateKey = parseKey(key.bytes, `${flags.key}: ${files.key}`)
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid(`${flags.key}: ${files.key} is not the key of ${files.cert}`)
  }
  if (!authority.ca || !certificate.verify(authority.publicKey)) {
    throw invalid(`${flags.cert}: ${files.cert} was not signed by the authority in ${files.ca}`)
  }
  const notAfterMs = Math.min(certificate.validToDate.getTime(), authority.validToDate.getTime())
  refuseOutOfTime(certificate, `${flags.cert}: ${files.cert}`, wallMs)
  refuseOutOfTime(authority, `${flags.ca}: ${files.ca}`, wallMs)
  const warnings: string[] = []
  if (key.readableByOthers) {
    warnings.push(`${files.key} holds a private key and others may read it; chmod 600 it`)
  }
  if (notAfterMs - wallMs < SOON_MS) {
    const days = Math.floor((notAfterMs - wallMs) / DAY_MS)
    warnings.push(`${files.cert} ends in ${days} days; make a new one with 'basalt cluster certify'`)
  }
  const identity = { ca: ca.bytes, cert: cert.bytes, key: key.bytes }
  return { identity, names: dnsNamesOf(certificate), notAfterMs, warnings }
}

/** DNS names of a certificate's subjectAltName (RFC 5280 §4.2.1.6). */
const dnsNamesOf = (certificate: X509Certificate): string[] =>
  (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length))

async function readPem(path: string, flag: string): Promise<{ bytes: Buffer; readableByOthers: boolean }> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    const code = isSystemError(cause) ? cause.code : 'unknown'
    if (code === 'ENOENT') throw new BlockError('NOT_FOUND', `${flag}: ${path} does not exist`, { cause })
    throw new BlockError('DISK', `${flag}: cannot open ${path} (${code})`, { cause })
  })
  try {
    const stat = await handle.stat()
    if (!stat.isFile() || stat.size > FILE_BYTES_MAX) {
      throw invalid(`${flag}: ${path} is not a PEM file`)
    }
    return {
      bytes: await handle.readFile(),
      readableByOthers: isReadableByOthers(stat, process.getuid?.() ?? 0),
    }
  } finally {
    await handle.close()
  }
}

function parseCertificate(pem: Buffer, what: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw invalid(`${what} is not a certificate in PEM`, cause)
  }
}

function parseKey(pem: Buffer, what: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // the library's error is not kept as cause: it may quote what it could not read
    throw invalid(`${what} is not a private key in PEM without a password`)
  }
}

function refuseOutOfTime(certificate: X509Certificate, what: string, wallMs: number): void {
  if (wallMs < certificate.validFromDate.getTime()) {
    throw invalid(`${what} is valid from ${certificate.validFromDate.toISOString()} on; is the clock right?`)
  }
  if (wallMs <= certificate.validToDate.getTime()) return
  throw invalid(
    `${what} was valid until ${certificate.validToDate.toISOString()}; make a new one with 'basalt cluster certify'`,
  )
}

const invalid = (message: string, cause?: unknown): BlockError =>
  new BlockError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause })
