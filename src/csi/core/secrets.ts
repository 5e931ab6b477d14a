/**
 * Secrets of a call, by the names of their keys: ours, or those that open-iscsi's configuration has. What else a Secret of
 * the orchestrator holds is none of ours. No error tells a value.
 */
import { CsiError } from '../server/csi-error.ts'

export interface ChapSecrets {
  readonly user: string
  readonly secret: string
  /** The target proves itself, too. */
  readonly mutual: { readonly user: string; readonly secret: string } | null
}

export interface DhchapSecrets {
  /** `DHHC-1:…`, of the host. */
  readonly secret: string
  /** The controller proves itself with it. */
  readonly controllerSecret: string | null
}

type Secrets = Readonly<Record<string, string>>

const CHAP_KEYS = {
  user: ['chap-user', 'node.session.auth.username'],
  secret: ['chap-secret', 'node.session.auth.password'],
  mutualUser: ['chap-mutual-user', 'node.session.auth.username_in'],
  mutualSecret: ['chap-mutual-secret', 'node.session.auth.password_in'],
} as const
const DHCHAP_KEY = 'dhchap-secret'
const DHCHAP_CONTROLLER_KEY = 'dhchap-controller-secret'

/** CHAP of iSCSI; null when none is given. INVALID_ARGUMENT for half of it. */
export function chapOf(secrets: Secrets): ChapSecrets | null {
  const user = find(secrets, CHAP_KEYS.user)
  const secret = find(secrets, CHAP_KEYS.secret)
  const mutual = {
    user: find(secrets, CHAP_KEYS.mutualUser),
    secret: find(secrets, CHAP_KEYS.mutualSecret),
  }
  refuseHalf([CHAP_KEYS.user, user], [CHAP_KEYS.secret, secret])
  refuseHalf([CHAP_KEYS.mutualUser, mutual.user], [CHAP_KEYS.mutualSecret, mutual.secret])
  if (user === null || secret === null) {
    if (mutual.user === null) return null
    throw invalid(`${CHAP_KEYS.mutualUser[0]} needs ${CHAP_KEYS.user[0]} and ${CHAP_KEYS.secret[0]}, too`)
  }
  return {
    user,
    secret,
    mutual:
      mutual.user === null || mutual.secret === null ? null : { user: mutual.user, secret: mutual.secret },
  }
}

/** DH-HMAC-CHAP of NVMe; null when none is given. INVALID_ARGUMENT for a controller's secret alone. */
export function dhchapOf(secrets: Secrets): DhchapSecrets | null {
  const secret = find(secrets, [DHCHAP_KEY])
  const controllerSecret = find(secrets, [DHCHAP_CONTROLLER_KEY])
  if (secret !== null) return { secret, controllerSecret }
  if (controllerSecret === null) return null
  throw invalid(`${DHCHAP_CONTROLLER_KEY} needs ${DHCHAP_KEY}, too`)
}

/**
 * INVALID_ARGUMENT for secrets of DH-HMAC-CHAP in a call that makes a volume: they are a host's, which is not known yet, and a
 * secret that nothing asks for would only look safe.
 */
export function refuseDhchap(secrets: Secrets): void {
  if (dhchapOf(secrets) === null) return
  throw invalid(
    `${DHCHAP_KEY}: it is set when the volume is published to a host; name its Secret for publishing (csi.storage.k8s.io/controller-publish-secret-name) and staging, and not for provisioning`,
  )
}

/** An empty value is none: templates leave such behind. */
function find(secrets: Secrets, keys: readonly string[]): string | null {
  const given = keys.flatMap((key) => {
    const value = Object.hasOwn(secrets, key) ? secrets[key] : undefined
    return value === undefined || value === '' ? [] : [value]
  })
  const [first, second] = given
  if (first !== undefined && second !== undefined && first !== second) {
    throw invalid(`${keys.join(' and ')} differ; give one of them`)
  }
  return first ?? null
}

type Half = readonly [keys: readonly string[], value: string | null]

function refuseHalf([keys, value]: Half, [otherKeys, other]: Half): void {
  if ((value === null) === (other === null)) return
  const [given, lacking] = value === null ? [otherKeys, keys] : [keys, otherKeys]
  throw invalid(`${given[0]} needs ${lacking[0]}, too`)
}

const invalid = (message: string): CsiError => new CsiError('INVALID_ARGUMENT', `secrets: ${message}`)
