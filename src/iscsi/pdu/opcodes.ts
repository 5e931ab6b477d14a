/**
 * The numbers of RFC 7143 that travel in a basic header segment: opcodes (§11.1.1 Opcode), task attributes,
 * function and response codes, reasons. `const` objects with union types beside them, no behaviour.
 */

/** Bytes of a basic header segment (§11.2.1). */
export const BHS_BYTES = 48

/** §11.1.1: opcodes of both directions. Bit 6 of the byte is the I (immediate delivery) bit, not part of the code. */
export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  r2t: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

/** The value of an Initiator or Target Task Tag that names no task (§11.2.1.8, §11.7.4). */
export const RESERVED_TAG = 0xffff_ffff

/** §11.3.1 ATTR of a SCSI Command. 5 to 7 are reserved. */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute]

/** §11.4.3 Response of a SCSI Response. 0x80 to 0xff are vendor specific. */
export const ScsiResponseCode = { commandCompletedAtTarget: 0x00, targetFailure: 0x01 } as const

/** §11.5.1 Function of a Task Management Function Request. */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const

/** §11.6.1 Response of a Task Management Function Response. */
export const TaskManagementResponseCode = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  reassignmentNotSupported: 4,
  functionNotSupported: 5,
  functionAuthorizationFailed: 6,
  functionRejected: 255,
} as const

/** §11.9.1 AsyncEvent. */
export const AsyncEvent = {
  scsiEvent: 0,
  /** The target asks for a Logout; Parameter3 is the time in seconds within which it must arrive. */
  logoutRequest: 1,
  /** One connection (CID in Parameter1) will be or was dropped; Parameter2 is Time2Wait, Parameter3 Time2Retain. */
  connectionDrop: 2,
  /** All connections of the session will be dropped; Parameter2 is Time2Wait, Parameter3 Time2Retain. */
  sessionDrop: 3,
  /** The target asks for a parameter negotiation; Parameter3 is the time in seconds. */
  negotiationRequest: 4,
  taskTermination: 5,
  vendorSpecific: 255,
} as const

/** §11.12.3, §11.13.3: the stages of a login. 2 is reserved. */
export const LoginStage = { securityNegotiation: 0, operationalNegotiation: 1, fullFeaturePhase: 3 } as const
export type LoginStage = (typeof LoginStage)[keyof typeof LoginStage]

/** §11.13.5 Status-Class and Status-Detail of a Login Response, as class × 256 + detail. */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus]

/** §11.14.1 Reason Code of a Logout Request. */
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeConnectionForRecovery: 2 } as const

/** §11.15.1 Response of a Logout Response. */
export const LogoutResponseCode = {
  closedSuccessfully: 0,
  cidNotFound: 1,
  recoveryNotSupported: 2,
  cleanupFailed: 3,
} as const

/** §11.17.1 Reason of a Reject. */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  negotiationReset: 0x0b,
  waitingForLogout: 0x0c,
} as const
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason]
