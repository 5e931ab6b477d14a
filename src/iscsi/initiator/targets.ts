/** The answer to SendTargets (RFC 7143 appendix C): target names, each followed by its addresses. */
import type { HostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import type { TextPair } from '../text/pairs.ts'
import { parseTargetAddress } from './login.ts'

export interface DiscoveredTarget {
  readonly targetName: string
  readonly portals: readonly DiscoveredPortal[]
}

interface DiscoveredPortal {
  readonly address: HostPort
  /** Undefined when the target did not say. */
  readonly portalGroupTag: number | undefined
}

/** A target without an address is where it was asked for. PROTOCOL when the answer has another form. */
export function readTargets(pairs: readonly TextPair[], askedAt: HostPort): DiscoveredTarget[] {
  const targets: { targetName: string; portals: DiscoveredPortal[] }[] = []
  for (const { key, value } of pairs) {
    if (key === 'TargetName') targets.push({ targetName: value, portals: [] })
    else if (key === 'TargetAddress') {
      const address = parseTargetAddress(value)
      const target = targets.at(-1)
      if (address === undefined || target === undefined) {
        throw new BlockError('PROTOCOL', `SendTargets: TargetAddress=${value} is out of place or malformed`)
      }
      const tag = /,(\d{1,5})$/.exec(value)?.[1]
      target.portals.push({ address, portalGroupTag: tag === undefined ? undefined : Number(tag) })
    }
  }
  for (const { portals } of targets) {
    if (portals.length === 0) portals.push({ address: askedAt, portalGroupTag: undefined })
  }
  return targets
}
