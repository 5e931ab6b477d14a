/** From access rules to keys: what a host of a volume has to prove itself with. */
import type { AccessRules } from '../../frontend/access.ts'
import type { Secret } from '../../frontend/secret.ts'
import { type DhchapKey, parseSecret, type SecretFault } from './secret.ts'

export type HostAuthentication =
  /** The volume asks for no authentication. */
  | { readonly kind: 'none' }
  | { readonly kind: 'keys'; readonly hostKey: DhchapKey; readonly controllerKey: DhchapKey | undefined }
  /** The volume asks for authentication, and the host has no entry, or one that cannot be read. */
  | { readonly kind: 'refused'; readonly fault: SecretFault | 'unknown-host' }

/** How the host of this name has to authenticate; names compare without regard to case. */
export function authenticationOf(rules: Pick<AccessRules, 'dhchap'>, hostNqn: string): HostAuthentication {
  if (rules.dhchap.length === 0) return { kind: 'none' }
  const wanted = hostNqn.toLowerCase()
  const credential = rules.dhchap.find(({ host }) => host.toLowerCase() === wanted)
  if (credential === undefined) return { kind: 'refused', fault: 'unknown-host' }
  const hostKey = read(credential.secret)
  if (typeof hostKey === 'string') return { kind: 'refused', fault: hostKey }
  const { controllerSecret } = credential
  const controllerKey = controllerSecret === undefined ? undefined : read(controllerSecret)
  if (typeof controllerKey === 'string') return { kind: 'refused', fault: controllerKey }
  return { kind: 'keys', hostKey, controllerKey }
}

const read = (secret: Secret): DhchapKey | SecretFault =>
  secret.lend((bytes) => parseSecret(Buffer.from(bytes).toString('latin1')))
