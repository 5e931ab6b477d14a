/**
 * The addresses at which the target listens, and what initiators are told of them. Every portal is a portal group of
 * its own, and so a SCSI target port of its own (RFC 7143 §4.4.2): an initiator that uses one ISID everywhere gets a
 * session at each portal, and reservations know by which path it registered. The price: no session spans portals,
 * which sessions of one connection never do.
 */
import type { Listener } from '../../base/ports/net.ts'

export interface Portal {
  readonly listener: Listener
  /** Told to initiators in place of the address that is listened at, when they reach it by another. */
  readonly advertise: { readonly host: string; readonly port: number } | undefined
  /** 0 for the first portal, and one more for each that follows. */
  readonly index: number
}

/** A portal as one initiator should use it. */
export interface AdvertisedPortal {
  /** `host:port`, an IPv6 host in brackets. */
  readonly address: string
  readonly index: number
}

/**
 * Every portal as one initiator should use it, which came in at `localAddress`: a portal that listens everywhere is
 * told by the address that the initiator evidently reaches. Of portals with one address the first counts.
 */
export function advertisedPortals(
  portals: readonly Portal[],
  localAddress: string,
): readonly AdvertisedPortal[] {
  const localHost = localAddress.slice(0, localAddress.lastIndexOf(':'))
  const byAddress = new Map<string, AdvertisedPortal>()
  for (const { listener, advertise, index } of portals) {
    const isWildcard = listener.host === '0.0.0.0' || listener.host === '::' || listener.host === ''
    const { host, port } = advertise ?? { host: isWildcard ? localHost : listener.host, port: listener.port }
    const address = format(host, port)
    if (!byAddress.has(address)) byAddress.set(address, { address, index })
  }
  return [...byAddress.values()]
}

const format = (host: string, port: number): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
