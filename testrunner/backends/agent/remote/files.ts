/** Files and ports of the machine. */
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

export function put(path: string, content: Uint8Array, mode: number): void {
  fs.mkdirSync(dirname(path), { recursive: true })
  fs.writeFileSync(path, content, { mode })
  // one that was there keeps its mode
  fs.chmodSync(path, mode)
}

/** Its last bytes. */
export function get(path: string, bytesMax: number): Buffer {
  const file = fs.openSync(path, 'r')
  try {
    const size = fs.fstatSync(file).size
    const content = Buffer.alloc(Math.min(size, bytesMax))
    let length = 0
    while (length < content.length) {
      const read = fs.readSync(file, content, length, content.length - length, size - content.length + length)
      if (read === 0) break
      length += read
    }
    return content.subarray(0, length)
  } finally {
    fs.closeSync(file)
  }
}

export const remove = (path: string): void => fs.rmSync(path, { recursive: true, force: true })

/** Where a program is that a shell would find; undefined: nowhere. */
export function which(program: string): string | undefined {
  if (program.includes('/')) return isExecutable(program) ? program : undefined
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, program))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.X_OK)
    return fs.statSync(path).isFile()
  } catch {
    // whatever the reason is, it cannot be started
    return false
  }
}

const PORT_LOWEST = 15_000

/** Below the range of outgoing connections: one of those could take the port of a daemon that is away. */
export async function freePorts(count: number, without: readonly number[]): Promise<readonly number[]> {
  const range = fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
  const end = Number(range.trim().split(/\s+/)[0])
  if (!(end > PORT_LOWEST + 1000))
    throw new Error(`no room for ports below the ephemeral range (${range.trim()})`)
  const taken = new Set(without)
  const found: number[] = []
  for (let attempt = 0; found.length < count && attempt < 50 * count; attempt++) {
    const port = PORT_LOWEST + Math.floor(Math.random() * (end - PORT_LOWEST))
    if (taken.has(port)) continue
    taken.add(port)
    if (await isFree(port)) found.push(port)
  }
  if (found.length < count) throw new Error('found no free ports')
  return found
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '0.0.0.0')
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
