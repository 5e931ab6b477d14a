/** How a volume is to be served, as it passes over the stream of a block server (`Settings` of `proto/master.proto`). */
import type { Credential__Output as CredentialOut } from '../gen/basalt/master/v1/Credential.ts'
import type { Dhchap__Output as DhchapOut } from '../gen/basalt/master/v1/Dhchap.ts'
import type { Settings, Settings__Output as SettingsOut } from '../gen/basalt/master/v1/Settings.ts'
import type { ClearAccess, ToServer } from '../master/links.ts'
import { atMost, malformed, natural, present, text, uuid } from './fields.ts'
import { NAMES_MAX, namesIn, namesOf } from './paths-codec.ts'

type SettingsMessage = Extract<ToServer, { readonly kind: 'settings' }>

const LENGTH_MAX = { NAME: 223, USER: 255, SECRET: 255 } as const
const KEEP_LENGTH_MAX = 64 * 1024

export function settingsIn({ volume, access, qos, tag, keep }: SettingsMessage): Settings {
  const { initiators, chap, hosts, dhchap } = access
  return {
    volume,
    access: {
      initiators: namesIn(initiators),
      chap:
        chap === null ? null : { incoming: { user: chap.user, secret: chap.secret }, mutual: chap.mutual },
      hosts: namesIn(hosts),
      dhchap: dhchap.map(({ host, secret, controllerSecret }) => ({
        host,
        secret,
        ...(controllerSecret === null ? {} : { controllerSecret }),
      })),
    },
    qos: { ...qos },
    tag,
    keep,
  }
}

export function settingsOf({ volume, access, qos, tag, keep }: SettingsOut): SettingsMessage {
  const limits = present(qos, 'settings.qos')
  const { initiators, chap, hosts, dhchap } = present(access, 'settings.access')
  return {
    kind: 'settings',
    volume: uuid(volume, 'settings.volume'),
    access: {
      initiators: namesOf(initiators, 'settings.access.initiators'),
      chap: chap === null ? null : chapOf(chap),
      hosts: namesOf(hosts, 'settings.access.hosts'),
      dhchap: atMost(dhchap, NAMES_MAX, 'settings.access.dhchap').map(dhchapOf),
    },
    qos: {
      iops: natural(limits.iops, 'settings.qos.iops'),
      iopsBurst: natural(limits.iopsBurst, 'settings.qos.iops_burst'),
      bytesPerSecond: natural(limits.bytesPerSecond, 'settings.qos.bytes_per_second'),
      bytesBurst: natural(limits.bytesBurst, 'settings.qos.bytes_burst'),
    },
    tag: natural(tag, 'settings.tag'),
    keep: keepOf(keep, 'settings.keep'),
  }
}

function chapOf(chap: {
  readonly incoming: CredentialOut | null
  readonly mutual: CredentialOut | null
}): NonNullable<ClearAccess['chap']> {
  const credential = ({ user, secret }: CredentialOut) => ({
    secret: secretOf(secret, 'settings.access.chap.secret'),
    user: text(user, LENGTH_MAX.USER, 'settings.access.chap.user'),
  })
  return {
    ...credential(present(chap.incoming, 'settings.access.chap.incoming')),
    mutual: chap.mutual === null ? null : credential(chap.mutual),
  }
}

/** What servers keep for the master. */
export function keepOf(keep: string, field: string): string {
  if (keep.length <= KEEP_LENGTH_MAX) return keep
  throw malformed(field, `${keep.length} characters; at most ${KEEP_LENGTH_MAX} are possible`)
}

const dhchapOf = ({ host, secret, controllerSecret }: DhchapOut): ClearAccess['dhchap'][number] => ({
  host: text(host, LENGTH_MAX.NAME, 'settings.access.dhchap.host'),
  secret: secretOf(secret, 'settings.access.dhchap.secret'),
  controllerSecret:
    controllerSecret === undefined
      ? null
      : secretOf(controllerSecret, 'settings.access.dhchap.controller_secret'),
})

/** An error must not show it. */
function secretOf(secret: string, field: string): string {
  if (secret.length >= 1 && secret.length <= LENGTH_MAX.SECRET) return secret
  throw malformed(field, `it is not 1 to ${LENGTH_MAX.SECRET} characters`)
}
