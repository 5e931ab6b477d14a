/**
 * How a command and its data leave: small data in the command's own capsule, the rest as the controller asks for it by
 * R2T. Data is referred to where the caller has it; nothing is copied beyond small pieces.
 */
import { PSDT_SGL, SglIdentifier, Sqe, writeSgl } from '../commands.ts'
import { beginCapsuleCmd, ENTRY_OFFSET } from '../pdu/capsule.ts'
import { encodeH2cData, type R2t } from '../pdu/transfer.ts'
import { PduType } from '../pdu/types.ts'
import type { PduWriter } from '../pdu/writer.ts'
import type { Task } from './tasks.ts'

/** Writes the command capsule; data of up to `capsuleDataBytes` goes in it. */
export function writeCommand(writer: PduWriter, task: Task, capsuleDataBytes: number): void {
  const { request, dataOut, dataIn, cid } = task
  const at = writer.begin(PduType.capsuleCmd)
  const { view } = writer
  beginCapsuleCmd(view, at)
  const sqe = at + ENTRY_OFFSET
  view.setUint8(sqe, request.opcode)
  view.setUint8(sqe + Sqe.at.flags, PSDT_SGL | (request.fuse ?? 0))
  view.setUint16(sqe + Sqe.at.cid, cid, true)
  view.setUint32(sqe + Sqe.at.nsid, request.fctype ?? request.nsid ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw2, request.cdw2 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw3, request.cdw3 ?? 0, true)
  view.setUint32(sqe + Sqe.at.mptr, 0)
  view.setUint32(sqe + Sqe.at.mptr + 4, 0)
  const isInCapsule = dataOut.byteLength > 0 && dataOut.byteLength <= capsuleDataBytes
  if (isInCapsule) writeSgl(view, sqe, SglIdentifier.inCapsule, dataOut.byteLength)
  else writeSgl(view, sqe, SglIdentifier.transport, dataOut.byteLength + dataIn.byteLength)
  view.setUint32(sqe + Sqe.at.cdw10, request.cdw10 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw11, request.cdw11 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw12, request.cdw12 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw13, request.cdw13 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw14, request.cdw14 ?? 0, true)
  view.setUint32(sqe + Sqe.at.cdw15, request.cdw15 ?? 0, true)
  if (isInCapsule) {
    // Nothing of it is left to be asked for.
    task.nextR2tOffset = dataOut.byteLength
    writer.end(dataOut)
  } else writer.end()
}

/** Writes what an R2T asks for, which was checked; in PDUs of at most `maxH2cData` bytes, the last with LAST_PDU. */
export function writeData(writer: PduWriter, task: Task, r2t: R2t, maxH2cData: number): void {
  const { cccid, ttag, r2to, r2tl } = r2t
  const { dataOut } = task
  const end = r2to + r2tl
  task.nextR2tOffset = end
  for (let datao = r2to; datao < end; datao += maxH2cData) {
    const datal = Math.min(maxH2cData, end - datao)
    const at = writer.begin(PduType.h2cData)
    encodeH2cData(writer.view, at, { last: datao + datal === end, cccid, ttag, datao, datal })
    writer.end(datal === dataOut.byteLength ? dataOut : dataOut.subarray(datao, datao + datal))
  }
}
