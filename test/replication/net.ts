/** A network of several machines within the process: addresses are names, and a machine that dies resets its connections. */
import { BlockError } from '../../src/base/errors.ts'
import type { Connection, Listener, Net } from '../../src/base/ports/net.ts'
import { MemoryConnection } from '../support/memory-net.ts'

interface Port {
  readonly machine: string
  readonly accept: (connection: Connection) => void
}

export class Machines {
  readonly #ports = new Map<string, Port>()
  readonly #connections = new Map<MemoryConnection, string>()
  /** Machines that hear nobody, and nobody hears. */
  readonly cut = new Set<string>()
  #count = 0

  /** The network as one machine's process sees it. */
  of(machine: string): Net {
    return {
      listen: async (address, accept): Promise<Listener> => {
        const key = `${address.host}:${address.port}`
        this.#ports.set(key, { machine, accept })
        return {
          ...address,
          close: async () => {
            this.#ports.delete(key)
          },
        }
      },
      connect: async ({ host, port }): Promise<Connection> => {
        const there = this.#ports.get(`${host}:${port}`)
        if (there === undefined || this.cut.has(machine) || this.cut.has(there.machine)) {
          throw new BlockError('DISCONNECTED', `nobody listens at ${host}:${port}`)
        }
        const [near, far] = MemoryConnection.pair(`${machine}:${++this.#count}`, `${host}:${port}`)
        this.#connections.set(near, machine)
        this.#connections.set(far, there.machine)
        there.accept(far)
        return near
      },
    }
  }

  /** The machine's process is gone. */
  reset(machine: string): void {
    for (const [key, port] of [...this.#ports]) if (port.machine === machine) this.#ports.delete(key)
    this.sever(machine)
  }

  /** What others send it lies in the network until the call that is returned. */
  deafen(machine: string): () => void {
    const own = [...this.#connections].filter(([, owner]) => owner === machine).map(([one]) => one)
    for (const connection of own) connection.pause()
    return () => {
      for (const connection of own) connection.resume()
    }
  }

  /** Its connections break; it listens on. */
  sever(machine: string): void {
    for (const [connection, owner] of [...this.#connections]) {
      if (owner !== machine) continue
      this.#connections.delete(connection)
      connection.destroy()
    }
  }
}
