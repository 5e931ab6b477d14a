/**
 * iSCSI URLs in the form that libiscsi and QEMU use: `iscsi://[USER%SECRET@]HOST[:PORT]/TARGET[/LUN]`.
 * There is no percent encoding: the percent sign parts user and secret. A secret appears in no error message.
 */
import { type HostPort, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import type { ChapCredential } from '../../frontend/access.ts'
import { Secret } from '../../frontend/secret.ts'

/** IANA's port of iSCSI. */
export const ISCSI_PORT = 3260
const NAME_BYTES_MAX = 223
const LUN_MAX = 16383

export interface IscsiUrl {
  readonly portal: HostPort
  readonly targetName: string
  readonly lun: number
  readonly chap?: ChapCredential
}

/** INVALID_ARGUMENT when `url` is not of that form. */
export function parseIscsiUrl(url: string): IscsiUrl {
  const match = /^iscsi:\/\/(?:([^%@/]+)(?:%([^/]*))?@)?([^/@]+)\/([^/]+)(?:\/(\d{1,5}))?\/?$/.exec(url)
  const [, user, secret, portal, targetName, lunText] = match ?? []
  if (portal === undefined || targetName === undefined) throw invalid('the form is not that')
  if (!/^(?:iqn\.|eui\.|naa\.)/i.test(targetName) || Buffer.byteLength(targetName) > NAME_BYTES_MAX) {
    throw invalid('the target name is not an iqn., eui. or naa. name')
  }
  const lun = Number(lunText ?? 0)
  if (lun > LUN_MAX) throw invalid(`the logical unit number is above ${LUN_MAX}`)
  if (user !== undefined && secret === undefined) throw invalid('a user is given without a secret')
  return {
    portal: parsePortal(portal),
    targetName: targetName.toLowerCase(),
    lun,
    ...(user !== undefined && { chap: { user, secret: Secret.fromText(secret ?? '') } }),
  }
}

/** `HOST` or `HOST:PORT`, with the port of iSCSI as the default. */
export function parsePortal(text: string): HostPort {
  const hasPort = /:\d+$/.test(text) && (!text.includes('::') || text.includes(']:'))
  return parseHostPort(hasPort ? text : `${text}:${ISCSI_PORT}`, 'portal')
}

function invalid(why: string): BlockError {
  return new BlockError(
    'INVALID_ARGUMENT',
    `an iSCSI URL is iscsi://[USER%SECRET@]HOST[:PORT]/TARGET[/LUN]; ${why}`,
  )
}
