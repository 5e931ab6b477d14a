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

/** What an NVMe host proves itself with (DH-HMAC-CHAP), and optionally the controller to it. */
export interface DhchapCredential {
  /** NQN of the host. */
  readonly host: string
  /** In the standard form `DHHC-1:HH:BASE64:`. */
  readonly secret: Secret
  readonly controllerSecret?: Secret
}

export interface AccessRules {
  /** IQNs of iSCSI initiators. */
  readonly initiators: 'any' | readonly string[]
  /** Empty: no authentication is asked for. */
  readonly chap: readonly ChapCredential[]
  /** NQNs of NVMe hosts. */
  readonly hosts: 'any' | readonly string[]
  /** Empty: no authentication is asked for; else a host without an entry is refused. */
  readonly dhchap: readonly DhchapCredential[]
}

/** Anyone, without authentication: for loopback and for tests. */
export const OPEN_ACCESS: AccessRules = { initiators: 'any', chap: [], hosts: 'any', dhchap: [] }

/** Whether the iSCSI initiator of this name may connect, authentication aside. */
export const mayConnect = (rules: Pick<AccessRules, 'initiators'>, name: string): boolean =>
  isNamed(rules.initiators, name)

/** Whether the NVMe host of this name may connect, authentication aside. */
export const mayConnectHost = (rules: Pick<AccessRules, 'hosts'>, nqn: string): boolean =>
  isNamed(rules.hosts, nqn)

function isNamed(allowed: 'any' | readonly string[], name: string): boolean {
  if (allowed === 'any') return true
  const wanted = name.toLowerCase()
  return allowed.some((one) => one.toLowerCase() === wanted)
}
