/** Secrets of a volume in the clear, for the servers that check them. */
import type { Secret } from '../../frontend/secret.ts'
import type { ClearAccess } from '../links.ts'
import type { AccessRecord } from '../records.ts'
import type { Sealer } from './sealer.ts'

/** Opens what `access` has sealed. Throws as `Sealer.open`. The result is for an encrypted connection or loopback. */
export function clearAccess(sealer: Pick<Sealer, 'open'>, { initiators, chap }: AccessRecord): ClearAccess {
  if (chap === null) return { initiators, chap: null }
  const { user, sealedSecret, mutual } = chap
  return {
    initiators,
    chap: {
      user,
      secret: textOf(sealer.open(sealedSecret)),
      mutual:
        mutual === null ? null : { user: mutual.user, secret: textOf(sealer.open(mutual.sealedSecret)) },
    },
  }
}

const textOf = (secret: Secret): string => secret.lend((bytes) => Buffer.from(bytes).toString('utf8'))
