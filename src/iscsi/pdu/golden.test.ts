/**
 * Golden vectors. Provenance:
 *  - "captured": a session of libiscsi 1.19.0 (iscsi-ls, iscsi-inq, iscsi-test-cu) as the initiator with tgt
 *    1.0.85 as the target, Debian 12, recorded by a TCP proxy between them;
 *  - "table": written by hand from the byte table of the clause that the codec cites, because those peers
 *    did not send such a PDU.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from '../../base/binary.ts'
import { decodeAsyncMessage, encodeAsyncMessage } from './async-message.ts'
import { decodeDataIn, encodeDataIn } from './data-in.ts'
import { decodeDataOut, encodeDataOut } from './data-out.ts'
import { decodeInitiatorPdu, decodeTargetPdu } from './decode.ts'
import { decodeLoginRequest, decodeLoginResponse, encodeLoginRequest, encodeLoginResponse } from './login.ts'
import {
  decodeLogoutRequest,
  decodeLogoutResponse,
  encodeLogoutRequest,
  encodeLogoutResponse,
} from './logout.ts'
import { decodeNopIn, decodeNopOut, encodeNopIn, encodeNopOut } from './nop.ts'
import { BHS_BYTES, Opcode, RESERVED_TAG } from './opcodes.ts'
import { decodeR2t, encodeR2t } from './r2t.ts'
import { decodeReject, encodeReject } from './reject.ts'
import { decodeScsiCommand, encodeScsiCommand } from './scsi-command.ts'
import { decodeScsiResponse, encodeScsiResponse } from './scsi-response.ts'
import { decodeSnackRequest, encodeSnackRequest } from './snack.ts'
import {
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  encodeTaskManagementRequest,
  encodeTaskManagementResponse,
} from './task-management.ts'
import { decodeTextRequest, decodeTextResponse, encodeTextRequest, encodeTextResponse } from './text.ts'

interface Codec<Pdu> {
  readonly decode: (view: DataView, offset: number) => Pdu
  readonly encode: (view: DataView, offset: number, pdu: NoInfer<Pdu>) => void
}

interface Golden {
  readonly name: string
  readonly hex: string
  readonly decoded: unknown
  readonly decode: (view: DataView, offset: number) => unknown
  /** Encodes what was decoded from `view`, into a dirty buffer. */
  readonly reencode: (view: DataView) => string
}

function golden<Pdu>(name: string, codec: Codec<Pdu>, hex: string, decoded: NoInfer<Pdu>): Golden {
  return {
    name,
    hex: hex.replaceAll(' ', ''),
    decoded,
    decode: codec.decode,
    reencode(view) {
      const out = Buffer.alloc(BHS_BYTES + 8, 0xff)
      codec.encode(viewOf(out), 4, codec.decode(view, 0))
      expect(out.readUInt32BE(0)).toBe(RESERVED_TAG)
      expect(out.readUInt32BE(BHS_BYTES + 4)).toBe(RESERVED_TAG)
      return out.subarray(4, BHS_BYTES + 4).toString('hex')
    },
  }
}

const LUN_1 = 0x0001_0000_0000_0000n

const VECTORS: readonly Golden[] = [
  golden(
    'SCSI Command, captured: READ(16) of a block beyond the end',
    { decode: decodeScsiCommand, encode: encodeScsiCommand },
    '01c10000 00000000 00010000 00000000 2c9bbd10 00000200 3174d941 00000003 88000000 00000002 00000001 00000000',
    {
      opcode: Opcode.scsiCommand,
      immediate: false,
      final: true,
      read: true,
      write: false,
      attr: 1,
      totalAhsLength: 0,
      dataSegmentLength: 0,
      lun: LUN_1,
      initiatorTaskTag: 0x2c9bbd10,
      expectedDataTransferLength: 512,
      cmdSn: 0x3174d941,
      expStatSn: 3,
      cdb: Uint8Array.from(Buffer.from('88000000000000020000000100000000', 'hex')),
    },
  ),
  golden(
    'SCSI Command, captured: WRITE SAME(16) with immediate data',
    { decode: decodeScsiCommand, encode: encodeScsiCommand },
    '01a10000 00000200 00010000 00000000 5b945969 00000200 78b5473a 00000003 93000000 00000000 00000000 00010000',
    {
      opcode: Opcode.scsiCommand,
      immediate: false,
      final: true,
      read: false,
      write: true,
      attr: 1,
      totalAhsLength: 0,
      dataSegmentLength: 512,
      lun: LUN_1,
      initiatorTaskTag: 0x5b945969,
      expectedDataTransferLength: 512,
      cmdSn: 0x78b5473a,
      expStatSn: 3,
      cdb: Uint8Array.from(Buffer.from('93000000000000000000000000010000', 'hex')),
    },
  ),
  golden(
    'SCSI Response, captured: CHECK CONDITION with underflow',
    { decode: decodeScsiResponse, encode: encodeScsiResponse },
    '21820002 00000014 00000000 00000000 2c9bbd10 00000000 00000003 3174d942 3174d9c2 00000000 00000000 00000200',
    {
      opcode: Opcode.scsiResponse,
      bidirectionalReadOverflow: false,
      bidirectionalReadUnderflow: false,
      overflow: false,
      underflow: true,
      response: 0,
      status: 2,
      dataSegmentLength: 20,
      initiatorTaskTag: 0x2c9bbd10,
      snackTag: 0,
      statSn: 3,
      expCmdSn: 0x3174d942,
      maxCmdSn: 0x3174d9c2,
      expDataSn: 0,
      bidirectionalReadResidualCount: 0,
      residualCount: 512,
    },
  ),
  golden(
    'Task Management Function Request, captured: ABORT TASK',
    { decode: decodeTaskManagementRequest, encode: encodeTaskManagementRequest },
    '42810000 00000000 00010000 00000000 46781e30 46781e2f 0c2532ad 00000003 0c2532ac 00000000 00000000 00000000',
    {
      opcode: Opcode.taskManagementRequest,
      immediate: true,
      function: 1,
      lun: LUN_1,
      initiatorTaskTag: 0x46781e30,
      referencedTaskTag: 0x46781e2f,
      cmdSn: 0x0c2532ad,
      expStatSn: 3,
      refCmdSn: 0x0c2532ac,
      expDataSn: 0,
    },
  ),
  golden(
    'Task Management Function Response, captured: task does not exist',
    { decode: decodeTaskManagementResponse, encode: encodeTaskManagementResponse },
    '22800100 00000000 00000000 00000000 46781e30 00000000 00000004 0c2532ad 0c25332d 00000000 00000000 00000000',
    {
      opcode: Opcode.taskManagementResponse,
      response: 1,
      initiatorTaskTag: 0x46781e30,
      statSn: 4,
      expCmdSn: 0x0c2532ad,
      maxCmdSn: 0x0c25332d,
    },
  ),
  golden(
    'Data-Out, captured: one of several that answer an R2T',
    { decode: decodeDataOut, encode: encodeDataOut },
    '05800000 00000200 00010000 00000000 1fbf4b24 80883720 00000000 00000014 00000000 00000000 00002000 00000000',
    {
      opcode: Opcode.dataOut,
      final: true,
      dataSegmentLength: 512,
      lun: LUN_1,
      initiatorTaskTag: 0x1fbf4b24,
      targetTransferTag: 0x80883720,
      expStatSn: 20,
      dataSn: 0,
      bufferOffset: 8192,
    },
  ),
  golden(
    'Data-In, captured: INQUIRY data with status',
    { decode: decodeDataIn, encode: encodeDataIn },
    '25810000 00000040 00000000 00000000 7b1f87d1 ffffffff 00000003 2f74562b 2f7456ab 00000000 00000000 00000000',
    {
      opcode: Opcode.dataIn,
      final: true,
      acknowledge: false,
      overflow: false,
      underflow: false,
      statusPresent: true,
      status: 0,
      dataSegmentLength: 64,
      lun: 0n,
      initiatorTaskTag: 0x7b1f87d1,
      targetTransferTag: RESERVED_TAG,
      statSn: 3,
      expCmdSn: 0x2f74562b,
      maxCmdSn: 0x2f7456ab,
      dataSn: 0,
      bufferOffset: 0,
      residualCount: 0,
    },
  ),
  golden(
    'R2T, captured',
    { decode: decodeR2t, encode: encodeR2t },
    '31800000 00000000 00010000 00000000 1fbf4b24 80883720 00000013 2b4477aa 2b44782a 00000000 00002000 00000200',
    {
      opcode: Opcode.r2t,
      lun: LUN_1,
      initiatorTaskTag: 0x1fbf4b24,
      targetTransferTag: 0x80883720,
      statSn: 0x13,
      expCmdSn: 0x2b4477aa,
      maxCmdSn: 0x2b44782a,
      r2tSn: 0,
      bufferOffset: 8192,
      desiredDataTransferLength: 512,
    },
  ),
  golden(
    'Asynchronous Message, table: the target asks for a logout within 3 seconds',
    { decode: decodeAsyncMessage, encode: encodeAsyncMessage },
    '32800000 00000000 00000000 00000000 ffffffff 00000000 00000007 00000008 00000028 01000000 00000003 00000000',
    {
      opcode: Opcode.asyncMessage,
      dataSegmentLength: 0,
      lun: 0n,
      statSn: 7,
      expCmdSn: 8,
      maxCmdSn: 40,
      asyncEvent: 1,
      asyncVCode: 0,
      parameter1: 0,
      parameter2: 0,
      parameter3: 3,
    },
  ),
  golden(
    'Text Request, captured: SendTargets=All',
    { decode: decodeTextRequest, encode: encodeTextRequest },
    '44800000 00000010 00000000 00000000 2b7a4ef8 ffffffff 3a1fcb5f 00000001 00000000 00000000 00000000 00000000',
    {
      opcode: Opcode.textRequest,
      immediate: true,
      final: true,
      continue: false,
      dataSegmentLength: 16,
      lun: 0n,
      initiatorTaskTag: 0x2b7a4ef8,
      targetTransferTag: RESERVED_TAG,
      cmdSn: 0x3a1fcb5f,
      expStatSn: 1,
    },
  ),
  golden(
    'Text Response, captured',
    { decode: decodeTextResponse, encode: encodeTextResponse },
    '24800000 00000040 00000000 00000000 2b7a4ef8 ffffffff 00000001 3a1fcb5f 3a1fcb60 00000000 00000000 00000000',
    {
      opcode: Opcode.textResponse,
      final: true,
      continue: false,
      dataSegmentLength: 64,
      lun: 0n,
      initiatorTaskTag: 0x2b7a4ef8,
      targetTransferTag: RESERVED_TAG,
      statSn: 1,
      expCmdSn: 0x3a1fcb5f,
      maxCmdSn: 0x3a1fcb60,
    },
  ),
  golden(
    'Login Request, captured: operational stage to full feature phase',
    { decode: decodeLoginRequest, encode: encodeLoginRequest },
    '43870000 000001b0 809bb7df 00000000 7b1f87ce 00000000 2f745628 00000001 00000000 00000000 00000000 00000000',
    {
      opcode: Opcode.loginRequest,
      transit: true,
      continue: false,
      csg: 1,
      nsg: 3,
      versionMax: 0,
      versionMin: 0,
      dataSegmentLength: 0x1b0,
      isid: 0x809bb7df0000,
      tsih: 0,
      initiatorTaskTag: 0x7b1f87ce,
      cid: 0,
      cmdSn: 0x2f745628,
      expStatSn: 1,
    },
  ),
  golden(
    'Login Response, captured: the last one',
    { decode: decodeLoginResponse, encode: encodeLoginResponse },
    '23870000 0000012c 809bb7df 00000200 7b1f87ce 00000000 00000000 2f745628 2f745629 00000000 00000000 00000000',
    {
      opcode: Opcode.loginResponse,
      transit: true,
      continue: false,
      csg: 1,
      nsg: 3,
      versionMax: 0,
      versionActive: 0,
      dataSegmentLength: 0x12c,
      isid: 0x809bb7df0000,
      tsih: 0x0200,
      initiatorTaskTag: 0x7b1f87ce,
      statSn: 0,
      expCmdSn: 0x2f745628,
      maxCmdSn: 0x2f745629,
      status: 0,
    },
  ),
  golden(
    'Logout Request, captured',
    { decode: decodeLogoutRequest, encode: encodeLogoutRequest },
    '46800000 00000000 00000000 00000000 7b1f87d3 00000000 2f74562c 00000005 00000000 00000000 00000000 00000000',
    {
      opcode: Opcode.logoutRequest,
      immediate: true,
      reasonCode: 0,
      initiatorTaskTag: 0x7b1f87d3,
      cid: 0,
      cmdSn: 0x2f74562c,
      expStatSn: 5,
    },
  ),
  golden(
    'Logout Response, captured',
    { decode: decodeLogoutResponse, encode: encodeLogoutResponse },
    '26800000 00000000 00000000 00000000 7b1f87d3 00000000 00000005 2f74562c 2f7456ac 00000000 00000000 00000000',
    {
      opcode: Opcode.logoutResponse,
      response: 0,
      initiatorTaskTag: 0x7b1f87d3,
      statSn: 5,
      expCmdSn: 0x2f74562c,
      maxCmdSn: 0x2f7456ac,
      time2Wait: 0,
      time2Retain: 0,
    },
  ),
  golden(
    'SNACK Request, table: status of two PDUs',
    { decode: decodeSnackRequest, encode: encodeSnackRequest },
    '10810000 00000000 00000000 00000000 ffffffff ffffffff 00000000 00000009 00000000 00000000 00000009 00000002',
    {
      opcode: Opcode.snackRequest,
      type: 1,
      lun: 0n,
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag: RESERVED_TAG,
      expStatSn: 9,
      begRun: 9,
      runLength: 2,
    },
  ),
  golden(
    'Reject, table: protocol error',
    { decode: decodeReject, encode: encodeReject },
    '3f800400 00000030 00000000 00000000 ffffffff 00000000 00000005 00000006 00000026 00000000 00000000 00000000',
    {
      opcode: Opcode.reject,
      reason: 4,
      dataSegmentLength: 48,
      statSn: 5,
      expCmdSn: 6,
      maxCmdSn: 38,
      dataSn: 0,
    },
  ),
  golden(
    'NOP-Out, table: a ping with four bytes',
    { decode: decodeNopOut, encode: encodeNopOut },
    '40800000 00000004 00000000 00000000 00000011 ffffffff 00000012 00000013 00000000 00000000 00000000 00000000',
    {
      opcode: Opcode.nopOut,
      immediate: true,
      dataSegmentLength: 4,
      lun: 0n,
      initiatorTaskTag: 0x11,
      targetTransferTag: RESERVED_TAG,
      cmdSn: 0x12,
      expStatSn: 0x13,
    },
  ),
  golden(
    'NOP-In, captured: the answer to a ping',
    { decode: decodeNopIn, encode: encodeNopIn },
    '20800000 00000005 00000000 00000000 00000011 ffffffff 00000001 00000001 00000081 00000000 00000000 00000000',
    {
      opcode: Opcode.nopIn,
      dataSegmentLength: 5,
      lun: 0n,
      initiatorTaskTag: 0x11,
      targetTransferTag: RESERVED_TAG,
      statSn: 1,
      expCmdSn: 1,
      maxCmdSn: 0x81,
    },
  ),
  golden(
    'NOP-In, table: the target asks whether the initiator is there',
    { decode: decodeNopIn, encode: encodeNopIn },
    '20800000 00000000 00010000 00000000 ffffffff 00000021 00000022 00000023 00000024 00000000 00000000 00000000',
    {
      opcode: Opcode.nopIn,
      dataSegmentLength: 0,
      lun: LUN_1,
      initiatorTaskTag: RESERVED_TAG,
      targetTransferTag: 0x21,
      statSn: 0x22,
      expCmdSn: 0x23,
      maxCmdSn: 0x24,
    },
  ),
]

describe('PDU codecs', () => {
  it.each(VECTORS)('$name', ({ hex, decoded, decode, reencode }) => {
    const view = viewOf(Buffer.from(hex, 'hex'))
    expect(decode(view, 0)).toEqual(decoded)
    expect(reencode(view)).toBe(hex)
    const { opcode } = decoded as { opcode: number }
    const byOpcode = opcode < 0x20 ? decodeInitiatorPdu(view, 0) : decodeTargetPdu(view, 0)
    expect(byOpcode).toEqual(decoded)
  })

  it.each(VECTORS)('reads any bytes and writes what it read: $name', ({ hex, decode, reencode }) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: BHS_BYTES, maxLength: BHS_BYTES }), (bytes) => {
        bytes[0] = Number.parseInt(hex.slice(0, 2), 16)
        const once = Buffer.from(reencode(viewOf(bytes)), 'hex')
        expect(decode(viewOf(once), 0)).toEqual(decode(viewOf(bytes), 0))
      }),
      { numRuns: 50 },
    )
  })

  it('has a verdict for opcodes that it does not know or that belong to the other side', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: BHS_BYTES, maxLength: BHS_BYTES }), (bytes) => {
        const view = viewOf(bytes)
        const known = (Object.values(Opcode) as number[]).includes(bytes[0]! & 0x3f)
        const isOurs = known && (bytes[0]! & 0x20) === 0
        const isTheirs = known && !isOurs
        expect(decodeInitiatorPdu(view, 0).opcode === 'malformed').toBe(!isOurs)
        expect(decodeTargetPdu(view, 0).opcode === 'malformed').toBe(!isTheirs)
      }),
    )
  })
})
