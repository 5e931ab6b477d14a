/**
 * What the login asks of the outside, answered at once: which targets there are, who may use them, and whether
 * there is room for one more session. The login machine decides what the initiator is told.
 */
import type { AccessRules, ChapCredential } from '../../frontend/access.ts'
import type { SessionType } from '../text/keys.ts'

/** Where a target is, seen from here. */
export type TargetVerdict =
  | {
      readonly kind: 'here'
      readonly access: AccessRules
      readonly portalGroupTag: number
      readonly alias?: string
    }
  /**
   * `address`: `host:port`, an IPv6 host in brackets, optionally with `,` and the portal group tag behind.
   * `initiators`: who is told; anyone when absent.
   */
  | {
      readonly kind: 'moved'
      readonly address: string
      readonly permanently?: boolean
      readonly initiators?: AccessRules['initiators']
    }
  /** Nobody serves it at this moment: the initiator shall try again. */
  | { readonly kind: 'unavailable'; readonly initiators?: AccessRules['initiators'] }
  | { readonly kind: 'removed' }
  | { readonly kind: 'unknown' }

/** Who wants a session, when all else is settled. */
export interface SessionClaim {
  readonly sessionType: SessionType
  /** Normal form. */
  readonly initiatorName: string
  readonly isid: number
  readonly cid: number
  /** Normal form; undefined for discovery. */
  readonly targetName: string | undefined
  /** Of the portal by which it came: with the target's name, the SCSI target port. Undefined for discovery. */
  readonly portalGroupTag: number | undefined
  /** The name that CHAP established. */
  readonly user: string | undefined
}

export type AdmissionVerdict =
  /** `tsih`: 1 to 65535, not in use. Whoever admits also sees to reinstatement (RFC 7143 §6.3.5). */
  { readonly kind: 'admitted'; readonly tsih: number } | { readonly kind: 'full' }

export interface LoginDirectory {
  /** Looks a target up by its normal name. */
  find(targetName: string): TargetVerdict
  /** What a discovery session has to prove; empty: nothing. */
  readonly discoveryChap: readonly ChapCredential[]
  /** Whether a session of this initiator and identifying handle exists. */
  hasSession(initiatorName: string, tsih: number): boolean
  /** Asked once, when the login has succeeded. */
  admit(claim: SessionClaim): AdmissionVerdict
}
