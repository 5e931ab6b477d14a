/** Who may log in to a volume, as it comes over the API: secrets in the clear, and sealed before anything else is done. */
import { type Static, Type } from 'typebox'
import { BlockError } from '../../base/errors.ts'
import { parseIscsiName } from '../../base/names.ts'
import type { AccessRecord } from '../records.ts'
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
  },
  CLOSED,
)
export type AccessBody = Static<typeof AccessBody>

/** INVALID_ARGUMENT for names and secrets that must not be used. No error and no record holds a secret. */
export function accessOf({ initiators, chap }: AccessBody, seal: AccessSealer): AccessRecord {
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

const refused = (message: string): BlockError =>
  new BlockError('INVALID_ARGUMENT', message, { facts: { reason: 'chap_secret' } })
