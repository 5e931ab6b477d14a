/**
 * The I/O commands of one queue on their way to the namespace: refused on a standby path, or before the host has proved
 * itself; counted when they are answered.
 */
import type { Clock } from '../../base/ports/clock.ts'
import { FABRICS_OPCODE, IoOpcode, NSID_ALL } from '../commands.ts'
import { commandKind } from '../controller/command-kind.ts'
import type { Controller } from '../controller/controller.ts'
import type { Subsystem } from '../controller/subsystem.ts'
import type { FusedResult } from '../namespace/fused.ts'
import { compareAndWriteBytesMax } from '../namespace/identify.ts'
import type { IoResult } from '../namespace/io-types.ts'
import { NSID } from '../namespace/namespace.ts'
import { final, STATUS } from '../status.ts'
import type { AuthenticationGate } from './authentication-gate.ts'
import type { Command } from './command.ts'
import type { IoService } from './queue-types.ts'
import type { NvmeCommandObserver } from './target-types.ts'

const NSID_AT = 4

export interface VolumeIoOptions {
  readonly subsystem: Subsystem
  readonly controller: Controller
  readonly gate: AuthenticationGate | undefined
  readonly observer: () => NvmeCommandObserver | undefined
  readonly clock: Clock
}

export class VolumeIo implements IoService {
  readonly #options: VolumeIoOptions
  readonly #subsystem: Subsystem

  constructor(options: VolumeIoOptions) {
    this.#options = options
    this.#subsystem = options.subsystem
  }

  refusal({ sqe, view, fuse, wantedBytes }: Command): number {
    const { gate } = this.#options
    const { refusal, namespace } = this.#subsystem
    const isFusedTransfer = fuse !== 0 && wantedBytes > 0
    if (gate === undefined && refusal === undefined && !isFusedTransfer) return 0
    const opcode = sqe[0]!
    if (opcode === FABRICS_OPCODE) return 0
    if (gate !== undefined && !gate.isOpen) return final(STATUS.AUTHENTICATION_REQUIRED)
    if (refusal === undefined) {
      // A half keeps its memory until the other has its own: what cannot be executed shall not hold any.
      const isTooLong = isFusedTransfer && wantedBytes > compareAndWriteBytesMax(namespace!.device)
      return isTooLong ? final(STATUS.ATOMIC_WRITE_UNIT_EXCEEDED) : 0
    }
    const nsid = view.getUint32(NSID_AT, true)
    const isHere = nsid === NSID || (nsid === NSID_ALL && opcode === IoOpcode.flush)
    return isHere ? refusal.status : final(STATUS.INVALID_NAMESPACE)
  }

  execute(command: Command): IoResult | Promise<IoResult> {
    return this.#subsystem.refusal ?? this.#subsystem.namespace!.execute(command)
  }

  executeFused(first: Command, second: Command): FusedResult | Promise<FusedResult> {
    const { refusal } = this.#subsystem
    if (refusal !== undefined) return { first: refusal, second: refusal }
    return this.#subsystem.namespace!.executeFused(first, second)
  }

  answered({ sqe, startedMs }: Command, writtenBytes: number, readBytes: number): void {
    const { controller, clock } = this.#options
    const { counters } = controller
    const opcode = sqe[0]!
    counters.commands++
    counters.readBytes += readBytes
    counters.writtenBytes += writtenBytes
    if (opcode === IoOpcode.read) counters.reads++
    else if (opcode === IoOpcode.write) counters.writes++
    const observer = this.#options.observer()
    if (observer === undefined) return
    observer.command(commandKind(opcode), clock.monotonicMs() - startedMs, readBytes + writtenBytes)
  }
}
