/**
 * Ports of this computer for one run: below the kernel's ephemeral range, where no outgoing connection takes one while a killed
 * daemon is away, and each claimed, so that two runs at once do not choose the same.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { BlockError } from '../../../src/base/errors.ts'
import type { Random } from '../../../src/base/ports/random.ts'

const LOWEST = 15_000
const ROOM_MIN = 1000
const ATTEMPTS_MAX = 500

export class Ports {
  readonly #claim: (name: string) => Promise<boolean>
  readonly #release: (name: string) => Promise<void>
  readonly #random: Random

  constructor(
    claim: (name: string) => Promise<boolean>,
    release: (name: string) => Promise<void>,
    random: Random,
  ) {
    this.#claim = claim
    this.#release = release
    this.#random = random
  }

  /** BUSY when there are not so many. */
  async reserve(count: number): Promise<readonly number[]> {
    const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768')
    const end = Math.max(Number.parseInt(range, 10), LOWEST + ROOM_MIN)
    const found: number[] = []
    for (let attempt = 0; found.length < count && attempt < ATTEMPTS_MAX; attempt++) {
      const port = LOWEST + this.#random.integer(end - LOWEST)
      if (await this.#take(port)) found.push(port)
    }
    if (found.length === count) return found
    throw new BlockError('BUSY', `found ${found.length} free ports of ${count} below ${end}`)
  }

  async #take(port: number): Promise<boolean> {
    const name = `port-${port}`
    if (!(await this.#claim(name))) return false
    if (await isFree(port)) return true
    await this.#release(name)
    return false
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
