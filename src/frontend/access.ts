/**
 * Who may use a volume: names of initiators (IQN) or hosts (NQN), and the secrets they prove themselves with.
 * Names compare as the protocols compare them, in lower case. Whether a volume without rules is open to anyone is
 * the policy of whoever makes the rules; here an empty list lets nobody in.
 */
import type { Secret } from './secret.ts'

/** A name and its secret, and optionally what the target proves itself with to that initiator. */
export interface ChapCredential {
  readonly user: string
  readonly secret: Secret
  readonly mutual?: { readonly user: string; readonly secret: Secret }
}

export interface AccessRules {
  readonly initiators: 'any' | readonly string[]
  /** Empty: no authentication is asked for. */
  readonly chap: readonly ChapCredential[]
}

/** Anyone, without authentication: for loopback and for tests. */
export const OPEN_ACCESS: AccessRules = { initiators: 'any', chap: [] }

/** Whether the initiator or host of this name may connect, authentication aside. */
export function mayConnect(rules: AccessRules, name: string): boolean {
  if (rules.initiators === 'any') return true
  const wanted = name.toLowerCase()
  return rules.initiators.some((allowed) => allowed.toLowerCase() === wanted)
}
