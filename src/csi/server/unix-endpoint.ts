/**
 * The socket of the driver: where it is, and that nobody else listens there. A socket file stays behind when a process is
 * killed; it is removed only when a connection to it is refused.
 */
import { lstat, mkdir, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { BlockError } from '../../base/errors.ts'
import { printable } from '../../base/names.ts'

/** `sun_path` of sockaddr_un(7), without the byte that ends it. */
const PATH_BYTES_MAX = 107
const SCHEME = 'unix:'

/** The path of `unix:///PATH`, `unix:/PATH` or `/PATH`; INVALID_ARGUMENT for anything else. `what` names the flag. */
export function parseEndpoint(text: string, what: string): string {
  const rest = text.startsWith(SCHEME) ? text.slice(SCHEME.length).replace(/^\/\/(?=\/)/, '') : text
  if (!/^\/[^\0]*[^\0/]$/.test(rest) || rest.startsWith('//')) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${printable(text)}' is not a socket; write for example unix:///run/basalt-csi/csi.sock`,
    )
  }
  if (Buffer.byteLength(rest) > PATH_BYTES_MAX) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: a socket's path has at most ${PATH_BYTES_MAX} bytes; ${printable(rest)} has ${Buffer.byteLength(rest)}`,
    )
  }
  return rest
}

/**
 * Makes way for a socket at `path`: its directory is there afterwards, and no socket that nobody listens to. IN_USE when
 * somebody does, CONFLICT when something else is there; `what` begins the error.
 */
export async function clearEndpoint(path: string, what: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new BlockError('DISK', `${what}: cannot make ${dirname(path)} (${cause.code})`, { cause })
  })
  const found = await lstat(path).catch(missing)
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new BlockError(
      'CONFLICT',
      `${what}: ${path} is there and is no socket; remove it, or give another path`,
    )
  }
  if (await isAnswered(path)) {
    throw new BlockError(
      'IN_USE',
      `${what}: another process listens at ${path}; stop it, or give another path`,
    )
  }
  await unlink(path).catch(missing)
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

/** Whether somebody takes connections there. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      // its backlog is full, or it is not ours to enter: somebody is there
      else if (error.code === 'EAGAIN' || error.code === 'EACCES') resolve(true)
      else reject(error)
    })
  })
}
