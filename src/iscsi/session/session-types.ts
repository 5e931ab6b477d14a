/** What a session needs and what it tells: the terms between the protocol core and the shell around it. */
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import type { ByteBudget } from '../../frontend/byte-budget.ts'
import type { EstablishedLogin } from '../login/target-login.ts'
import type { LogicalUnit } from '../scsi/lun.ts'
import type { TargetPort } from '../scsi/nexus.ts'
import type { TextPair } from '../text/pairs.ts'
import type { CommandKind } from './command-kind.ts'
import type { Session } from './session.ts'

export interface SessionLimits {
  /** Commands under way in one session. */
  readonly queueDepth: number
  /** Commands with the I bit under way in one session, beyond the queue depth. */
  readonly immediateCommandsMax: number
  /** Data in flight of one session, as far as it is more than one command's. */
  readonly sessionBytesMax: number
  /** Seconds that an initiator may take for the next Data-Out that it owes. */
  readonly dataOutTimeoutSeconds: number
  /** Seconds of silence after which the initiator is asked whether it is there. */
  readonly pingAfterSeconds: number
  /** Seconds that it may take to show that it is. */
  readonly pingTimeoutSeconds: number
  /** Seconds of silence after which a discovery session ends. */
  readonly discoveryIdleSeconds: number
}

/** Told of every command that was answered. */
export interface CommandObserver {
  command(kind: CommandKind, durationMs: number, bytes: number): void
  /** A session began. */
  began?(): void
}

/** The shell around a session. */
export interface SessionHost {
  /** There is output to be taken. Called often; cheap. */
  wake(): void
  /** The connection has to end: once all output has gone, or at once. */
  end(how: 'after-output' | 'at-once', reason: string): void
  /** Sessions of the same target, this one included. */
  peers(): Iterable<Session>
  /** TARGET COLD RESET: every session of the target but this one has to end, at once. */
  endOthers(reason: string): void
  /** Answers to `SendTargets=<value>` (RFC 7143 §13.3, appendix C); undefined: not to be asked here. */
  sendTargets(value: string): readonly TextPair[] | undefined
}

export interface SessionOptions {
  readonly login: EstablishedLogin
  /** What is behind LUN 0, and the port by which the initiator came to it; undefined in a discovery session. */
  readonly lun: { readonly unit: LogicalUnit; readonly port: TargetPort } | undefined
  /** The initiator port had a session here before, which ended without logout. */
  readonly afterNexusLoss: boolean
  readonly limits: SessionLimits
  readonly budget: ByteBudget
  readonly pool: BufferPool
  readonly clock: Clock
  readonly logger: Logger
  readonly observer: CommandObserver | undefined
  readonly host: SessionHost
}

export interface SessionCounters {
  readonly commands: number
  readonly readBytes: number
  readonly writtenBytes: number
}

/** A session goes over to another logical unit of the same volume when the NOP-In with this tag is answered. */
export interface SessionMove {
  readonly unit: LogicalUnit
  readonly observer: CommandObserver | undefined
  readonly tag: number
  readonly done: () => void
}
