/**
 * Which process a connection on this computer belongs to, by /proc: the kernel's table of connections names an inode, and one of
 * the descriptors of the process that has it points there. Connections that come at once share one look.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'

interface Wanted {
  /** The connecting side's own port, and the one it connected to. */
  readonly port: number
  readonly peerPort: number
  resolve(machine: string | null): void
}

export interface SocketOwnersOptions {
  /** Processes of each machine, as of now. */
  readonly processes: () => ReadonlyMap<string, readonly number[]>
  /** Who has the connections of all other processes. */
  readonly others: string
}

export class SocketOwners {
  readonly #options: SocketOwnersOptions
  #waiting: Wanted[] = []
  #isLooking = false

  constructor(options: SocketOwnersOptions) {
    this.#options = options
  }

  /** The machine whose process connected from `port` to `peerPort`; null when the connection is gone. */
  of(port: number, peerPort: number): Promise<string | null> {
    return new Promise((resolve) => {
      this.#waiting.push({ port, peerPort, resolve })
      if (!this.#isLooking) void this.#look()
    })
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    while (this.#waiting.length > 0) {
      const wanted = this.#waiting
      this.#waiting = []
      const found = await this.#find(wanted).catch(() => new Map<Wanted, string>())
      for (const one of wanted) one.resolve(found.get(one) ?? null)
    }
    this.#isLooking = false
  }

  async #find(wanted: readonly Wanted[]): Promise<ReadonlyMap<Wanted, string>> {
    const found = new Map<Wanted, string>()
    const byInode = new Map<string, Wanted>()
    for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
      const missing = wanted.filter((one) => ![...byInode.values()].includes(one))
      if (missing.length === 0) break
      const inodes = inodesIn(await readFile(table, 'latin1').catch(() => ''), missing)
      for (const [one, inode] of inodes) byInode.set(inode, one)
    }
    // what no process of a machine has belongs to all the others
    for (const one of byInode.values()) found.set(one, this.#options.others)
    const left = new Set(byInode.keys())
    for (const [machine, pids] of this.#options.processes()) {
      for (const pid of pids) {
        if (left.size === 0) return found
        for (const inode of await socketsOf(pid)) {
          const one = left.delete(inode) ? byInode.get(inode) : undefined
          if (one !== undefined) found.set(one, machine)
        }
      }
    }
    return found
  }
}

/**
 * `sl local_address rem_address st … inode` (proc_net_tcp in the kernel's documentation): addresses end with `:PORT` in
 * hexadecimal. Inode 0: no process has it any more.
 */
export function inodesIn(table: string, wanted: readonly Wanted[]): ReadonlyMap<Wanted, string> {
  const byPorts = new Map(wanted.map((one) => [`${hex(one.port)} ${hex(one.peerPort)}`, one]))
  const found = new Map<Wanted, string>()
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/, 10)
    const one = byPorts.get(`${fields[1]?.slice(-4)} ${fields[2]?.slice(-4)}`)
    const inode = fields[9]
    if (one !== undefined && inode !== undefined && inode !== '0') found.set(one, inode)
  }
  return found
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

async function socketsOf(pid: number): Promise<readonly string[]> {
  const directory = `/proc/${pid}/fd`
  const names = await readdir(directory).catch((): string[] => [])
  const links = await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => '')))
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
}
