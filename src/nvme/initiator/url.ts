/** URLs of subsystems: `nvme://HOST[:PORT]/NQN`. A DH-HMAC-CHAP secret does not go into a URL: it is no short text. */
import { type HostPort, parseHostPort } from '../../base/address.ts'
import { BlockError } from '../../base/errors.ts'
import { NQN_BYTES_MAX, NVME_PORT } from '../fabrics.ts'

export interface NvmeUrl {
  readonly portal: HostPort
  readonly subsystemNqn: string
}

/** INVALID_ARGUMENT when `url` is not of that form. */
export function parseNvmeUrl(url: string): NvmeUrl {
  const [, portal, subsystemNqn] = /^nvme:\/\/([^/@]+)\/([^/]+)\/?$/.exec(url) ?? []
  if (portal === undefined || subsystemNqn === undefined) throw invalid('the form is not that')
  if (!subsystemNqn.startsWith('nqn.') || Buffer.byteLength(subsystemNqn) > NQN_BYTES_MAX) {
    throw invalid('the subsystem is not named by an NQN')
  }
  const hasPort = /:\d+$/.test(portal) && (!portal.includes('::') || portal.includes(']:'))
  return { portal: parseHostPort(hasPort ? portal : `${portal}:${NVME_PORT}`, 'portal'), subsystemNqn }
}

function invalid(why: string): BlockError {
  return new BlockError('INVALID_ARGUMENT', `an NVMe URL is nvme://HOST[:PORT]/NQN; ${why}`)
}
