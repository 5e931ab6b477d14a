/**
 * For tests: the target's end of a session core, without a socket. It reads what the core sends and sends what
 * the test says, PDU by PDU. It keeps sequence numbers as a right target does, unless the test says otherwise.
 */
import { viewOf } from '../../base/binary.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import type { BlockError } from '../../base/errors.ts'
import { serialAdd } from '../../base/serial32.ts'
import { dataSegmentLength } from '../pdu/bhs.ts'
import { type DataIn, encodeDataIn } from '../pdu/data-in.ts'
import { decodeInitiatorPdu, type InitiatorPdu, type MalformedPdu } from '../pdu/decode.ts'
import { encodeLoginResponse, type LoginResponse } from '../pdu/login.ts'
import { BHS_BYTES, LoginStage, Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { encodeR2t, type R2t } from '../pdu/r2t.ts'
import { encodeScsiResponse, type ScsiResponse } from '../pdu/scsi-response.ts'
import { PduStream } from '../pdu/stream.ts'
import { PduWriter } from '../pdu/writer.ts'
import { encodeText, parseText } from '../text/pairs.ts'
import { INITIATOR_WISHES } from '../text/parameters.ts'
import type { CommandHandler, CommandResult } from './command.ts'
import { SessionCore, type SessionCoreOptions } from './session-core.ts'

export interface SentPdu {
  readonly pdu: InitiatorPdu | MalformedPdu
  readonly data: Uint8Array
}

/** What a target answers in the login when the test does not say otherwise. */
export const LOGIN_ANSWER: Readonly<Record<string, string>> = {
  TargetPortalGroupTag: '1',
  HeaderDigest: 'None',
  DataDigest: 'None',
  MaxRecvDataSegmentLength: '1024',
  DefaultTime2Wait: '2',
  DefaultTime2Retain: '0',
  ErrorRecoveryLevel: '0',
  MaxConnections: '1',
  InitialR2T: 'No',
  ImmediateData: 'Yes',
  MaxBurstLength: '4096',
  FirstBurstLength: '2048',
  MaxOutstandingR2T: '1',
  DataPDUInOrder: 'Yes',
  DataSequenceInOrder: 'Yes',
}

/** CmdSN of the login in these tests. */
export const CMD_SN = 100
const NO_BYTES = new Uint8Array(0)

/** Remembers how a command ended. */
export class Outcome implements CommandHandler {
  result: CommandResult | undefined
  error: BlockError | undefined
  calls = 0

  completed(result: CommandResult): void {
    this.calls++
    this.result = result
  }

  failed(error: BlockError): void {
    this.calls++
    this.error = error
  }
}

export class ScriptedTarget {
  readonly core: SessionCore
  readonly pool = new BufferPool()
  /** What the core told its shell, in order. */
  readonly events: string[] = []
  endedWith: BlockError | undefined
  /** Everything that the target sends is cut into chunks of this many bytes. */
  chunkBytes = Number.POSITIVE_INFINITY
  /** Changes what the target sends on its way. */
  damage: (chunk: Uint8Array) => void = () => undefined
  statSn = 0
  expCmdSn = CMD_SN
  windowSize = 16
  readonly #writer = new PduWriter(this.pool)
  readonly #sent: SentPdu[] = []
  readonly #stream: PduStream

  constructor(options: Partial<Omit<SessionCoreOptions, 'events' | 'pool'>> = {}) {
    let header = NO_BYTES
    this.#stream = new PduStream(
      {
        header: (view, offset) => {
          header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES).slice()
          return new Uint8Array(dataSegmentLength(view, offset))
        },
        end: (data) => this.#sent.push({ pdu: decodeInitiatorPdu(viewOf(header), 0), data }),
        fault: (fault) => {
          throw new Error(fault)
        },
      },
      { dataSegmentBytesMax: 1 << 24, ahsBytesMax: 1020 },
    )
    this.core = new SessionCore({
      login: {
        initiatorName: 'iqn.2026-11.io.basalt:test',
        targetName: 'iqn.2026-11.io.basalt:volume',
        wishes: INITIATOR_WISHES,
        isid: 0x800000000001,
        cmdSn: CMD_SN,
        random: { bytes: (n) => new Uint8Array(n), u64: () => 1n, integer: () => 0 },
      },
      lun: 0,
      commandTimeoutMs: 1000,
      controlTimeoutMs: 500,
      pingIntervalMs: 0,
      tasksMax: 64,
      ...options,
      pool: this.pool,
      events: {
        loggedIn: () => this.events.push('logged in'),
        redirected: ({ host, port }, permanent) => {
          this.events.push(`moved to ${host}:${port} ${permanent ? 'permanently' : 'temporarily'}`)
        },
        asyncMessage: ({ asyncEvent }) => this.events.push(`async ${asyncEvent}`),
        ended: (error) => {
          this.events.push(error === undefined ? 'logged out' : `ended ${error.code}`)
          this.endedWith = error
        },
      },
    })
  }

  /** A core that has logged in. */
  static loggedIn(
    options: Partial<Omit<SessionCoreOptions, 'events' | 'pool'>> = {},
    answer: Readonly<Record<string, string>> = {},
  ): ScriptedTarget {
    const target = new ScriptedTarget(options)
    target.core.start()
    target.take()
    target.answerLogin({}, { ...LOGIN_ANSWER, ...answer })
    return target
  }

  get maxCmdSn(): number {
    return serialAdd(this.expCmdSn, this.windowSize - 1)
  }

  /** What the core sends now. */
  take(): SentPdu[] {
    const batch = this.core.take()
    for (const buffer of batch.buffers) this.#stream.push(buffer)
    batch.written()
    return this.#sent.splice(0)
  }

  setDigests(digests: { header: boolean; data: boolean }): void {
    this.#stream.setDigests(digests)
    this.#writer.setDigests(digests)
  }

  /** Sends one PDU. */
  send(encode: (view: DataView, offset: number) => void, data: Uint8Array = NO_BYTES): void {
    const at = this.#writer.begin()
    encode(this.#writer.view, at)
    this.#writer.end(data)
    const batch = this.#writer.take()
    for (const buffer of batch.buffers) {
      for (let start = 0; start < buffer.byteLength; start += this.chunkBytes) {
        const chunk = Buffer.from(buffer.subarray(start, start + this.chunkBytes))
        this.damage(chunk)
        this.core.push(chunk)
        chunk.fill(0xee)
      }
    }
    batch.written()
  }

  takeStatSn(): number {
    const { statSn } = this
    this.statSn = serialAdd(statSn, 1)
    return statSn
  }

  answerLogin(fields: Partial<LoginResponse>, pairs: Readonly<Record<string, string>>): void {
    const data = encodeText(Object.entries(pairs).map(([key, value]) => ({ key, value })))
    const response = {
      transit: true,
      continue: false,
      csg: LoginStage.operationalNegotiation,
      nsg: LoginStage.fullFeaturePhase,
      versionMax: 0,
      versionActive: 0,
      dataSegmentLength: data.byteLength,
      isid: 0x800000000001,
      tsih: 7,
      initiatorTaskTag: 1,
      statSn: this.takeStatSn(),
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
      status: 0,
      ...fields,
    }
    this.send((view, offset) => encodeLoginResponse(view, offset, response), data)
  }

  /** Data-In without status unless `fields` say otherwise; offset and number from `at`. */
  dataIn(initiatorTaskTag: number, data: Uint8Array, fields: Partial<DataIn> = {}): void {
    const pdu = {
      final: fields.statusPresent === true,
      acknowledge: false,
      overflow: false,
      underflow: false,
      statusPresent: false,
      status: 0,
      dataSegmentLength: data.byteLength,
      lun: 0n,
      initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      statSn: fields.statusPresent === true ? this.takeStatSn() : 0,
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
      dataSn: 0,
      bufferOffset: 0,
      residualCount: 0,
      ...fields,
    }
    this.send((view, offset) => encodeDataIn(view, offset, pdu), data)
  }

  response(initiatorTaskTag: number, fields: Partial<ScsiResponse> = {}, data: Uint8Array = NO_BYTES): void {
    const pdu = {
      bidirectionalReadOverflow: false,
      bidirectionalReadUnderflow: false,
      overflow: false,
      underflow: false,
      response: 0,
      status: 0,
      dataSegmentLength: data.byteLength,
      initiatorTaskTag,
      snackTag: 0,
      statSn: fields.statSn ?? this.takeStatSn(),
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
      expDataSn: 0,
      bidirectionalReadResidualCount: 0,
      residualCount: 0,
      ...fields,
    }
    this.send((view, offset) => encodeScsiResponse(view, offset, pdu), data)
  }

  r2t(initiatorTaskTag: number, fields: Partial<R2t>): void {
    const pdu = {
      lun: 0n,
      initiatorTaskTag,
      targetTransferTag: 0x55,
      statSn: this.statSn,
      expCmdSn: this.expCmdSn,
      maxCmdSn: this.maxCmdSn,
      r2tSn: 0,
      bufferOffset: 0,
      desiredDataTransferLength: 512,
      ...fields,
    }
    this.send((view, offset) => encodeR2t(view, offset, pdu))
  }
}

/** The pairs of a text data segment as an object. */
export function pairsOf(data: Uint8Array): Record<string, string> {
  const verdict = parseText(data)
  return verdict.ok ? Object.fromEntries(verdict.pairs.map(({ key, value }) => [key, value])) : {}
}

/** One line for each PDU: what a test compares. */
export function describePdu({ pdu, data }: SentPdu): string {
  switch (pdu.opcode) {
    case Opcode.scsiCommand: {
      const flags = `${pdu.final ? 'F' : ''}${pdu.read ? 'R' : ''}${pdu.write ? 'W' : ''}`
      return `command ${pdu.cmdSn} ${flags} ${pdu.expectedDataTransferLength} with ${data.byteLength}`
    }
    case Opcode.dataOut: {
      const tag = pdu.targetTransferTag === RESERVED_TAG ? 'unsolicited' : `for ${pdu.targetTransferTag}`
      const last = pdu.final ? ' last' : ''
      return `data ${pdu.dataSn} at ${pdu.bufferOffset} of ${data.byteLength} ${tag}${last}`
    }
    default:
      return `opcode ${pdu.opcode}`
  }
}
