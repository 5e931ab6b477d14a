/**
 * From a SCSI Command PDU to a task, or to the reason for which the PDU is rejected (RFC 7143 §11.3, §11.17): what the
 * header says has to agree with itself and with what the login settled.
 */
import { parseAhs } from '../pdu/ahs.ts'
import { lunNumber } from '../pdu/bhs.ts'
import { RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import type { ScsiCommand } from '../pdu/scsi-command.ts'
import type { Nexus } from '../scsi/nexus.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import { Task } from './task.ts'

/** `view` holds the header at `offset`, with its additional header segments behind it. */
export function taskOf(
  pdu: ScsiCommand,
  view: DataView,
  offset: number,
  context: { readonly parameters: OperationalParameters; readonly nexus: Nexus },
): Task | RejectReason {
  const { initiatorTaskTag, dataSegmentLength, expectedDataTransferLength } = pdu
  const { immediateData, initialR2t, firstBurstLengthBytes } = context.parameters
  if (initiatorTaskTag === RESERVED_TAG) return RejectReason.invalidPduField
  if (dataSegmentLength > 0) {
    if (!pdu.write || !immediateData) return RejectReason.protocolError
    const most = Math.min(expectedDataTransferLength, firstBurstLengthBytes)
    if (dataSegmentLength > most) return RejectReason.protocolError
  }
  if (!pdu.final && (!pdu.write || initialR2t)) return RejectReason.protocolError
  let { cdb } = pdu
  // With both bits the header's length is that of the data out; that of the data in is in an additional header.
  let dataInLengthMax = pdu.read && !pdu.write ? expectedDataTransferLength : 0
  if (pdu.totalAhsLength > 0) {
    const headers = parseAhs(view, offset, pdu.totalAhsLength * 4)
    if (headers === 'bad AHS') return RejectReason.invalidPduField
    cdb = headers.cdb ?? cdb
    if (pdu.read && pdu.write) dataInLengthMax = headers.bidirectionalReadExpectedDataTransferLength ?? 0
  }
  return new Task({
    initiatorTaskTag,
    cmdSn: pdu.cmdSn,
    immediate: pdu.immediate,
    cdb,
    lun: lunNumber(pdu.lun),
    lunField: pdu.lun,
    dataOutLengthExpected: pdu.write ? expectedDataTransferLength : 0,
    dataInLengthMax,
    nexus: context.nexus,
  })
}
