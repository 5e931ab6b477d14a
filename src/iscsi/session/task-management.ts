/**
 * Task management functions (RFC 7143 §11.5, §11.6; SAM-5 clause 7). An abort is answered when the logical unit is
 * done with what was aborted: from then on nothing of it changes the medium, and none of it is ever answered. The
 * sessions that TARGET COLD RESET ends are ended by the session that was asked, when its response is on the way.
 */
import { serialBefore } from '../../base/serial32.ts'
import { lunNumber } from '../pdu/bhs.ts'
import { TaskManagementResponseCode as Response, TaskManagementFunction } from '../pdu/opcodes.ts'
import type { TaskManagementRequest } from '../pdu/task-management.ts'
import type { LogicalUnit } from '../scsi/lun.ts'
import type { CommandWindow } from './command-window.ts'
import { type Commands, settled } from './commands.ts'
import type { Session } from './session.ts'
import type { SessionHost } from './session-types.ts'
import type { Task } from './task.ts'

/** SPC-4: commands cleared by another initiator. */
const COMMANDS_CLEARED = { asc: 0x2f, ascq: 0x00 }

export interface ManagementContext {
  readonly session: Session
  readonly commands: Commands
  readonly unit: LogicalUnit
  readonly window: CommandWindow
  readonly host: SessionHost
}

/** Carries `request` out; the response code, at once where nothing has to be waited for. */
export function manage(context: ManagementContext, request: TaskManagementRequest): number | Promise<number> {
  const isHere = lunNumber(request.lun) === 0
  switch (request.function) {
    case TaskManagementFunction.abortTask:
      return abortTask(context, request)
    case TaskManagementFunction.abortTaskSet:
      return isHere ? abortAll([context.session]) : Response.lunDoesNotExist
    case TaskManagementFunction.clearTaskSet:
      return isHere ? clearTaskSet(context) : Response.lunDoesNotExist
    case TaskManagementFunction.logicalUnitReset:
      return isHere ? reset(context) : Response.lunDoesNotExist
    case TaskManagementFunction.targetWarmReset:
    case TaskManagementFunction.targetColdReset:
      return reset(context)
    case TaskManagementFunction.taskReassign:
      return Response.reassignmentNotSupported
    case TaskManagementFunction.clearAca:
      return Response.functionNotSupported
    default:
      return Response.functionRejected
  }
}

function abortTask(context: ManagementContext, request: TaskManagementRequest): number | Promise<number> {
  const { commands, window } = context
  const task = commands.find(request.referencedTaskTag)
  if (task !== undefined) {
    if (task.lunField !== request.lun) return Response.taskDoesNotExist
    commands.abort(task)
    return whenSettled([task])
  }
  const { refCmdSn } = request
  if (!window.holds(refCmdSn) || !serialBefore(refCmdSn, request.cmdSn)) return Response.taskDoesNotExist
  // The command was numbered and then not sent: it counts as received and aborted (§11.6.1).
  window.skip(refCmdSn)
  return Response.functionComplete
}

/** Aborts every task of `sessions`. */
function abortAll(sessions: Iterable<Session>): number | Promise<number> {
  const tasks: Task[] = []
  for (const session of sessions) tasks.push(...session.abortTasks())
  return whenSettled(tasks)
}

/** The task set is common to all initiators (TST 000b of the control mode page). */
function clearTaskSet({ session, host }: ManagementContext): number | Promise<number> {
  const tasks: Task[] = []
  for (const peer of host.peers()) {
    const cleared = peer.abortTasks()
    if (peer !== session && cleared.length > 0) peer.nexus?.raise(COMMANDS_CLEARED)
    tasks.push(...cleared)
  }
  return whenSettled(tasks)
}

async function reset({ unit, host }: ManagementContext): Promise<number> {
  const response = await abortAll(host.peers())
  unit.reset()
  return response
}

function whenSettled(tasks: readonly Task[]): number | Promise<number> {
  const running = tasks.filter((task) => task.running !== undefined)
  return running.length === 0
    ? Response.functionComplete
    : settled(running).then(() => Response.functionComplete)
}
