/** The addresses at which the target listens, and what initiators are told of them. */
import type { Listener } from '../../base/ports/net.ts'

export interface Portal {
  readonly listener: Listener
  /** Told to initiators in place of the address that is listened at, when they reach it by another. */
  readonly advertise: { readonly host: string; readonly port: number } | undefined
}

/**
 * `host:port` of every portal as one initiator should use it, which came in at `localAddress`: a portal that
 * listens everywhere is told by the address that the initiator evidently reaches.
 */
export function advertisedAddresses(portals: readonly Portal[], localAddress: string): readonly string[] {
  const localHost = localAddress.slice(0, localAddress.lastIndexOf(':'))
  const addresses = portals.map(({ listener, advertise }) => {
    if (advertise !== undefined) return format(advertise.host, advertise.port)
    const isWildcard = listener.host === '0.0.0.0' || listener.host === '::' || listener.host === ''
    return isWildcard ? `${localHost}:${listener.port}` : format(listener.host, listener.port)
  })
  return [...new Set(addresses)]
}

const format = (host: string, port: number): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
