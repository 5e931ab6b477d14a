/** The addresses at which the target listens, and what hosts are told of them. */
import type { Listener } from '../../base/ports/net.ts'

export interface Port {
  readonly listener: Listener
  /** Told to hosts in place of the address that is listened at, when they reach it by another. */
  readonly advertise: { readonly host: string; readonly port: number } | undefined
}

/**
 * Every port as a host should use it that came in at `localAddress`: one that listens everywhere is told by the address
 * that the host evidently reaches. Each address once. Hosts are without brackets.
 */
export function advertisedAddresses(
  ports: readonly Port[],
  localAddress: string,
): readonly { readonly host: string; readonly port: number }[] {
  const localHost = plainHost(localAddress.slice(0, localAddress.lastIndexOf(':')))
  const told = new Map<string, { readonly host: string; readonly port: number }>()
  for (const { listener, advertise } of ports) {
    const isWildcard = listener.host === '0.0.0.0' || listener.host === '::' || listener.host === ''
    const { host, port } = advertise ?? { host: isWildcard ? localHost : listener.host, port: listener.port }
    const address = { host: plainHost(host), port }
    const key = `${address.host}|${port}`
    if (!told.has(key)) told.set(key, address)
  }
  return [...told.values()]
}

/** `HOST:PORT` of a path, as the master tells it; undefined when it is none. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const at = text.lastIndexOf(':')
  const port = Number(text.slice(at + 1))
  return at > 0 && Number.isInteger(port) ? { host: plainHost(text.slice(0, at)), port } : undefined
}

const plainHost = (host: string): string =>
  host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
