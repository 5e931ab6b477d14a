/** Secrets of a volume in the clear, for the servers that check them. */
import type { Secret } from '../../frontend/secret.ts'
import type { ClearAccess } from '../links.ts'
import type { AccessRecord } from '../records.ts'
import type { Sealer } from './sealer.ts'

/** Opens what `access` has sealed. Throws as `Sealer.open`. The result is for an encrypted connection or loopback. */
export function clearAccess(sealer: Pick<Sealer, 'open'>, access: AccessRecord): ClearAccess {
  const { initiators, chap, hosts } = access
  const open = (sealed: string): string => textOf(sealer.open(sealed))
  const dhchap = access.dhchap.map(({ host, sealedSecret, sealedControllerSecret }) => ({
    host,
    secret: open(sealedSecret),
    controllerSecret: sealedControllerSecret === null ? null : open(sealedControllerSecret),
  }))
  if (chap === null) return { initiators, chap: null, hosts, dhchap }
  const { user, sealedSecret, mutual } = chap
  return {
    initiators,
    chap: {
      user,
      secret: open(sealedSecret),
      mutual: mutual === null ? null : { user: mutual.user, secret: open(mutual.sealedSecret) },
    },
    hosts,
    dhchap,
  }
}

/** A secret for somebody who has to have it as text. */
export const textOf = (secret: Secret): string => secret.lend((bytes) => Buffer.from(bytes).toString('utf8'))
