/** From access rules to keys: what a host of a volume has to prove itself with. */
import type { AccessRules, DhchapCredential } from '../../frontend/access.ts'
import type { Secret } from '../../frontend/secret.ts'
import { type DhchapKey, parseSecret, type SecretFault } from './secret.ts'

export interface DhchapKeys {
  readonly hostKey: DhchapKey
  /** What the controller proves itself with to a host that asks. */
  readonly controllerKey: DhchapKey | undefined
}

export type HostAuthentication =
  /** The volume asks for no authentication. */
  | { readonly kind: 'none' }
  | ({ readonly kind: 'keys' } & DhchapKeys)
  /** The volume asks for authentication, and the host has no entry, or one that cannot be read. */
  | { readonly kind: 'refused'; readonly fault: SecretFault | 'unknown-host' }

/** How the host of this name has to authenticate; names compare without regard to case. */
export function authenticationOf(rules: Pick<AccessRules, 'dhchap'>, hostNqn: string): HostAuthentication {
  if (rules.dhchap.length === 0) return { kind: 'none' }
  const wanted = hostNqn.toLowerCase()
  const credential = rules.dhchap.find(({ host }) => host.toLowerCase() === wanted)
  if (credential === undefined) return { kind: 'refused', fault: 'unknown-host' }
  const keys = keysOf(credential)
  return typeof keys === 'string' ? { kind: 'refused', fault: keys } : { kind: 'keys', ...keys }
}

/** The keys of an entry, or why one of them cannot be read. */
export function keysOf({ secret, controllerSecret }: DhchapCredential): DhchapKeys | SecretFault {
  const hostKey = read(secret)
  if (typeof hostKey === 'string') return hostKey
  const controllerKey = controllerSecret === undefined ? undefined : read(controllerSecret)
  return typeof controllerKey === 'string' ? controllerKey : { hostKey, controllerKey }
}

const read = (secret: Secret): DhchapKey | SecretFault =>
  secret.lend((bytes) => parseSecret(Buffer.from(bytes).toString('latin1')))
