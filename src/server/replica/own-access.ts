/**
 * Who may use a replica's volume by the master's word: as it is stored, without secrets, and as it is enforced. A volume that
 * asks for secrets which are not told yet in this process lets nobody in by that protocol.
 */
import type { ChapCredential, DhchapCredential } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'
import type { ClearAccess } from '../../master/links.ts'
import type { OwnAccess } from '../served/served-volume.ts'
import type { StoredSettings } from './replica-record.ts'

type StoredAccess = Pick<StoredSettings, 'initiators' | 'hasChap' | 'hosts' | 'hasDhchap'>

/** Nobody: before the master has said it. */
export const NO_ACCESS: OwnAccess = { initiators: [], chap: null, hosts: [], dhchap: null }

export const storedAccess = ({ initiators, chap, hosts, dhchap }: ClearAccess): StoredAccess => ({
  initiators,
  hasChap: chap !== null,
  hosts,
  hasDhchap: dhchap.length > 0,
})

/** Whether secrets are needed that are stored nowhere. */
export const wantsSecrets = ({ hasChap, hasDhchap }: StoredAccess): boolean => hasChap || hasDhchap

/** `access` has the secrets, if they were told. */
export function ownAccess(stored: StoredAccess, access: ClearAccess | undefined): OwnAccess {
  const { initiators, hasChap, hosts, hasDhchap } = stored
  return {
    initiators: hasChap && access === undefined ? [] : initiators,
    chap: access?.chap == null ? null : chapOf(access.chap),
    hosts: hasDhchap && access === undefined ? [] : hosts,
    dhchap: access === undefined || access.dhchap.length === 0 ? null : access.dhchap.map(dhchapOf),
  }
}

const chapOf = ({ user, secret, mutual }: NonNullable<ClearAccess['chap']>): ChapCredential => ({
  user,
  secret: Secret.fromText(secret),
  ...(mutual === null ? {} : { mutual: { user: mutual.user, secret: Secret.fromText(mutual.secret) } }),
})

const dhchapOf = ({ host, secret, controllerSecret }: ClearAccess['dhchap'][number]): DhchapCredential => ({
  host,
  secret: Secret.fromText(secret),
  ...(controllerSecret === null ? {} : { controllerSecret: Secret.fromText(controllerSecret) }),
})
