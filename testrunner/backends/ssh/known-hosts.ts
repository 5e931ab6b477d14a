/** Which host keys are trusted: those of a file that the user names, or the one of a fingerprint. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import { promisify } from 'node:util'
import { BlockError } from '../../../src/base/errors.ts'
import type { SshNode } from './nodes-file.ts'

const SCAN_SECONDS = 10
const run = promisify(execFile)

/** Lines of a known_hosts file for that node alone. ACCESS_DENIED when its host key has another fingerprint. */
export async function knownHostsOf(node: SshNode): Promise<string> {
  if (node.fingerprint === null) {
    const path = node.knownHostsPath ?? ''
    return await fs.readFile(path, 'utf8').catch((cause: unknown) => {
      throw new BlockError('NOT_FOUND', `cannot read the known_hosts file ${path}`, { cause })
    })
  }
  const lines = await scan(node)
  const trusted = lines.filter((line) => fingerprintOf(line) === node.fingerprint)
  if (trusted.length > 0) return `${trusted.join('\n')}\n`
  const seen = lines.map(fingerprintOf).join(', ')
  throw new BlockError(
    'ACCESS_DENIED',
    `${node.name}: no host key of ${node.host}:${node.port} has the fingerprint ${node.fingerprint} (it has ${seen})`,
  )
}

async function scan({ name, host, port }: SshNode): Promise<readonly string[]> {
  const words = ['-T', `${SCAN_SECONDS}`, '-p', `${port}`, '--', host]
  const { stdout } = await run('ssh-keyscan', words, { timeout: 2 * SCAN_SECONDS * 1000 }).catch(
    (cause: unknown) => {
      throw new BlockError('DISCONNECTED', `${name}: ssh-keyscan of ${host}:${port} failed`, { cause })
    },
  )
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length === 0)
    throw new BlockError('DISCONNECTED', `${name}: no ssh server answers at ${host}:${port}`)
  return lines
}

/** Of `HOST TYPE BASE64`, as ssh-keygen prints it. */
const fingerprintOf = (line: string): string =>
  `SHA256:${createHash('sha256')
    .update(Buffer.from(line.split(' ')[2] ?? '', 'base64'))
    .digest('base64')
    .replace(/=+$/, '')}`
