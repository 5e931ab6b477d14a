/**
 * The requests of a session that are not SCSI commands: pings, text, task management, logout. All are sent
 * immediate (RFC 7143 §4.2.2.1), so the command window never holds them back. Part of the pure core; a method
 * that takes a PDU returns what is wrong with it, or undefined.
 */
import { BlockError } from '../../base/errors.ts'
import { encodeLogoutRequest, type LogoutResponse } from '../pdu/logout.ts'
import { encodeNopOut, type NopIn } from '../pdu/nop.ts'
import { LogoutReason, LogoutResponseCode, RESERVED_TAG } from '../pdu/opcodes.ts'
import { encodeTaskManagementRequest, type TaskManagementResponse } from '../pdu/task-management.ts'
import { encodeTextRequest, type TextResponse } from '../pdu/text.ts'
import type { PduWriter } from '../pdu/writer.ts'
import { encodeText, TextCollector, type TextPair } from '../text/pairs.ts'
import type { TaskTable } from './task-table.ts'
import type { Task, TaskManagementTask, TextTask } from './tasks.ts'
import type { SequenceWindow } from './window.ts'

export interface ControlsOptions {
  readonly tasks: TaskTable<Task>
  readonly writer: PduWriter
  readonly window: SequenceWindow
  readonly maxSendDataSegmentLengthBytes: number
}

/** What all control requests have in common. */
export interface Control {
  readonly deadlineMs: number
  readonly failed: (error: BlockError) => void
}

/** A list of targets may be long; more than this is no list. */
const TEXT_ANSWER_BYTES_MAX = 1024 * 1024
const EMPTY = new Uint8Array(0)

export class Controls {
  readonly #options: ControlsOptions

  constructor(options: ControlsOptions) {
    this.#options = options
  }

  /** Sends a ping whose answer echoes `data` (copied or lent until sent). */
  ping(data: Uint8Array, control: Control & { readonly answered: (echo: Uint8Array) => void }): void {
    const tag = this.#add({ kind: 'nop', tag: 0, ...control })
    this.#writeNopOut({ tag, targetTransferTag: RESERVED_TAG, lun: 0n, data })
  }

  /** Sends a text request; `pairs` fit in one PDU. */
  text(
    pairs: readonly TextPair[],
    control: Control & { readonly answered: (pairs: readonly TextPair[]) => void },
  ): void {
    const collector = new TextCollector(TEXT_ANSWER_BYTES_MAX)
    const tag = this.#add({ kind: 'text', tag: 0, collector, ...control })
    this.#writeText({ tag, targetTransferTag: RESERVED_TAG, lun: 0n, data: encodeText(pairs) })
  }

  /** Sends a task management function. `answered` hears the response code (§11.6.1). */
  manage(
    request: { function: number; lun: bigint; referencedTaskTag: number; refCmdSn: number },
    control: Control & { readonly answered: (response: number) => void },
  ): void {
    const { writer, window } = this.#options
    const { cmdSn } = window
    const tag = this.#add({ kind: 'task management', tag: 0, cmdSn, ...request, ...control })
    const at = writer.begin()
    encodeTaskManagementRequest(writer.view, at, {
      immediate: true,
      initiatorTaskTag: tag,
      cmdSn,
      expStatSn: window.expStatSn,
      expDataSn: 0,
      ...request,
    })
    writer.end()
  }

  /** Asks to close the session. */
  logout(control: Control): void {
    const { writer, window } = this.#options
    const tag = this.#add({ kind: 'logout', tag: 0, ...control })
    const at = writer.begin()
    encodeLogoutRequest(writer.view, at, {
      immediate: true,
      reasonCode: LogoutReason.closeSession,
      initiatorTaskTag: tag,
      cid: 0,
      cmdSn: window.cmdSn,
      expStatSn: window.expStatSn,
    })
    writer.end()
  }

  /** Answers the target's ping, or takes its answer to ours. */
  nopIn(pdu: NopIn, data: Uint8Array): string | undefined {
    if (pdu.targetTransferTag !== RESERVED_TAG) {
      const { targetTransferTag, lun } = pdu
      this.#writeNopOut({ tag: RESERVED_TAG, targetTransferTag, lun, data: EMPTY })
    }
    if (pdu.initiatorTaskTag === RESERVED_TAG) return undefined
    const task = this.#options.tasks.get(pdu.initiatorTaskTag)
    if (task?.kind !== 'nop') return 'a NOP-In answers nothing'
    this.#options.tasks.remove(task.tag)
    task.answered(data)
    return undefined
  }

  textResponse(pdu: TextResponse, data: Uint8Array): string | undefined {
    const task = this.#options.tasks.get(pdu.initiatorTaskTag)
    if (task?.kind !== 'text') return 'a Text Response answers nothing'
    const verdict = task.collector.push(data, pdu.continue || !pdu.final)
    if (verdict === undefined) {
      if (pdu.targetTransferTag === RESERVED_TAG) return 'a Text Response goes on without a tag'
      const { targetTransferTag, lun } = pdu
      this.#writeText({ tag: task.tag, targetTransferTag, lun, data: EMPTY })
      return undefined
    }
    return this.#textAnswered(task, verdict)
  }

  /** The task that was answered; its `answered` was not called yet. */
  taskManagementResponse(pdu: TaskManagementResponse): TaskManagementTask | string {
    const task = this.#options.tasks.get(pdu.initiatorTaskTag)
    if (task?.kind !== 'task management') return 'a Task Management Function Response answers nothing'
    this.#options.tasks.remove(task.tag)
    return task
  }

  /** True: the session is closed. */
  logoutResponse(pdu: LogoutResponse): boolean | string {
    const task = this.#options.tasks.get(pdu.initiatorTaskTag)
    if (task?.kind !== 'logout') return 'a Logout Response answers nothing'
    this.#options.tasks.remove(task.tag)
    if (pdu.response === LogoutResponseCode.closedSuccessfully) return true
    return `the target answers Logout with response ${pdu.response}`
  }

  /** Whether a control request is overdue. */
  isOverdue(nowMs: number): boolean {
    for (const task of this.#options.tasks.values()) {
      if (task.kind !== 'command' && task.deadlineMs <= nowMs) return true
    }
    return false
  }

  #textAnswered(task: TextTask, verdict: NonNullable<ReturnType<TextCollector['push']>>): string | undefined {
    this.#options.tasks.remove(task.tag)
    if (!verdict.ok) {
      task.failed(new BlockError('PROTOCOL', `Text Response: ${verdict.problem}`))
      return `Text Response: ${verdict.problem}`
    }
    task.answered(verdict.pairs)
    return undefined
  }

  #add<T extends Exclude<Task, { kind: 'command' }>>(task: T): number {
    task.tag = this.#options.tasks.add(task)
    return task.tag
  }

  #writeNopOut(nop: { tag: number; targetTransferTag: number; lun: bigint; data: Uint8Array }): void {
    const { writer, window, maxSendDataSegmentLengthBytes } = this.#options
    const data = nop.data.subarray(0, maxSendDataSegmentLengthBytes)
    const at = writer.begin()
    encodeNopOut(writer.view, at, {
      immediate: true,
      dataSegmentLength: data.byteLength,
      lun: nop.lun,
      initiatorTaskTag: nop.tag,
      targetTransferTag: nop.targetTransferTag,
      cmdSn: window.cmdSn,
      expStatSn: window.expStatSn,
    })
    writer.end(data)
  }

  #writeText(text: { tag: number; targetTransferTag: number; lun: bigint; data: Uint8Array }): void {
    const { writer, window } = this.#options
    const at = writer.begin()
    encodeTextRequest(writer.view, at, {
      immediate: true,
      final: true,
      continue: false,
      dataSegmentLength: text.data.byteLength,
      lun: text.lun,
      initiatorTaskTag: text.tag,
      targetTransferTag: text.targetTransferTag,
      cmdSn: window.cmdSn,
      expStatSn: window.expStatSn,
    })
    writer.end(text.data)
  }
}
