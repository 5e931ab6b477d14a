/** An agent on a node, over a session of its connection. */
import { spawn } from 'node:child_process'
import { BlockError } from '../../../src/base/errors.ts'
import { AGENT_DIRECTORY, AGENT_FILES, AGENT_FOLDER } from '../agent/agent-files.ts'
import { AgentLink } from '../agent/agent-link.ts'
import { childStream } from '../agent/child-stream.ts'
import type { SshConnection } from './connection.ts'
import { shLine } from './quote.ts'

export interface RemoteAgent {
  readonly link: AgentLink
  /** Resolves when everything there was cleared up, or the connection is gone. */
  readonly exited: Promise<void>
}

export interface AgentPlace {
  /** Of the machine, absolute. */
  readonly directory: string
  /** Of the product. */
  readonly product: string
  readonly mark: string
}

const INSTALL = 'umask 077; mkdir -p "$1" && tar -C "$1" -xf -'

/** DISK when its files cannot be put there. */
export async function openRemoteAgent(connection: SshConnection, place: AgentPlace): Promise<RemoteAgent> {
  const { directory, product, mark } = place
  const { name, hasSudo, user } = connection.node
  const folder = `${directory}/${AGENT_FOLDER}`
  const tar = spawn('tar', ['-C', AGENT_DIRECTORY, '-cf', '-', ...AGENT_FILES], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const put = await connection.run(shLine(INSTALL, folder), tar.stdout)
  if (put.code !== 0)
    throw new BlockError('DISK', `${name}: cannot write to ${folder}: ${put.stderr.trim().slice(-400)}`)
  const node = `${product}/node_modules/node/bin/node`
  const sudo = hasSudo && user !== 'root' ? '1' : '0'
  const child = connection.session(
    shLine('exec sh "$1/launch.sh" "$2" "$3" "$4" "$5"', folder, node, directory, mark, sudo),
  )
  const { stream, exited } = childStream(name, child)
  return { link: new AgentLink(stream), exited }
}
