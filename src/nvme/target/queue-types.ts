/** The terms between a queue, the shell around it, and what Connect made of it. */
import type { AdminResult } from '../controller/admin-types.ts'
import type { Controller } from '../controller/controller.ts'
import type { FusedResult } from '../namespace/fused.ts'
import type { IoResult, NvmeHost } from '../namespace/io-types.ts'
import type { PduFault } from '../pdu/types.ts'
import type { Command } from './command.ts'

/** The namespace behind an I/O queue, or what stands in for it on a standby path. */
export interface IoService {
  /** 0, or the status that a command is refused with before its data is taken. */
  refusal(command: Command): number
  execute(command: Command): IoResult | Promise<IoResult>
  executeFused(first: Command, second: Command): FusedResult | Promise<FusedResult>
  /** A command was answered: for counts. */
  answered(command: Command, writtenBytes: number, readBytes: number): void
}

/** What Connect settled. */
export interface Attachment {
  readonly controller: Controller
  readonly host: NvmeHost
  readonly queueId: number
  readonly entries: number
  readonly sqFlowControl: boolean
  /** Undefined on an admin queue. */
  readonly io: IoService | undefined
  /** Commands are timed. */
  readonly observer: object | undefined
  /** A command failed: for the error log. */
  note(command: Command, status: number, errorLocation: number | undefined): void
}

/** The shell around a queue. */
export interface QueueHost {
  /** There is output to be taken. Called often; cheap. */
  wake(): void
  nowMs(): number
  /** The connection ends when everything that was said has gone out. */
  endAfterOutput(reason: string): void
  /** The host broke the protocol: a C2HTermReq says so, and the connection ends. */
  fault(fault: PduFault, view: DataView, offset: number): void
  /** Cuts the connection; resolves when nothing of it is under way. */
  reset(reason: string): Promise<void>
  /** Carries out an admin or Fabrics command. */
  execute(command: Command): AdminResult | Promise<AdminResult> | 'parked'
}
