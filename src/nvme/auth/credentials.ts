/** From an entry of the access rules to the keys that it holds. */
import type { DhchapCredential } from '../../frontend/access.ts'
import type { Secret } from '../../frontend/secret.ts'
import { type DhchapKey, parseSecret, type SecretFault } from './secret.ts'

export interface DhchapKeys {
  readonly hostKey: DhchapKey
  /** What the controller proves itself with to a host that asks. */
  readonly controllerKey: DhchapKey | undefined
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
