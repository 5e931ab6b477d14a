/**
 * How a command and its data leave (RFC 7143 §4.2.5.2): as much as allowed in the command's own PDU, then
 * unsolicited Data-Out PDUs up to FirstBurstLength, the rest as the target asks for it by R2T. Data is referred
 * to where the caller has it; nothing is copied beyond small pieces.
 */
import { encodeExtendedCdb, extendedCdbAhsBytes } from '../pdu/ahs.ts'
import { encodeDataOut } from '../pdu/data-out.ts'
import { BHS_BYTES, RESERVED_TAG } from '../pdu/opcodes.ts'
import { encodeScsiCommand } from '../pdu/scsi-command.ts'
import type { PduWriter } from '../pdu/writer.ts'
import type { OperationalParameters } from '../text/parameters.ts'
import type { CommandTask } from './tasks.ts'

const NO_BYTES = new Uint8Array(0)

/** Writes the command and the data that may go without being asked for. */
export function writeCommand(
  writer: PduWriter,
  task: CommandTask,
  parameters: OperationalParameters,
  expStatSn: number,
): void {
  const { dataOut, dataIn, cdb } = task
  const dataOutBytes = dataOut.byteLength
  const { firstBurstLengthBytes, maxSendDataSegmentLengthBytes } = parameters
  const immediateBytes = parameters.immediateData
    ? Math.min(dataOutBytes, firstBurstLengthBytes, maxSendDataSegmentLengthBytes)
    : 0
  const unsolicitedEnd = parameters.initialR2t
    ? immediateBytes
    : Math.min(dataOutBytes, firstBurstLengthBytes)
  const ahsBytes = extendedCdbAhsBytes(cdb)

  const at = writer.begin(ahsBytes)
  encodeScsiCommand(writer.view, at, {
    immediate: task.immediate,
    final: unsolicitedEnd === immediateBytes,
    read: dataIn.byteLength > 0,
    write: dataOutBytes > 0,
    attr: task.attr,
    totalAhsLength: ahsBytes / 4,
    dataSegmentLength: immediateBytes,
    lun: task.lun,
    initiatorTaskTag: task.tag,
    expectedDataTransferLength: task.expectedDataTransferLength,
    cmdSn: task.cmdSn,
    expStatSn,
    cdb,
  })
  if (ahsBytes > 0) encodeExtendedCdb(writer.view, at + BHS_BYTES, cdb)
  writer.end(slice(dataOut, 0, immediateBytes))
  if (unsolicitedEnd > immediateBytes) {
    const range = { start: immediateBytes, end: unsolicitedEnd, targetTransferTag: RESERVED_TAG }
    writeDataOut(writer, task, range, maxSendDataSegmentLengthBytes, expStatSn)
  }
}

/** Writes one sequence of Data-Out PDUs: bytes [start, end) of the command's data, the last with the F bit. */
export function writeDataOut(
  writer: PduWriter,
  task: CommandTask,
  range: { start: number; end: number; targetTransferTag: number },
  maxSegmentBytes: number,
  expStatSn: number,
): void {
  const { end, targetTransferTag } = range
  let dataSn = 0
  for (let start = range.start; start < end; start += maxSegmentBytes) {
    const segmentEnd = Math.min(end, start + maxSegmentBytes)
    const at = writer.begin()
    encodeDataOut(writer.view, at, {
      final: segmentEnd === end,
      dataSegmentLength: segmentEnd - start,
      lun: task.lun,
      initiatorTaskTag: task.tag,
      targetTransferTag,
      expStatSn,
      dataSn: dataSn++,
      bufferOffset: start,
    })
    writer.end(slice(task.dataOut, start, segmentEnd))
  }
}

function slice(data: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return NO_BYTES
  return start === 0 && end === data.byteLength ? data : data.subarray(start, end)
}
