/**
 * Who may use a volume, as the operator wrote it, and the rules that such a statement must meet: CHAP secrets
 * as RFC 7143 wants them, and no service outside loopback that is open to everybody.
 */
import { formatHostPort, type HostPort, isLoopback } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import type { AccessRules, DhchapCredential } from '../frontend/access.ts'
import type { Secret } from '../frontend/secret.ts'

export interface ChapCredentials {
  readonly user: string
  readonly secret: Secret
}

export interface AccessConfig {
  /** What initiators prove; with `mutual`, what the target proves to them. */
  readonly chap?: ChapCredentials & { readonly mutual?: ChapCredentials }
  /** Names of the initiators that may log in; everybody when it is not there. */
  readonly initiators?: readonly string[]
  /** What NVMe hosts prove, each by its own secret; a host that is not there is refused. */
  readonly dhchap?: readonly DhchapCredential[]
  /** NQNs of the NVMe hosts that may connect; everybody when it is not there. */
  readonly hosts?: readonly string[]
}

const hasIscsiRules = ({ chap, initiators }: AccessConfig): boolean =>
  chap !== undefined || initiators !== undefined
const hasNvmeRules = ({ dhchap, hosts }: AccessConfig): boolean => dhchap !== undefined || hosts !== undefined

/** Whether it says anything of who may use the volumes. */
export const hasRules = (access: AccessConfig): boolean => hasIscsiRules(access) || hasNvmeRules(access)

/**
 * The rules that it comes to. Without a word everything is open; outside loopback that is refused before. Who has made rules
 * for one protocol has not opened the other: that one is for nobody until it has rules of its own.
 */
export function rulesOf(access: AccessConfig): AccessRules {
  const { chap, initiators, dhchap, hosts } = access
  const others = hasRules(access) ? [] : 'any'
  return {
    initiators: initiators ?? (hasIscsiRules(access) ? 'any' : others),
    chap: chap === undefined ? [] : [chap],
    hosts: hosts ?? (hasNvmeRules(access) ? 'any' : others),
    dhchap: dhchap ?? [],
  }
}

/** 96 bits: with less, RFC 7143 allows CHAP only under IPsec. */
const SECRET_BYTES_MIN = 12
const SECRET_BYTES_MAX = 255
/** What every initiator can be given; Microsoft's takes no more. */
const SECRET_BYTES_COMMON = 16

/** Throws INVALID_ARGUMENT for secrets that must not be used; returns a sentence for each that is unwise. */
export function checkChap(chap: NonNullable<AccessConfig['chap']>, place: string): string[] {
  const warnings: string[] = []
  const both: readonly (readonly [string, ChapCredentials | undefined])[] = [
    ['chap', chap],
    ['chap.mutual', chap.mutual],
  ]
  for (const [name, credentials] of both) {
    const lengthBytes = credentials?.secret.lengthBytes
    if (lengthBytes === undefined) continue
    if (lengthBytes < SECRET_BYTES_MIN || lengthBytes > SECRET_BYTES_MAX) {
      throw new BlockError(
        'INVALID_ARGUMENT',
        `${place}: ${name}: the secret has ${lengthBytes} bytes; use ${SECRET_BYTES_MIN} to ${SECRET_BYTES_COMMON} random ones (RFC 7143 wants 96 bits at least)`,
      )
    }
    if (lengthBytes > SECRET_BYTES_COMMON) {
      warnings.push(
        `${place}: ${name}: the secret has ${lengthBytes} bytes; some initiators take no more than ${SECRET_BYTES_COMMON}`,
      )
    }
  }
  if (chap.mutual?.secret.equals(chap.secret)) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${place}: chap.mutual: its secret is the one of chap; each direction needs its own (RFC 7143)`,
    )
  }
  return warnings
}

/** ACCESS_DENIED when a front end or the HTTP API would serve everybody who reaches this machine. */
export function refuseOpenService(options: {
  readonly iscsi: readonly HostPort[]
  readonly nvme: readonly HostPort[]
  readonly access: AccessConfig
  readonly api: {
    readonly flag: string
    readonly tokenFlag: string
    readonly listen: HostPort
    readonly hasToken: boolean
  }
}): void {
  const { iscsi, nvme, access, api } = options
  for (const [flag, addresses, keys] of [
    ['iscsi', iscsi, 'chap or initiators'],
    ['nvme', nvme, 'dhchap or hosts'],
  ] as const) {
    const open = addresses.find(({ host }) => !isLoopback(host))
    if (open === undefined || hasRules(access)) continue
    throw new BlockError(
      'ACCESS_DENIED',
      `--${flag} ${formatHostPort(open)} would let everybody who reaches this machine write to the volume; add ${keys} to the --config file, or listen on 127.0.0.1`,
    )
  }
  if (!isLoopback(api.listen.host) && !api.hasToken) {
    throw new BlockError(
      'ACCESS_DENIED',
      `${api.flag} ${formatHostPort(api.listen)} would serve everybody who reaches this machine; add ${api.tokenFlag}, or listen on 127.0.0.1`,
    )
  }
}
