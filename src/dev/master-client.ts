/** What `basalt dev` asks of its master: over the HTTP API, as everybody does. */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BlockError } from '../base/errors.ts'

const REQUEST_MS = 5_000

const Volume = Type.Object({
  name: Type.String(),
  serving: Type.Boolean(),
  health_reasons: Type.Array(Type.String()),
  iqn: Type.Union([Type.String(), Type.Null()]),
  iscsi_addr: Type.Union([Type.String(), Type.Null()]),
  nqn: Type.String(),
  nvme_addr: Type.Union([Type.String(), Type.Null()]),
})
export type DevVolume = Static<typeof Volume>
const Servers = Type.Object({
  servers: Type.Array(Type.Object({ name: Type.String(), connection: Type.String() })),
})

const Status = Type.Object({
  lock: Type.Union([Type.Object({ detail: Type.String() }), Type.Null()]),
})

export class MasterClient {
  readonly address: string
  readonly #origin: string

  /** `address`: HOST:PORT. */
  constructor(address: string) {
    this.address = address
    this.#origin = `http://${address}`
  }

  /** Names of the servers that are connected. */
  async connected(): Promise<string[]> {
    const { servers } = checked(Servers, await this.#ask('GET', '/block/servers'))
    return servers.filter(({ connection }) => connection === 'connected').map(({ name }) => name)
  }

  /** The cluster as a whole. */
  async status(): Promise<Static<typeof Status>> {
    return checked(Status, await this.#ask('GET', '/block/status'))
  }

  /** Undefined when there is no such volume. */
  async volume(name: string): Promise<DevVolume | undefined> {
    try {
      return checked(Volume, await this.#ask('GET', `/block/volume/${name}`))
    } catch (error) {
      if (error instanceof BlockError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** Idempotent by name and parameters. */
  async createVolume(wish: {
    readonly name: string
    readonly sizeBytes: number
    readonly replicas: number
  }): Promise<void> {
    const { name, sizeBytes, replicas } = wish
    await this.#ask('POST', '/block/volume', { name, size_bytes: sizeBytes, replica_factor: replicas })
  }

  /** The answer's JSON. NOT_FOUND, CONFLICT and BUSY by the status; DISCONNECTED when nobody answers. */
  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const where = `${this.#origin}${path}`
    let response: Response
    let answer: unknown
    try {
      response = await fetch(where, {
        method,
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      answer = await response.json()
    } catch (cause) {
      throw new BlockError('DISCONNECTED', `${where}: the master did not answer`, { cause })
    }
    if (response.ok) return answer
    const code =
      response.status === 404 ? 'NOT_FOUND' : response.status === 409 ? 'CONFLICT' : ('BUSY' as const)
    const detail =
      typeof answer === 'object' && answer !== null && 'detail' in answer ? String(answer.detail) : ''
    throw new BlockError(code, `${where}: ${response.status} ${detail}`)
  }
}

function checked<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (Value.Check(schema, value)) return value
  throw new BlockError('PROTOCOL', 'the master answered something that was not expected')
}
