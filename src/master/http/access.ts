/** Who may log in to a volume, as it comes over the API: secrets in the clear, and sealed before anything else is done. */
import { type Static, Type } from 'typebox'
import { parseDhchapSecret } from '../../base/dhchap-secret.ts'
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName, parseNqn, printable } from '../../base/names.ts'
import type { AccessRecord, SealedDhchap } from '../records.ts'
import { CLOSED, nullable } from './schemas.ts'

/** Encrypts a secret for the registry. */
export type AccessSealer = (text: string) => string

/** RFC 7143 §12.1.3: 96 bits at least; what every initiator can be given is 16 bytes. */
const SECRET_BYTES_MIN = 12
const SECRET_BYTES_MAX = 255

const User = Type.String({ minLength: 1, maxLength: 255 })
const ChapSecret = Type.String({
  minLength: 1,
  maxLength: SECRET_BYTES_MAX,
  writeOnly: true,
  description: `${SECRET_BYTES_MIN} to 16 random bytes; some initiators take no more`,
})

const NqnText = Type.String({ minLength: 1, maxLength: 223 })
const DhchapSecret = Type.String({
  minLength: 1,
  maxLength: 255,
  writeOnly: true,
  description: '`DHHC-1:HH:BASE64:`, as `nvme gen-dhchap-key` prints it',
})
const DHCHAP_SECRETS = {
  secret: DhchapSecret,
  controller_secret: Type.Optional(nullable(DhchapSecret)),
}
/** Of one host that is named elsewhere. */
export const DhchapBody = Type.Object(DHCHAP_SECRETS, CLOSED)
const HOSTS_MAX = 1000
/** Servers keep them beside their replicas, sealed, within 64 KiB. */
const DHCHAP_MAX = 64

export const AccessBody = Type.Object(
  {
    initiators: nullable(
      Type.Array(Type.String({ minLength: 1, maxLength: 223 }), {
        maxItems: 1000,
        description: 'Names of initiators (IQN); empty: nobody. Null: as the servers are configured',
      }),
    ),
    chap: nullable(
      Type.Object(
        {
          user: User,
          secret: ChapSecret,
          mutual: Type.Optional(nullable(Type.Object({ user: User, secret: ChapSecret }, CLOSED))),
        },
        CLOSED,
      ),
    ),
    hosts: Type.Optional(
      nullable(
        Type.Array(NqnText, {
          maxItems: HOSTS_MAX,
          description:
            'Names of NVMe hosts (NQN); empty: nobody. Null or left out: as the servers are configured',
        }),
      ),
    ),
    dhchap: Type.Optional(
      Type.Array(Type.Object({ host: NqnText, ...DHCHAP_SECRETS }, CLOSED), {
        maxItems: DHCHAP_MAX,
        description: 'DH-HMAC-CHAP by NVMe host; empty or left out: none is asked for',
      }),
    ),
  },
  CLOSED,
)
export type AccessBody = Static<typeof AccessBody>

/** INVALID_ARGUMENT for names and secrets that must not be used. No error and no record holds a secret. */
export function accessOf(body: AccessBody, seal: AccessSealer): AccessRecord {
  const { initiators, chap } = body
  const hosts = body.hosts == null ? null : [...new Set(body.hosts.map((nqn) => parseNqn(nqn, 'hosts')))]
  if (chap !== null) {
    checkSecret(chap.secret, 'chap.secret')
    if (chap.mutual != null) checkSecret(chap.mutual.secret, 'chap.mutual.secret')
    if (chap.mutual?.secret === chap.secret) {
      throw refused('chap.mutual.secret is the one of chap; each direction needs its own (RFC 7143)')
    }
  }
  return {
    initiators: initiators === null ? null : uniqueNames(initiators),
    chap:
      chap === null
        ? null
        : {
            user: chap.user,
            sealedSecret: seal(chap.secret),
            mutual:
              chap.mutual == null ? null : { user: chap.mutual.user, sealedSecret: seal(chap.mutual.secret) },
          },
    hosts,
    dhchap: dhchapOf(body.dhchap ?? [], hosts, seal),
  }
}

function dhchapOf(
  entries: NonNullable<AccessBody['dhchap']>,
  hosts: readonly string[] | null,
  seal: AccessSealer,
): AccessRecord['dhchap'] {
  const seen = new Set<string>()
  const admitted = hosts === null ? null : new Set(hosts.map((nqn) => nqn.toLowerCase()))
  return entries.map(({ host, ...secrets }) => {
    const key = parseNqn(host, 'dhchap.host').toLowerCase()
    if (seen.has(key)) throw refused(`dhchap names ${printable(host)} twice`, 'dhchap_host')
    if (admitted?.has(key) === false) {
      throw refused(`dhchap names ${printable(host)}, which hosts does not let in`, 'dhchap_host')
    }
    seen.add(key)
    return { host, ...sealedDhchap(secrets, seal) }
  })
}

/** INVALID_ARGUMENT as `accessOf`. */
export function sealedDhchap(
  { secret, controller_secret }: Static<typeof DhchapBody>,
  seal: AccessSealer,
): SealedDhchap {
  parseDhchapSecret(secret, 'dhchap.secret')
  if (controller_secret != null) {
    parseDhchapSecret(controller_secret, 'dhchap.controller_secret')
    // else what the controller sends could be given back to it as the host's answer
    if (controller_secret === secret) {
      throw refused('dhchap.controller_secret is the one of its host; each needs its own', 'dhchap_secret')
    }
  }
  return {
    sealedSecret: seal(secret),
    sealedControllerSecret: controller_secret == null ? null : seal(controller_secret),
  }
}

const uniqueNames = (names: readonly string[]): string[] => [
  ...new Set(names.map((name) => parseIscsiName(name, 'initiators'))),
]

function checkSecret(secret: string, field: string): void {
  const lengthBytes = Buffer.byteLength(secret)
  if (lengthBytes >= SECRET_BYTES_MIN && lengthBytes <= SECRET_BYTES_MAX) return
  throw refused(
    `${field} has ${lengthBytes} bytes; use ${SECRET_BYTES_MIN} to 16 random ones (RFC 7143 wants 96 bits at least)`,
  )
}

const refused = (message: string, reason = 'chap_secret'): BlockError =>
  new BlockError('INVALID_ARGUMENT', message, { facts: { reason } })
