/**
 * A session of the target's protocol core without a socket: PDUs in as bytes, PDUs out as they were encoded. What an
 * initiator would keep count of (CmdSN, task tags) is kept here, and every test may say otherwise.
 */
import { viewOf } from '../../../src/base/binary.ts'
import { BufferPool } from '../../../src/base/buffer-pool.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { serialAdd } from '../../../src/base/serial32.ts'
import { MIB } from '../../../src/base/units.ts'
import { OPEN_ACCESS } from '../../../src/frontend/access.ts'
import { ByteBudget } from '../../../src/frontend/byte-budget.ts'
import { FrontendVolume } from '../../../src/frontend/volume.ts'
import { AHS_BYTES_MAX } from '../../../src/iscsi/pdu/ahs.ts'
import { dataSegmentLength } from '../../../src/iscsi/pdu/bhs.ts'
import { type DataOut, encodeDataOut } from '../../../src/iscsi/pdu/data-out.ts'
import { decodeTargetPdu, type MalformedPdu, type TargetPdu } from '../../../src/iscsi/pdu/decode.ts'
import { BHS_BYTES, RESERVED_TAG } from '../../../src/iscsi/pdu/opcodes.ts'
import { encodeScsiCommand, type ScsiCommand } from '../../../src/iscsi/pdu/scsi-command.ts'
import { PduStream } from '../../../src/iscsi/pdu/stream.ts'
import {
  encodeTaskManagementRequest,
  type TaskManagementRequest,
} from '../../../src/iscsi/pdu/task-management.ts'
import { PduWriter } from '../../../src/iscsi/pdu/writer.ts'
import { LogicalUnit } from '../../../src/iscsi/scsi/lun.ts'
import type { TargetPort } from '../../../src/iscsi/scsi/nexus.ts'
import { singlePath } from '../../../src/iscsi/scsi/path-state.ts'
import type { OutputBatch } from '../../../src/iscsi/session/output-queue.ts'
import { Session } from '../../../src/iscsi/session/session.ts'
import type { CommandObserver, SessionLimits } from '../../../src/iscsi/session/session-types.ts'
import { TARGET_LIMITS } from '../../../src/iscsi/target/limits.ts'
import type { TextPair } from '../../../src/iscsi/text/pairs.ts'
import type { OperationalParameters } from '../../../src/iscsi/text/parameters.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryDevice } from './memory-device.ts'

export interface SentPdu {
  readonly pdu: TargetPdu | MalformedPdu
  readonly data: Uint8Array
}

export interface HarnessOptions {
  readonly parameters?: Partial<OperationalParameters>
  readonly limits?: Partial<SessionLimits>
  readonly budgetBytes?: number
  readonly discovery?: boolean
  readonly observer?: CommandObserver
  /** Shares the logical unit of another session. */
  readonly beside?: SessionHarness
  readonly sendTargets?: (value: string) => readonly TextPair[] | undefined
  readonly device?: MemoryDevice
  /** The first CmdSN; 1000 by default. */
  readonly cmdSn?: number
  /** The first StatSN; 500 by default. */
  readonly statSn?: number
}

const PORT: TargetPort = { targetName: 'iqn.t', portalGroupTag: 1, relativePort: 1, groupId: 1 }

const PARAMETERS: OperationalParameters = {
  headerDigest: false,
  dataDigest: false,
  initialR2t: false,
  immediateData: true,
  maxRecvDataSegmentLengthBytes: 65536,
  maxSendDataSegmentLengthBytes: 65536,
  maxBurstLengthBytes: 262144,
  firstBurstLengthBytes: 65536,
  maxOutstandingR2t: 1,
  defaultTime2WaitSeconds: 2,
  defaultTime2RetainSeconds: 0,
}

export class SessionHarness {
  readonly device: MemoryDevice
  readonly unit: LogicalUnit
  readonly session: Session
  readonly pool: BufferPool
  readonly budget: ByteBudget
  /** Why the session asked for its connection to end, in order. */
  readonly ends: string[] = []
  readonly #peers: Session[]
  readonly #stream: PduStream
  readonly #writer: PduWriter
  readonly #answers: PduStream
  readonly #sent: SentPdu[] = []
  cmdSn: number
  #tag = 0
  wakes = 0

  constructor(options: HarnessOptions = {}) {
    const { beside, observer } = options
    const parameters = { ...PARAMETERS, ...options.parameters }
    this.pool = beside?.pool ?? new BufferPool()
    this.cmdSn = options.cmdSn ?? 1000
    this.device = beside?.device ?? options.device ?? new MemoryDevice({ sizeBytes: 64 * MIB })
    this.budget = beside?.budget ?? new ByteBudget(options.budgetBytes ?? 64 * MIB)
    this.unit =
      beside?.unit ??
      new LogicalUnit({
        volume: new FrontendVolume({
          device: this.device,
          access: OPEN_ACCESS,
          after: 'power-loss',
          clock: new ManualClock(),
          logger: silentLogger,
        }),
        pool: this.pool,
        path: singlePath({ groupId: 1, relativePorts: () => [1] }),
        logger: silentLogger,
      })
    this.#peers = beside === undefined ? [] : beside.#peers
    this.session = new Session({
      login: {
        sessionType: options.discovery === true ? 'discovery' : 'normal',
        initiatorName: 'iqn.i',
        isid: this.#peers.length + 1,
        cid: 0,
        tsih: this.#peers.length + 1,
        targetName: options.discovery === true ? undefined : 'iqn.t',
        portalGroupTag: options.discovery === true ? undefined : 1,
        user: undefined,
        parameters,
        cmdSn: this.cmdSn,
        statSn: options.statSn ?? 500,
      },
      lun: options.discovery === true ? undefined : { unit: this.unit, port: PORT },
      afterNexusLoss: false,
      limits: { ...TARGET_LIMITS, ...options.limits },
      budget: this.budget,
      pool: this.pool,
      clock: new ManualClock(),
      logger: silentLogger,
      observer,
      host: {
        wake: () => {
          this.wakes++
        },
        end: (how, reason) => this.ends.push(`${how}: ${reason}`),
        peers: () => this.#peers,
        endOthers: (reason) => this.ends.push(`others: ${reason}`),
        sendTargets: options.sendTargets ?? (() => undefined),
      },
    })
    this.#peers.push(this.session)
    // The power on condition is another test's subject.
    while (this.session.nexus?.take() !== undefined);
    const digests = { header: parameters.headerDigest, data: parameters.dataDigest }
    this.#stream = new PduStream(this.session, {
      dataSegmentBytesMax: parameters.maxRecvDataSegmentLengthBytes,
      ahsBytesMax: AHS_BYTES_MAX,
    })
    this.#stream.setDigests(digests)
    this.#writer = new PduWriter(new BufferPool())
    this.#writer.setDigests(digests)
    let header = new Uint8Array(BHS_BYTES)
    this.#answers = new PduStream(
      {
        header: (view, offset) => {
          header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES).slice()
          return new Uint8Array(dataSegmentLength(view, offset))
        },
        end: (data) =>
          this.#sent.push({ pdu: decodeTargetPdu(viewOf(header), 0), data: Uint8Array.from(data) }),
        fault: (fault) => {
          throw new Error(fault)
        },
      },
      { dataSegmentBytesMax: 2 ** 24 - 1, ahsBytesMax: 0 },
    )
    this.#answers.setDigests(digests)
  }

  /** The bytes of one PDU. */
  encode(write: (view: DataView, offset: number) => void, data?: Uint8Array, ahsBytes = 0): Uint8Array {
    const at = this.#writer.begin(ahsBytes)
    write(this.#writer.view, at)
    this.#writer.end(data)
    const batch = this.#writer.take()
    const bytes = Buffer.concat(batch.buffers)
    batch.written()
    return bytes
  }

  /** Hands bytes to the session. */
  push(bytes: Uint8Array): void {
    this.#stream.push(bytes)
  }

  send(write: (view: DataView, offset: number) => void, data?: Uint8Array, ahsBytes = 0): void {
    this.push(this.encode(write, data, ahsBytes))
  }

  /** Sends a SCSI Command with the next CmdSN; returns its task tag. */
  command(cdb: string, fields: Partial<ScsiCommand> = {}, data?: Uint8Array): number {
    const initiatorTaskTag = fields.initiatorTaskTag ?? ++this.#tag
    const pdu: ScsiCommand = {
      opcode: 0x01,
      immediate: false,
      final: true,
      read: false,
      write: false,
      attr: 1,
      totalAhsLength: 0,
      dataSegmentLength: data?.byteLength ?? 0,
      lun: 0n,
      expectedDataTransferLength: 0,
      cmdSn: fields.immediate === true ? this.cmdSn : this.takeCmdSn(),
      expStatSn: 0,
      cdb: Uint8Array.from(Buffer.from(cdb.replaceAll(' ', ''), 'hex')),
      ...fields,
      initiatorTaskTag,
    }
    this.send((view, offset) => encodeScsiCommand(view, offset, pdu), data)
    return initiatorTaskTag
  }

  /** Sends a Data-Out; unsolicited unless a tag is given. */
  dataOut(fields: Partial<DataOut> & { initiatorTaskTag: number }, data: Uint8Array): void {
    this.send(
      (view, offset) =>
        encodeDataOut(view, offset, {
          final: true,
          dataSegmentLength: data.byteLength,
          lun: 0n,
          targetTransferTag: RESERVED_TAG,
          expStatSn: 0,
          dataSn: 0,
          bufferOffset: 0,
          ...fields,
        }),
      data,
    )
  }

  /** Sends an immediate task management request; returns its task tag. */
  manage(functionCode: number, fields: Partial<TaskManagementRequest> = {}): number {
    const initiatorTaskTag = ++this.#tag
    this.send((view, offset) =>
      encodeTaskManagementRequest(view, offset, {
        immediate: true,
        function: functionCode,
        lun: 0n,
        initiatorTaskTag,
        referencedTaskTag: RESERVED_TAG,
        cmdSn: this.cmdSn,
        expStatSn: 0,
        refCmdSn: 0,
        expDataSn: 0,
        ...fields,
      }),
    )
    return initiatorTaskTag
  }

  takeCmdSn(): number {
    const cmdSn = this.cmdSn
    this.cmdSn = serialAdd(cmdSn, 1)
    return cmdSn
  }

  nextTag(): number {
    return ++this.#tag
  }

  /** What the session has said since the last call. */
  received(): SentPdu[] {
    const batch = this.session.takeOutput()
    if (batch !== undefined) return this.deliver(batch)
    return []
  }

  /** Lets a batch of output arrive, as it is by now. Batches have to arrive in order. */
  deliver(batch: OutputBatch): SentPdu[] {
    for (const buffer of batch.buffers) this.#answers.push(buffer)
    batch.written()
    return this.#sent.splice(0)
  }

  /** As `received`, after everything that is ready to run has run. */
  async settled(): Promise<SentPdu[]> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.received()
  }
}

/** READ(10) and WRITE(10) of 512-byte blocks. */
export const read10 = (lba: number, blocks: number): string => rw10('28', lba, blocks)
export const write10 = (lba: number, blocks: number): string => rw10('2a', lba, blocks)
const rw10 = (opcode: string, lba: number, blocks: number): string =>
  `${opcode}00${lba.toString(16).padStart(8, '0')}00${blocks.toString(16).padStart(4, '0')}00`

/** Bytes that differ from place to place and from seed to seed. */
export const pattern = (lengthBytes: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: lengthBytes }, (_, i) => (i * 7 + (i >> 8) * 13 + seed * 31) & 0xff)
