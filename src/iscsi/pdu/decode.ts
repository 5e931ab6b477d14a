/**
 * From 48 bytes to one PDU, by opcode. Bytes come from outside, so nothing here throws: an opcode that is
 * unknown or belongs to the other direction is a verdict with the reason for a Reject. Reserved bits are
 * ignored, as §11.1 of RFC 7143 demands; whether the fields make sense in the session's state is the
 * session's question.
 */
import { type AsyncMessage, decodeAsyncMessage } from './async-message.ts'
import { opcodeOf } from './bhs.ts'
import { type DataIn, decodeDataIn } from './data-in.ts'
import { type DataOut, decodeDataOut } from './data-out.ts'
import { decodeLoginRequest, decodeLoginResponse, type LoginRequest, type LoginResponse } from './login.ts'
import {
  decodeLogoutRequest,
  decodeLogoutResponse,
  type LogoutRequest,
  type LogoutResponse,
} from './logout.ts'
import { decodeNopIn, decodeNopOut, type NopIn, type NopOut } from './nop.ts'
import { Opcode, RejectReason } from './opcodes.ts'
import { decodeR2t, type R2t } from './r2t.ts'
import { decodeReject, type Reject } from './reject.ts'
import { decodeScsiCommand, type ScsiCommand } from './scsi-command.ts'
import { decodeScsiResponse, type ScsiResponse } from './scsi-response.ts'
import { decodeSnackRequest, type SnackRequest } from './snack.ts'
import {
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  type TaskManagementRequest,
  type TaskManagementResponse,
} from './task-management.ts'
import { decodeTextRequest, decodeTextResponse, type TextRequest, type TextResponse } from './text.ts'

/** What an initiator sends. */
export type InitiatorPdu =
  | NopOut
  | ScsiCommand
  | TaskManagementRequest
  | LoginRequest
  | TextRequest
  | DataOut
  | LogoutRequest
  | SnackRequest

/** What a target sends. */
export type TargetPdu =
  | NopIn
  | ScsiResponse
  | TaskManagementResponse
  | LoginResponse
  | TextResponse
  | DataIn
  | LogoutResponse
  | R2t
  | AsyncMessage
  | Reject

/** The verdict on a header that is no PDU of that direction. */
export interface MalformedPdu {
  readonly opcode: 'malformed'
  readonly reason: RejectReason
  readonly receivedOpcode: number
}

/** Reads the header at `offset`, at least 48 bytes. What it returns keeps nothing of `view`. */
export function decodeInitiatorPdu(view: DataView, offset: number): InitiatorPdu | MalformedPdu {
  const opcode = opcodeOf(view, offset)
  switch (opcode) {
    case Opcode.scsiCommand:
      return decodeScsiCommand(view, offset)
    case Opcode.dataOut:
      return decodeDataOut(view, offset)
    case Opcode.nopOut:
      return decodeNopOut(view, offset)
    case Opcode.taskManagementRequest:
      return decodeTaskManagementRequest(view, offset)
    case Opcode.loginRequest:
      return decodeLoginRequest(view, offset)
    case Opcode.textRequest:
      return decodeTextRequest(view, offset)
    case Opcode.logoutRequest:
      return decodeLogoutRequest(view, offset)
    case Opcode.snackRequest:
      return decodeSnackRequest(view, offset)
    default:
      return malformed(opcode)
  }
}

/** Reads the header at `offset`, at least 48 bytes. What it returns keeps nothing of `view`. */
export function decodeTargetPdu(view: DataView, offset: number): TargetPdu | MalformedPdu {
  const opcode = opcodeOf(view, offset)
  switch (opcode) {
    case Opcode.dataIn:
      return decodeDataIn(view, offset)
    case Opcode.scsiResponse:
      return decodeScsiResponse(view, offset)
    case Opcode.r2t:
      return decodeR2t(view, offset)
    case Opcode.nopIn:
      return decodeNopIn(view, offset)
    case Opcode.taskManagementResponse:
      return decodeTaskManagementResponse(view, offset)
    case Opcode.loginResponse:
      return decodeLoginResponse(view, offset)
    case Opcode.textResponse:
      return decodeTextResponse(view, offset)
    case Opcode.logoutResponse:
      return decodeLogoutResponse(view, offset)
    case Opcode.asyncMessage:
      return decodeAsyncMessage(view, offset)
    case Opcode.reject:
      return decodeReject(view, offset)
    default:
      return malformed(opcode)
  }
}

function malformed(receivedOpcode: number): MalformedPdu {
  return { opcode: 'malformed', reason: RejectReason.commandNotSupported, receivedOpcode }
}
