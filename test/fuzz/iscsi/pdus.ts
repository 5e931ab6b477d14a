/**
 * What a hostile initiator begins with: PDUs that are right, of every kind that an initiator may send, with tags and
 * numbers from small sets so that they meet each other's state. `mutate.ts` makes them wrong.
 */
import { encodeDataOut } from '../../../src/iscsi/pdu/data-out.ts'
import { encodeLoginRequest } from '../../../src/iscsi/pdu/login.ts'
import { encodeLogoutRequest } from '../../../src/iscsi/pdu/logout.ts'
import { encodeNopOut } from '../../../src/iscsi/pdu/nop.ts'
import { BHS_BYTES, LoginStage, RESERVED_TAG } from '../../../src/iscsi/pdu/opcodes.ts'
import type { R2t } from '../../../src/iscsi/pdu/r2t.ts'
import { encodeScsiCommand } from '../../../src/iscsi/pdu/scsi-command.ts'
import { encodeSnackRequest } from '../../../src/iscsi/pdu/snack.ts'
import { encodeTaskManagementRequest } from '../../../src/iscsi/pdu/task-management.ts'
import { encodeTextRequest } from '../../../src/iscsi/pdu/text.ts'
import { encodeText } from '../../../src/iscsi/text/pairs.ts'
import type { SeededRandom } from '../../sim/random.ts'

/** A PDU without digests: header with its additional segments, and data. */
export interface Draft {
  header: Uint8Array
  data: Uint8Array
}

type Encode = (view: DataView, offset: number) => void

const NO_DATA = new Uint8Array(0)
const CDBS = [
  '00',
  '2a000000000000000800',
  '28000000000000000800',
  '2a0000000000000080',
  '28000000000000008000',
  '12000000ff00',
  '12010000ff00',
  '120183 00ff00',
  '88000000000000000000000000100000',
  '8a000000000000000000000000080000',
  '89000000000000000000000000010000',
  '93000000000000000000000000400000',
  '420000000000000018 00',
  '35000000000000000000',
  '5e000000000000ff00',
  '5f000000000000001800',
  '9e10000000000000000000000020 0000',
  'a30a0000000000000100 0000',
  'a00000000000000010000000',
  '1a003f00ff00',
  '4d00000000000000ff00',
  '830000000000000000000000002000 00',
] as const
const TEXT_KEYS = [
  'SendTargets',
  'MaxRecvDataSegmentLength',
  'X-com.example',
  'InitialR2T',
  'TargetName',
] as const
const TEXT_VALUES = ['All', '', '8192', '512', 'iqn.2026-11.io.basalt:fuzz', 'Yes', '0'] as const

const draft = (encode: Encode, data: Uint8Array = NO_DATA): Draft => {
  const header = new Uint8Array(BHS_BYTES)
  encode(new DataView(header.buffer), 0)
  return { header, data }
}

/** The numbers that an initiator keeps, as far as one that does not listen can. */
export class Counters {
  cmdSn = 1
}

/** One login request that asks for all at once: no proof, these digests, and the full feature phase. */
export function loginDraft(options: {
  initiatorName: string
  targetName: string | undefined
  isid: number
  headerDigest: boolean
  dataDigest: boolean
}): Draft {
  const digest = (wanted: boolean): string => (wanted ? 'CRC32C' : 'None')
  const data = encodeText(
    Object.entries({
      InitiatorName: options.initiatorName,
      ...(options.targetName === undefined
        ? { SessionType: 'Discovery' }
        : { TargetName: options.targetName, InitialR2T: 'No', MaxOutstandingR2T: '4' }),
      HeaderDigest: digest(options.headerDigest),
      DataDigest: digest(options.dataDigest),
    }).map(([key, value]) => ({ key, value })),
  )
  return draft(
    (view, at) =>
      encodeLoginRequest(view, at, {
        ...{ transit: true, continue: false, versionMax: 0, versionMin: 0, tsih: 0, cid: 0 },
        csg: LoginStage.operationalNegotiation,
        nsg: LoginStage.fullFeaturePhase,
        dataSegmentLength: data.byteLength,
        isid: options.isid,
        initiatorTaskTag: 0,
        cmdSn: 1,
        expStatSn: 0,
      }),
    data,
  )
}

/** The data that an R2T asks for, in one PDU. */
export function solicitedDraft(random: SeededRandom, r2t: R2t): Draft {
  const data = random.bytes(Math.min(r2t.desiredDataTransferLength, 65_536))
  return draft(
    (view, at) =>
      encodeDataOut(view, at, {
        ...{ lun: r2t.lun, initiatorTaskTag: r2t.initiatorTaskTag, targetTransferTag: r2t.targetTransferTag },
        ...{ final: true, expStatSn: 0, dataSn: 0, bufferOffset: r2t.bufferOffset },
        dataSegmentLength: data.byteLength,
      }),
    data,
  )
}

/** A PDU of the full feature phase. */
export function anyDraft(random: SeededRandom, counters: Counters): Draft {
  const immediate = random.chance(0.15)
  const take = (): number => (immediate ? counters.cmdSn : counters.cmdSn++)
  const tag = random.pick([1, 2, 3, 4, 5, 6, 7, 8, RESERVED_TAG])
  const lun = random.chance(0.95) ? 0n : 1n << 48n
  const kind = random.weighted({
    command: 10,
    dataOut: 6,
    nop: 2,
    management: 2,
    text: 2,
    snack: 0.3,
    logout: 0.2,
    login: 0.3,
  })
  const sized = (lengths: readonly number[]): Uint8Array => random.bytes(random.pick(lengths))
  switch (kind) {
    case 'command': {
      const write = random.chance(0.5)
      const data = write && random.chance(0.7) ? sized([0, 512, 24, 1024, 4096, 8192]) : NO_DATA
      const cdb = new Uint8Array(16)
      cdb.set(Buffer.from(random.pick(CDBS).replaceAll(' ', ''), 'hex'))
      return draft(
        (view, at) =>
          encodeScsiCommand(view, at, {
            ...{
              immediate,
              lun,
              cdb,
              write,
              read: !write || random.chance(0.1),
              totalAhsLength: 0,
              expStatSn: 0,
            },
            final: random.chance(0.8),
            attr: 1,
            dataSegmentLength: data.byteLength,
            initiatorTaskTag: tag,
            expectedDataTransferLength: random.pick([0, 24, 512, 1024, 4096, 65536, data.byteLength]),
            cmdSn: take(),
          }),
        data,
      )
    }
    case 'dataOut': {
      const data = sized([0, 512, 4096, 8192])
      return draft(
        (view, at) =>
          encodeDataOut(view, at, {
            ...{ lun, initiatorTaskTag: tag, expStatSn: 0, dataSegmentLength: data.byteLength },
            final: random.chance(0.7),
            targetTransferTag: random.pick([0, 1, 2, 3, RESERVED_TAG]),
            dataSn: random.pick([0, 0, 0, 1, 2]),
            bufferOffset: random.pick([0, 0, 512, 4096]),
          }),
        data,
      )
    }
    case 'nop': {
      const data = sized([0, 4, 64, 1000])
      return draft(
        (view, at) =>
          encodeNopOut(view, at, {
            ...{ immediate: true, lun, initiatorTaskTag: tag, cmdSn: counters.cmdSn, expStatSn: 0 },
            dataSegmentLength: data.byteLength,
            targetTransferTag: random.pick([RESERVED_TAG, 0, 1]),
          }),
        data,
      )
    }
    case 'management':
      return draft((view, at) =>
        encodeTaskManagementRequest(view, at, {
          ...{ immediate, lun, initiatorTaskTag: tag, expStatSn: 0, expDataSn: 0 },
          function: random.pick([1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
          referencedTaskTag: random.pick([1, 2, 3, 4, RESERVED_TAG]),
          cmdSn: take(),
          refCmdSn: counters.cmdSn - random.pick([0, 1, 2, 3]),
        }),
      )
    case 'text': {
      const data = encodeText([{ key: random.pick(TEXT_KEYS), value: random.pick(TEXT_VALUES) }])
      return draft(
        (view, at) =>
          encodeTextRequest(view, at, {
            ...{ immediate, lun, initiatorTaskTag: tag, expStatSn: 0, cmdSn: take() },
            final: random.chance(0.8),
            continue: random.chance(0.2),
            dataSegmentLength: data.byteLength,
            targetTransferTag: random.pick([RESERVED_TAG, RESERVED_TAG, 0, 1]),
          }),
        data,
      )
    }
    case 'snack':
      return draft((view, at) =>
        encodeSnackRequest(view, at, {
          ...{ type: random.integer(4), lun, initiatorTaskTag: tag, targetTransferTag: 0, expStatSn: 0 },
          begRun: 0,
          runLength: random.integer(4),
        }),
      )
    case 'logout':
      return draft((view, at) =>
        encodeLogoutRequest(view, at, {
          ...{ immediate, initiatorTaskTag: tag, cid: random.integer(2), expStatSn: 0, cmdSn: take() },
          reasonCode: random.integer(4),
        }),
      )
    case 'login':
      return loginDraft({
        ...{ initiatorName: 'iqn.2026-11.org.example:again', targetName: undefined, isid: 1 },
        ...{ headerDigest: false, dataDigest: false },
      })
  }
}
