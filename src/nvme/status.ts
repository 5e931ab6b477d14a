/**
 * Status field of a completion (NVM Express Base Specification 2.0 §3.3.3.2.1), as one number without the phase tag:
 *
 *     bits 7:0 SC | 10:8 SCT | 12:11 CRD | 13 M | 14 DNR
 *
 * The values here have DNR clear; who means that a retry is of no use adds it with `withDnr`.
 */
const generic = (sc: number): number => sc
const specific = (sc: number): number => 0x100 | sc
const media = (sc: number): number => 0x200 | sc
const path = (sc: number): number => 0x300 | sc

export const STATUS_MORE = 0x2000
export const STATUS_DNR = 0x4000

export const Status = {
  success: 0,
  invalidOpcode: generic(0x01),
  invalidField: generic(0x02),
  commandIdConflict: generic(0x03),
  dataTransferError: generic(0x04),
  internalError: generic(0x06),
  abortRequested: generic(0x07),
  abortedSqDeletion: generic(0x08),
  abortedFailedFused: generic(0x09),
  abortedMissingFused: generic(0x0a),
  invalidNamespace: generic(0x0b),
  commandSequenceError: generic(0x0c),
  invalidSglSegmentDescriptor: generic(0x0d),
  invalidNumberOfSglDescriptors: generic(0x0e),
  dataSglLengthInvalid: generic(0x0f),
  metadataSglLengthInvalid: generic(0x10),
  sglDescriptorTypeInvalid: generic(0x11),
  atomicWriteUnitExceeded: generic(0x14),
  operationDenied: generic(0x15),
  sglOffsetInvalid: generic(0x16),
  hostIdInconsistent: generic(0x18),
  keepAliveExpired: generic(0x19),
  keepAliveInvalid: generic(0x1a),
  abortedPreemptAndAbort: generic(0x1b),
  sanitizeFailed: generic(0x1c),
  sanitizeInProgress: generic(0x1d),
  namespaceWriteProtected: generic(0x20),
  commandInterrupted: generic(0x21),
  transientTransportError: generic(0x22),
  lbaOutOfRange: generic(0x80),
  capacityExceeded: generic(0x81),
  namespaceNotReady: generic(0x82),
  reservationConflict: generic(0x83),

  invalidQueueIdentifier: specific(0x01),
  invalidQueueSize: specific(0x02),
  abortCommandLimitExceeded: specific(0x03),
  asynchronousEventLimitExceeded: specific(0x05),
  invalidLogPage: specific(0x09),
  featureNotSaveable: specific(0x0d),
  featureNotChangeable: specific(0x0e),
  featureNotNamespaceSpecific: specific(0x0f),
  /** Of Fabrics Connect: RECFMT. */
  connectIncompatibleFormat: specific(0x80),
  connectControllerBusy: specific(0x81),
  connectInvalidParameters: specific(0x82),
  connectRestartDiscovery: specific(0x83),
  connectInvalidHost: specific(0x84),
  invalidQueueType: specific(0x85),
  discoverRestart: specific(0x90),
  authenticationRequired: specific(0x91),
  /** Of I/O commands: DSM ranges, protection settings, read-only ranges. */
  conflictingAttributes: specific(0x80),
  invalidProtectionInformation: specific(0x81),
  writeToReadOnlyRange: specific(0x82),

  writeFault: media(0x80),
  unrecoveredReadError: media(0x81),
  compareFailure: media(0x85),
  accessDenied: media(0x86),
  deallocatedOrUnwritten: media(0x87),

  internalPathError: path(0x00),
  anaPersistentLoss: path(0x01),
  anaInaccessible: path(0x02),
  anaTransition: path(0x03),
  controllerPathingError: path(0x60),
  hostPathingError: path(0x70),
  abortedByHost: path(0x71),
} as const

/** Status code type of path related status: another path may do better. */
export const STATUS_TYPE_PATH = 3

export const withDnr = (status: number): number => status | STATUS_DNR

/** SC and SCT alone: what `Status` lists. */
export const statusCode = (status: number): number => status & 0x7ff

export const statusType = (status: number): number => (status >>> 8) & 0x7

/** Whether a retry of the command as it was is of no use. */
export const isFinal = (status: number): boolean => (status & STATUS_DNR) !== 0
