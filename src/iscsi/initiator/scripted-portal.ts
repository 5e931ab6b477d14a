/**
 * For tests: a portal on a real TCP port that logs everybody in and answers commands as the test says. It is no
 * target: it has no logical unit, keeps no window closed, and asks for no data beyond what comes unsolicited.
 */

import { viewOf } from '../../base/binary.ts'
import { BufferPool } from '../../base/buffer-pool.ts'
import { BlockError } from '../../base/errors.ts'
import type { Connection, Listener, Net } from '../../base/ports/net.ts'
import { serialAdd } from '../../base/serial32.ts'
import { dataSegmentLength } from '../pdu/bhs.ts'
import { encodeDataIn } from '../pdu/data-in.ts'
import { decodeInitiatorPdu, type InitiatorPdu } from '../pdu/decode.ts'
import { encodeLoginResponse } from '../pdu/login.ts'
import { encodeLogoutResponse } from '../pdu/logout.ts'
import { encodeNopIn } from '../pdu/nop.ts'
import { BHS_BYTES, LoginStage, Opcode, RESERVED_TAG } from '../pdu/opcodes.ts'
import type { ScsiCommand } from '../pdu/scsi-command.ts'
import { encodeScsiResponse, senseSegment } from '../pdu/scsi-response.ts'
import { PduStream } from '../pdu/stream.ts'
import { encodeTextResponse } from '../pdu/text.ts'
import { PduWriter } from '../pdu/writer.ts'
import { encodeText, type TextPair } from '../text/pairs.ts'
import { LOGIN_ANSWER } from './scripted-target.ts'

export interface ScriptedAnswer {
  readonly status?: number
  readonly sense?: Uint8Array
  readonly dataIn?: Uint8Array
}

export interface Script {
  /** What a command ends with; undefined: it is not answered. */
  readonly command?: (command: ScsiCommand, dataOut: Uint8Array) => ScriptedAnswer | undefined
  /** Status and keys of the login response; undefined: it is not answered. */
  readonly login?: () => { status?: number; pairs?: Readonly<Record<string, string>> } | undefined
  readonly text?: readonly TextPair[]
}

const NO_BYTES = new Uint8Array(0)

export class ScriptedPortal {
  /** How many PDUs each chunk ended with: what came in one write comes in one chunk. */
  readonly pdusPerChunk: number[] = []
  logins = 0
  readonly #listener: Listener
  readonly #connections: Connection[]

  private constructor(listener: Listener, connections: Connection[]) {
    this.#listener = listener
    this.#connections = connections
  }

  static async open(net: Net, script: Script): Promise<ScriptedPortal> {
    const connections: Connection[] = []
    const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
      connections.push(connection)
      portal.#serve(connection, script)
    })
    const portal = new ScriptedPortal(listener, connections)
    return portal
  }

  get address(): { host: string; port: number } {
    return { host: this.#listener.host, port: this.#listener.port }
  }

  /** Resets every connection. */
  drop(): void {
    for (const connection of this.#connections.splice(0)) connection.destroy()
  }

  async close(): Promise<void> {
    this.drop()
    await this.#listener.close()
  }

  #serve(connection: Connection, script: Script): void {
    const exchange = new Exchange(connection, script, this)
    let pdus = 0
    let header = NO_BYTES
    const stream = new PduStream(
      {
        header: (view, offset) => {
          header = new Uint8Array(view.buffer, view.byteOffset + offset, BHS_BYTES).slice()
          return new Uint8Array(dataSegmentLength(view, offset))
        },
        end: (data) => {
          pdus++
          const pdu = decodeInitiatorPdu(viewOf(header), 0)
          if (pdu.opcode !== 'malformed') exchange.receive(pdu, data)
        },
        fault: (fault) => {
          throw new BlockError('PROTOCOL', fault)
        },
      },
      { dataSegmentBytesMax: 1 << 24, ahsBytesMax: 264 },
    )
    connection.start({
      data: (chunk) => {
        pdus = 0
        stream.push(chunk)
        this.pdusPerChunk.push(pdus)
        exchange.flush()
      },
      drain: () => undefined,
      closed: () => undefined,
    })
  }
}

/** One connection's answers. */
class Exchange {
  readonly #connection: Connection
  readonly #script: Script
  readonly #portal: ScriptedPortal
  readonly #writer = new PduWriter(new BufferPool())
  #statSn = 1
  #expCmdSn = 0

  constructor(connection: Connection, script: Script, portal: ScriptedPortal) {
    this.#connection = connection
    this.#script = script
    this.#portal = portal
  }

  flush(): void {
    const batch = this.#writer.take()
    if (batch.buffers.length > 0) this.#connection.write(batch.buffers, batch.written)
  }

  receive(pdu: InitiatorPdu, data: Uint8Array): void {
    const { initiatorTaskTag } = pdu
    if (pdu.opcode === Opcode.loginRequest) {
      this.#portal.logins++
      this.#expCmdSn = pdu.cmdSn
      this.#login(pdu.isid)
    } else if (pdu.opcode === Opcode.scsiCommand) {
      if (!pdu.immediate) this.#expCmdSn = serialAdd(this.#expCmdSn, 1)
      this.#command(pdu, data)
    } else if (pdu.opcode === Opcode.textRequest) this.#text(initiatorTaskTag)
    else if (pdu.opcode === Opcode.nopOut) this.#echo(initiatorTaskTag, data)
    else if (pdu.opcode === Opcode.logoutRequest) {
      const times = { time2Wait: 0, time2Retain: 0 }
      this.#send((view, at) =>
        encodeLogoutResponse(view, at, { ...this.#numbers(), ...times, response: 0, initiatorTaskTag }),
      )
    }
  }

  #echo(initiatorTaskTag: number, data: Uint8Array): void {
    this.#send(
      (view, at) =>
        encodeNopIn(view, at, {
          ...this.#numbers(),
          dataSegmentLength: data.byteLength,
          lun: 0n,
          initiatorTaskTag,
          targetTransferTag: RESERVED_TAG,
        }),
      data,
    )
  }

  #login(isid: number): void {
    const answer = this.#script.login === undefined ? {} : this.#script.login()
    if (answer === undefined) return
    const { status = 0, pairs = LOGIN_ANSWER } = answer
    const text = encodeText(Object.entries(pairs).map(([key, value]) => ({ key, value })))
    this.#send(
      (view, at) =>
        encodeLoginResponse(view, at, {
          ...this.#numbers(),
          transit: status === 0,
          continue: false,
          csg: LoginStage.operationalNegotiation,
          nsg: LoginStage.fullFeaturePhase,
          versionMax: 0,
          versionActive: 0,
          dataSegmentLength: text.byteLength,
          isid,
          tsih: 7,
          initiatorTaskTag: 1,
          status,
        }),
      text,
    )
  }

  #command(command: ScsiCommand, dataOut: Uint8Array): void {
    const answer = this.#script.command?.(command, dataOut)
    if (answer === undefined) return
    const { status = 0, sense, dataIn = NO_BYTES } = answer
    const { initiatorTaskTag } = command
    const residualCount = Math.max(
      0,
      command.expectedDataTransferLength - dataOut.byteLength - dataIn.byteLength,
    )
    if (dataIn.byteLength > 0) {
      this.#send(
        (view, at) =>
          encodeDataIn(view, at, {
            ...this.#numbers(false),
            final: true,
            acknowledge: false,
            overflow: false,
            underflow: false,
            statusPresent: false,
            status: 0,
            dataSegmentLength: dataIn.byteLength,
            lun: 0n,
            initiatorTaskTag,
            targetTransferTag: RESERVED_TAG,
            dataSn: 0,
            bufferOffset: 0,
            residualCount: 0,
          }),
        dataIn,
      )
    }
    const segment = sense === undefined ? NO_BYTES : senseSegment(sense)
    this.#send(
      (view, at) =>
        encodeScsiResponse(view, at, {
          ...this.#numbers(),
          bidirectionalReadOverflow: false,
          bidirectionalReadUnderflow: false,
          overflow: false,
          underflow: residualCount > 0,
          response: 0,
          status,
          dataSegmentLength: segment.byteLength,
          initiatorTaskTag,
          snackTag: 0,
          expDataSn: 0,
          bidirectionalReadResidualCount: 0,
          residualCount,
        }),
      segment,
    )
  }

  #text(initiatorTaskTag: number): void {
    const text = encodeText(this.#script.text ?? [])
    this.#send(
      (view, at) =>
        encodeTextResponse(view, at, {
          ...this.#numbers(),
          final: true,
          continue: false,
          dataSegmentLength: text.byteLength,
          lun: 0n,
          initiatorTaskTag,
          targetTransferTag: RESERVED_TAG,
        }),
      text,
    )
  }

  #numbers(advances = true): { statSn: number; expCmdSn: number; maxCmdSn: number } {
    const statSn = this.#statSn
    if (advances) this.#statSn = serialAdd(statSn, 1)
    return { statSn, expCmdSn: this.#expCmdSn, maxCmdSn: serialAdd(this.#expCmdSn, 64) }
  }

  #send(encode: (view: DataView, offset: number) => void, data: Uint8Array = NO_BYTES): void {
    const at = this.#writer.begin()
    encode(this.#writer.view, at)
    this.#writer.end(data)
  }
}
