/**
 * Every command of the device server, in the order of operation codes (SPC-4, SBC-3, WRITE ATOMIC and
 * SANITIZE of SBC-4, RESERVE and RELEASE of SPC-2). What is not here is refused; what is here is complete. docs/scsi-commands.md
 * lists the same, and a test compares them.
 *
 * Usage maps allow GROUP NUMBER and DPO, which are hints without effect here, and the obsolete FUA_NV and
 * SYNC_NV, which get what FUA and a plain flush get. Protection fields, NACA and all reserved bits must be zero.
 */
import { extent6, extent10, extent12, extent16 } from './blocks/address.ts'
import { compareAndWrite, compareDataOut } from './blocks/compare-and-write.ts'
import * as medium from './blocks/medium.ts'
import * as provisioning from './blocks/provisioning.ts'
import { read6, read10, read12, read16 } from './blocks/read.ts'
import * as sanitize from './blocks/sanitize.ts'
import { verify10, verify12, verify16, verifyDataOut } from './blocks/verify.ts'
import * as write from './blocks/write.ts'
import { readU16 } from './bytes.ts'
import { type Command, CommandSet } from './command.ts'
import { extendedCopy, extendedCopyDataOut } from './copy/extended-copy.ts'
import { receiveCopyOperatingParameters, receiveCopyStatus } from './copy/receive.ts'
import { inquiry } from './inquiry/inquiry.ts'
import { atomicWriteBlocksMax } from './inquiry/vpd.ts'
import { modeSelect6, modeSelect10 } from './mode/mode-select.ts'
import { modeSense6, modeSense10 } from './mode/mode-sense.ts'
import { reportLuns, requestSense, sendDiagnostic } from './report/diagnostics.ts'
import {
  reportSupportedOperationCodes,
  reportSupportedTaskManagementFunctions,
} from './report/operation-codes.ts'
import { reportTargetPortGroups } from './report/target-port-groups.ts'
import * as reserveIn from './reservations/reserve-in.ts'
import * as reserveOut from './reservations/reserve-out.ts'

const TABLE: readonly Command[] = [
  {
    name: 'TEST UNIT READY',
    usage: '00 00 00 00 00 00',
    conflicts: 'reserve',
    paths: 'active',
    execute: medium.testUnitReady,
  },
  {
    name: 'REQUEST SENSE',
    usage: '03 01 00 00 ff 00',
    conflicts: 'never',
    paths: 'any',
    ignoresAttention: true,
    whileSanitizing: 'always',
    execute: requestSense,
  },
  { name: 'READ(6)', usage: '08 1f ffff ff 00', conflicts: 'read', paths: 'active', execute: read6 },
  {
    name: 'WRITE(6)',
    usage: '0a 1f ffff ff 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent6),
    execute: write.write6,
  },
  {
    name: 'INQUIRY',
    usage: '12 01 ff ffff 00',
    conflicts: 'never',
    paths: 'any',
    ignoresAttention: true,
    whileSanitizing: 'always',
    execute: inquiry,
  },
  {
    name: 'MODE SELECT(6)',
    usage: '15 11 0000 ff 00',
    conflicts: 'write',
    paths: 'standby',
    dataOutBytes: (cdb) => cdb[4] ?? 0,
    execute: modeSelect6,
  },
  {
    name: 'RESERVE(6)',
    usage: '16 00 0000 00 00',
    conflicts: 'never',
    paths: 'active',
    execute: reserveOut.reserveUnit,
  },
  {
    name: 'RELEASE(6)',
    usage: '17 00 0000 00 00',
    conflicts: 'never',
    paths: 'active',
    execute: reserveOut.releaseUnit,
  },
  {
    name: 'MODE SENSE(6)',
    usage: '1a 08 ff ff ff 00',
    conflicts: 'read',
    paths: 'standby',
    execute: modeSense6,
  },
  {
    name: 'START STOP UNIT',
    usage: '1b 01 00 0f f7 00',
    conflicts: medium.startStopConflicts,
    paths: 'active',
    execute: medium.startStopUnit,
  },
  {
    name: 'SEND DIAGNOSTIC',
    usage: '1d f7 00 ffff 00',
    conflicts: 'write',
    paths: 'standby',
    execute: sendDiagnostic,
  },
  {
    name: 'PREVENT ALLOW MEDIUM REMOVAL',
    usage: '1e 00 0000 03 00',
    conflicts: medium.preventAllowConflicts,
    paths: 'active',
    execute: medium.preventAllowMediumRemoval,
  },
  {
    name: 'READ CAPACITY(10)',
    usage: '25 00 00000000 0000 00 00',
    conflicts: 'never',
    paths: 'any',
    execute: medium.readCapacity10,
  },
  {
    name: 'READ(10)',
    usage: '28 1a ffffffff 3f ffff 00',
    conflicts: 'read',
    paths: 'active',
    execute: read10,
  },
  {
    name: 'WRITE(10)',
    usage: '2a 1a ffffffff 3f ffff 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent10),
    execute: write.write10,
  },
  {
    name: 'WRITE AND VERIFY(10)',
    usage: '2e 16 ffffffff 3f ffff 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent10),
    execute: write.writeAndVerify10,
  },
  {
    name: 'VERIFY(10)',
    usage: '2f 16 ffffffff 3f ffff 00',
    conflicts: 'read',
    paths: 'active',
    dataOutBytes: verifyDataOut(extent10),
    execute: verify10,
  },
  {
    name: 'PRE-FETCH(10)',
    usage: '34 02 ffffffff 3f ffff 00',
    conflicts: 'read',
    paths: 'active',
    execute: medium.prefetch10,
  },
  {
    name: 'SYNCHRONIZE CACHE(10)',
    usage: '35 06 ffffffff 3f ffff 00',
    conflicts: 'write',
    paths: 'active',
    execute: medium.synchronizeCache10,
  },
  {
    name: 'READ DEFECT DATA(10)',
    usage: '37 00 1f 00000000 ffff 00',
    conflicts: 'write',
    paths: 'active',
    execute: medium.readDefectData10,
  },
  {
    name: 'WRITE SAME(10)',
    usage: '41 18 ffffffff 3f ffff 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: provisioning.writeSameDataOut,
    execute: provisioning.writeSame10,
  },
  {
    name: 'UNMAP',
    usage: '42 01 00000000 3f ffff 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: provisioning.unmapDataOut,
    execute: provisioning.unmap,
  },
  {
    name: 'SANITIZE, OVERWRITE',
    usage: '48 a1 0000000000 ffff 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    whileSanitizing: 'failed',
    dataOutBytes: sanitize.overwriteDataOut,
    execute: sanitize.overwrite,
  },
  {
    name: 'SANITIZE, BLOCK ERASE',
    usage: '48 a2 0000000000 0000 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    whileSanitizing: 'failed',
    execute: sanitize.blockErase,
  },
  {
    name: 'SANITIZE, EXIT FAILURE MODE',
    usage: '48 9f 0000000000 0000 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    whileSanitizing: 'failed',
    execute: sanitize.exitFailureMode,
  },
  {
    name: 'MODE SELECT(10)',
    usage: '55 11 0000000000 ffff 00',
    conflicts: 'write',
    paths: 'standby',
    dataOutBytes: (cdb) => readU16(cdb, 7),
    execute: modeSelect10,
  },
  {
    name: 'RESERVE(10)',
    usage: '56 00 0000000000 0000 00',
    conflicts: 'never',
    paths: 'active',
    execute: reserveOut.reserveUnit,
  },
  {
    name: 'RELEASE(10)',
    usage: '57 00 0000000000 0000 00',
    conflicts: 'never',
    paths: 'active',
    execute: reserveOut.releaseUnit,
  },
  {
    name: 'MODE SENSE(10)',
    usage: '5a 18 ff ff 000000 ffff 00',
    conflicts: 'read',
    paths: 'standby',
    execute: modeSense10,
  },
  reserveInCommand('READ KEYS', '00', reserveIn.readKeys),
  reserveInCommand('READ RESERVATION', '01', reserveIn.readReservation),
  reserveInCommand('REPORT CAPABILITIES', '02', reserveIn.reportCapabilities),
  reserveInCommand('READ FULL STATUS', '03', reserveIn.readFullStatus),
  reserveOutCommand('REGISTER', '00', reserveOut.register),
  reserveOutCommand('RESERVE', '01', reserveOut.reserve),
  reserveOutCommand('RELEASE', '02', reserveOut.release),
  reserveOutCommand('CLEAR', '03', reserveOut.clear),
  reserveOutCommand('PREEMPT', '04', reserveOut.preempt),
  reserveOutCommand('PREEMPT AND ABORT', '05', reserveOut.preemptAndAbort),
  reserveOutCommand('REGISTER AND IGNORE EXISTING KEY', '06', reserveOut.registerAndIgnoreExistingKey),
  {
    name: 'EXTENDED COPY(LID1)',
    usage: '83 00 0000000000000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: extendedCopyDataOut,
    execute: extendedCopy,
  },
  {
    name: 'RECEIVE COPY STATUS(LID1)',
    usage: '84 00 ff 00000000000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    execute: receiveCopyStatus,
  },
  {
    name: 'RECEIVE COPY OPERATING PARAMETERS',
    usage: '84 03 0000000000000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'write',
    paths: 'active',
    execute: receiveCopyOperatingParameters,
  },
  {
    name: 'READ(16)',
    usage: '88 1a ffffffffffffffff ffffffff 3f 00',
    conflicts: 'read',
    paths: 'active',
    execute: read16,
  },
  {
    name: 'COMPARE AND WRITE',
    usage: '89 18 ffffffffffffffff 000000 ff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: compareDataOut,
    execute: compareAndWrite,
  },
  {
    name: 'WRITE(16)',
    usage: '8a 1a ffffffffffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent16),
    execute: write.write16,
  },
  {
    name: 'ORWRITE(16)',
    usage: '8b 1a ffffffffffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent16),
    execute: write.orwrite16,
  },
  {
    name: 'WRITE AND VERIFY(16)',
    usage: '8e 16 ffffffffffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent16),
    execute: write.writeAndVerify16,
  },
  {
    name: 'VERIFY(16)',
    usage: '8f 16 ffffffffffffffff ffffffff 3f 00',
    conflicts: 'read',
    paths: 'active',
    dataOutBytes: verifyDataOut(extent16),
    execute: verify16,
  },
  {
    name: 'PRE-FETCH(16)',
    usage: '90 02 ffffffffffffffff ffffffff 3f 00',
    conflicts: 'read',
    paths: 'active',
    execute: medium.prefetch16,
  },
  {
    name: 'SYNCHRONIZE CACHE(16)',
    usage: '91 06 ffffffffffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    execute: medium.synchronizeCache16,
  },
  {
    name: 'WRITE SAME(16)',
    usage: '93 19 ffffffffffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: provisioning.writeSameDataOut,
    execute: provisioning.writeSame16,
  },
  {
    name: 'WRITE ATOMIC(16)',
    usage: '9c 18 ffffffffffffffff 0000 ffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(write.atomicExtent),
    isSupported: (unit) => atomicWriteBlocksMax(unit) > 0,
    execute: write.writeAtomic16,
  },
  {
    name: 'READ CAPACITY(16)',
    usage: '9e 10 0000000000000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'never',
    paths: 'any',
    execute: medium.readCapacity16,
  },
  {
    name: 'GET LBA STATUS(16)',
    usage: '9e 12 ffffffffffffffff ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'read',
    paths: 'active',
    execute: provisioning.getLbaStatus,
  },
  {
    name: 'REPORT LUNS',
    usage: 'a0 00 ff 000000 ffffffff 00 00',
    conflicts: 'never',
    paths: 'any',
    ignoresAttention: true,
    whileSanitizing: 'always',
    execute: reportLuns,
  },
  {
    name: 'REPORT TARGET PORT GROUPS',
    usage: 'a3 ea 00000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'never',
    paths: 'any',
    whileSanitizing: 'always',
    execute: reportTargetPortGroups,
  },
  {
    name: 'REPORT SUPPORTED OPERATION CODES',
    usage: 'a3 0c 87 ff ffff ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'read',
    paths: 'standby',
    whileSanitizing: 'always',
    execute: reportSupportedOperationCodes(() => COMMANDS),
  },
  {
    name: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    usage: 'a3 0d 80 000000 ffffffff 00 00',
    hasServiceAction: true,
    conflicts: 'read',
    paths: 'standby',
    whileSanitizing: 'always',
    execute: reportSupportedTaskManagementFunctions,
  },
  {
    name: 'READ(12)',
    usage: 'a8 1a ffffffff ffffffff 3f 00',
    conflicts: 'read',
    paths: 'active',
    execute: read12,
  },
  {
    name: 'WRITE(12)',
    usage: 'aa 1a ffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent12),
    execute: write.write12,
  },
  {
    name: 'WRITE AND VERIFY(12)',
    usage: 'ae 16 ffffffff ffffffff 3f 00',
    conflicts: 'write',
    paths: 'active',
    dataOutBytes: write.dataOutOf(extent12),
    execute: write.writeAndVerify12,
  },
  {
    name: 'VERIFY(12)',
    usage: 'af 16 ffffffff ffffffff 3f 00',
    conflicts: 'read',
    paths: 'active',
    dataOutBytes: verifyDataOut(extent12),
    execute: verify12,
  },
  {
    name: 'READ DEFECT DATA(12)',
    usage: 'b7 1f ffffffff ffffffff 00 00',
    conflicts: 'write',
    paths: 'active',
    execute: medium.readDefectData12,
  },
]

/** What reservations of any kind forbid here, the command finds out itself. */
function reserveInCommand(action: string, code: string, execute: Command['execute']): Command {
  return {
    name: `PERSISTENT RESERVE IN, ${action}`,
    usage: `5e ${code} 0000000000 ffff 00`,
    hasServiceAction: true,
    conflicts: 'never',
    paths: 'standby',
    whileSanitizing: 'always',
    execute,
  }
}

function reserveOutCommand(action: string, code: string, execute: Command['execute']): Command {
  return {
    name: `PERSISTENT RESERVE OUT, ${action}`,
    usage: `5f ${code} ff 0000 ffffffff 00`,
    hasServiceAction: true,
    conflicts: 'never',
    paths: 'standby',
    dataOutBytes: reserveOut.reserveOutDataOut,
    execute,
  }
}

export const COMMANDS = new CommandSet(TABLE)

/**
 * Bytes that the session has to fetch from the initiator before it calls `execute`; at most
 * `TRANSFER_BYTES_MAX`. 0 also for commands that are unknown or will be refused for their length.
 */
export function dataOutLengthBytes(cdb: Uint8Array, logicalBlockBytes: number): number {
  return COMMANDS.find(cdb)?.dataOutBytes?.(cdb, logicalBlockBytes) ?? 0
}
