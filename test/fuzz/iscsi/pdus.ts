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
import { KEYS } from '../../../src/iscsi/text/keys.ts'
import { encodeText, type TextPair } from '../../../src/iscsi/text/pairs.ts'
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

const login = (
  fields: { isid: number; csg: LoginStage; nsg: LoginStage; transit: boolean; continue?: boolean },
  pairs: readonly TextPair[],
): Draft => {
  const data = encodeText(pairs)
  return draft(
    (view, at) =>
      encodeLoginRequest(view, at, {
        ...{ versionMax: 0, versionMin: 0, tsih: 0, cid: 0, initiatorTaskTag: 0, cmdSn: 1, expStatSn: 0 },
        ...{ continue: false, dataSegmentLength: data.byteLength, ...fields },
      }),
    data,
  )
}
const pairsOf = (record: Readonly<Record<string, string>>): TextPair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }))

/** One login request that asks for all at once: no proof, these digests, and the full feature phase. */
export function loginDraft(options: {
  initiatorName: string
  targetName: string | undefined
  isid: number
  headerDigest: boolean
  dataDigest: boolean
}): Draft {
  const digest = (wanted: boolean): string => (wanted ? 'CRC32C' : 'None')
  const { isid, targetName } = options
  return login(
    { isid, csg: LoginStage.operationalNegotiation, nsg: LoginStage.fullFeaturePhase, transit: true },
    pairsOf({
      InitiatorName: options.initiatorName,
      ...(targetName === undefined
        ? { SessionType: 'Discovery' }
        : { TargetName: targetName, InitialR2T: 'No', MaxOutstandingR2T: '4' }),
      HeaderDigest: digest(options.headerDigest),
      DataDigest: digest(options.dataDigest),
    }),
  )
}

/** Somebody who does not know the secret: he begins as one who does, answers with what he has, and goes on as if let in. */
export function strangerDrafts(
  random: SeededRandom,
  names: { initiatorName: string; targetName: string },
): Draft[] {
  const { securityNegotiation: security, operationalNegotiation: operational, fullFeaturePhase } = LoginStage
  const isid = random.integer(8)
  const hex = (bytes: number): string => `0x${Buffer.from(random.bytes(bytes)).toString('hex')}`
  const ask = { isid, csg: security, nsg: operational, transit: false }
  const bytes = random.pick([0, 1, 16, 32, 64, 65, 1024])
  const answer = pairsOf({
    CHAP_N: random.pick(['alice', '', 'x'.repeat(300)]),
    CHAP_R: random.pick([hex(bytes), `0b${Buffer.from(random.bytes(bytes)).toString('base64')}`, '0x', '5']),
    ...(random.chance(0.5) ? { CHAP_I: random.pick(['0', '255', '256', '-1']), CHAP_C: hex(bytes) } : {}),
  })
  return [
    login(
      ask,
      pairsOf({ InitiatorName: names.initiatorName, TargetName: names.targetName, AuthMethod: 'CHAP,None' }),
    ),
    login(ask, pairsOf({ CHAP_A: random.pick(['5', '7,5', '99', '5,5,5', '']) })),
    login({ ...ask, transit: random.chance(0.8) }, random.chance(0.2) ? [...answer, ...answer] : answer),
    login({ isid, csg: operational, nsg: fullFeaturePhase, transit: true }, []),
  ]
}

/** Keys of all kinds with values of all kinds, in the middle of a login that goes on. */
export function haggleDrafts(
  random: SeededRandom,
  names: { initiatorName: string; targetName: string },
): Draft[] {
  const { operationalNegotiation: operational, fullFeaturePhase } = LoginStage
  const stay = { isid: random.integer(8), csg: operational, nsg: fullFeaturePhase, transit: false }
  const keys = [...Object.keys(KEYS), 'X-com.example', 'k'.repeat(random.pick([1, 63, 64]))]
  const value = (): string =>
    random.pick([
      'Yes',
      'No',
      '0',
      '1',
      '512',
      '16777215',
      '16777216',
      '0x200',
      'None',
      'CRC32C,None',
      '',
      ',',
      'Reject',
      'v'.repeat(random.pick([255, 256, 8000])),
    ])
  const haggling = Array.from({ length: 1 + random.integer(4) }, () =>
    login(
      { ...stay, continue: random.chance(0.2) },
      Array.from({ length: random.integer(12) }, () => ({ key: random.pick(keys), value: value() })),
    ),
  )
  const first = login(stay, pairsOf({ InitiatorName: names.initiatorName, TargetName: names.targetName }))
  return [first, ...haggling, login({ ...stay, transit: true }, [])]
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
