/**
 * For tests: PDUs that a target sends less often than data and responses, each as a target would, and the
 * submitting of a command of no particular kind.
 */
import { encodeAsyncMessage } from '../pdu/async-message.ts'
import { encodeLogoutResponse } from '../pdu/logout.ts'
import { encodeNopIn } from '../pdu/nop.ts'
import { Opcode } from '../pdu/opcodes.ts'
import { encodeReject } from '../pdu/reject.ts'
import { encodeScsiCommand } from '../pdu/scsi-command.ts'
import { encodeTaskManagementResponse } from '../pdu/task-management.ts'
import type { CommandRequest } from './command.ts'
import { Outcome, type ScriptedTarget } from './scripted-target.ts'

const CDB = new Uint8Array(16).fill(0x88)

/** Submits and returns what happened to it, and its tag. */
export function submit(
  target: ScriptedTarget,
  request: Partial<CommandRequest> = {},
): { outcome: Outcome; tag: number } {
  const outcome = new Outcome()
  return { outcome, tag: target.core.submit({ cdb: CDB, ...request }, outcome) }
}

export function nopIn(
  target: ScriptedTarget,
  tags: { itt: number; ttt: number; statSn: number },
  data = new Uint8Array(0),
): void {
  const pdu = {
    dataSegmentLength: data.byteLength,
    lun: 0n,
    initiatorTaskTag: tags.itt,
    targetTransferTag: tags.ttt,
    statSn: tags.statSn,
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
  }
  target.send((view, offset) => encodeNopIn(view, offset, pdu), data)
}

export function asyncMessage(target: ScriptedTarget, asyncEvent: number, parameter3 = 0): void {
  const pdu = {
    dataSegmentLength: 0,
    lun: 0n,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    asyncEvent,
    asyncVCode: 0,
    parameter1: 0,
    parameter2: 2,
    parameter3,
  }
  target.send((view, offset) => encodeAsyncMessage(view, offset, pdu))
}

export function logoutResponse(target: ScriptedTarget, initiatorTaskTag: number): void {
  const pdu = {
    response: 0,
    initiatorTaskTag,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    time2Wait: 0,
    time2Retain: 0,
  }
  target.send((view, offset) => encodeLogoutResponse(view, offset, pdu))
}

export function managed(target: ScriptedTarget, initiatorTaskTag: number, response: number): void {
  const pdu = {
    response,
    initiatorTaskTag,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
  }
  target.send((view, offset) => encodeTaskManagementResponse(view, offset, pdu))
}

export function reject(
  target: ScriptedTarget,
  tag: number,
  reason: number,
  opcode: number = Opcode.scsiCommand,
): void {
  const header = new Uint8Array(48)
  encodeScsiCommand(new DataView(header.buffer), 0, {
    immediate: false,
    final: true,
    read: false,
    write: false,
    attr: 1,
    totalAhsLength: 0,
    dataSegmentLength: 0,
    lun: 0n,
    initiatorTaskTag: tag,
    expectedDataTransferLength: 0,
    cmdSn: 0,
    expStatSn: 0,
    cdb: CDB,
  })
  header[0] = opcode
  const pdu = {
    reason,
    dataSegmentLength: 48,
    statSn: target.takeStatSn(),
    expCmdSn: target.expCmdSn,
    maxCmdSn: target.maxCmdSn,
    dataSn: 0,
  }
  target.send((view, offset) => encodeReject(view, offset, pdu), header)
}
