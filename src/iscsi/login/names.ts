/**
 * iSCSI names (RFC 7143 §4.2.7): normalised to lower case, and limited to the ASCII characters that every
 * initiator uses; look-alikes of other scripts are refused at the edge.
 */
const NAME = /^(?:iqn|eui|naa)\.[a-z0-9][a-z0-9.:_-]{0,217}$/

/** The normal form of an iSCSI name of at most 223 bytes, or undefined when `text` is none. */
export function normalName(text: string): string | undefined {
  if (text.length > 223) return undefined
  const name = text.toLowerCase()
  return NAME.test(name) ? name : undefined
}

/** Name of an initiator port (RFC 7143 §4.4.2 and SAM): the initiator's name and its ISID. */
export const initiatorPortName = (initiatorName: string, isid: number): string =>
  `${initiatorName},i,0x${isid.toString(16).padStart(12, '0')}`

/** Name of an I_T nexus: the initiator port and the target port, which is the target's name with a portal group tag. */
export const nexusName = (login: {
  readonly initiatorName: string
  readonly isid: number
  readonly targetName: string | undefined
  readonly portalGroupTag: number | undefined
}): string =>
  `${initiatorPortName(login.initiatorName, login.isid)}@${login.targetName},t,${login.portalGroupTag}`
