/** Calls of the master about snapshots and tasks, as they come over gRPC: decoded, handed to who carries them out, answered. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { BlockError } from '../../base/errors.ts'
import type { CreateSnapshotRequest__Output as CreateMessage } from '../../gen/basalt/server/v1/CreateSnapshotRequest.ts'
import type { ExposeSnapshotRequest__Output as ExposeMessage } from '../../gen/basalt/server/v1/ExposeSnapshotRequest.ts'
import type { HoldWritesRequest__Output as HoldMessage } from '../../gen/basalt/server/v1/HoldWritesRequest.ts'
import type { OpenImageRequest__Output as OpenMessage } from '../../gen/basalt/server/v1/OpenImageRequest.ts'
import type { ReleaseWritesRequest__Output as ReleaseMessage } from '../../gen/basalt/server/v1/ReleaseWritesRequest.ts'
import type { RestoreSnapshotRequest__Output as RestoreMessage } from '../../gen/basalt/server/v1/RestoreSnapshotRequest.ts'
import type { ServerHandlers } from '../../gen/basalt/server/v1/Server.ts'
import type { SetOriginRequest__Output as OriginMessage } from '../../gen/basalt/server/v1/SetOriginRequest.ts'
import type { SnapshotRequest__Output as SnapshotMessage } from '../../gen/basalt/server/v1/SnapshotRequest.ts'
import type { SnapshotUsageRequest__Output as UsageMessage } from '../../gen/basalt/server/v1/SnapshotUsageRequest.ts'
import type { StartTaskRequest__Output as StartMessage } from '../../gen/basalt/server/v1/StartTaskRequest.ts'
import type { TaskRequest__Output as TaskMessage } from '../../gen/basalt/server/v1/TaskRequest.ts'
import type { ServerCalls } from '../../master/links.ts'
import { ledVolumeOf, oneSnapshotOf, startTaskOf, taskIn, usageIn } from '../../rpc/calls-codec.ts'
import { malformed, text, uuid } from '../../rpc/fields.ts'
import { originOf, snapshotIdOf, snapshotIn } from '../../rpc/led-codec.ts'

/** What a server does about snapshots and tasks when its master calls. */
export type VolumeCalls = Omit<ServerCalls, 'allocate' | 'remove' | 'expand'>

type Name =
  | 'CreateSnapshot'
  | 'DeleteSnapshot'
  | 'RestoreSnapshot'
  | 'SnapshotUsage'
  | 'ExposeSnapshot'
  | 'SetOrigin'
  | 'HoldWrites'
  | 'ReleaseWrites'
  | 'OpenImage'
  | 'StartTask'
  | 'GetTask'
  | 'CancelTask'

const LENGTH_MAX = { NAME: 63, HOLD: 128 } as const
const HOLD_MS_MAX = 5000

/** How a call of this name is answered: who calls is proved first, and errors become statuses. */
export type Unary = <Request, Answer>(
  name: string,
  answer: (request: Request) => Promise<Answer>,
) => (call: ServerUnaryCall<Request, Answer>, callback: sendUnaryData<Answer>) => void

const unanswered = async (): Promise<never> => {
  throw new BlockError('UNKNOWN_FORMAT', 'this server keeps no snapshots and runs no tasks')
}

/** Of a server that answers none of them. */
export const NO_VOLUME_CALLS: VolumeCalls = {
  createSnapshot: unanswered,
  deleteSnapshot: unanswered,
  restoreSnapshot: unanswered,
  snapshotUsage: unanswered,
  exposeSnapshot: unanswered,
  setOrigin: unanswered,
  holdWrites: unanswered,
  releaseWrites: unanswered,
  openImage: unanswered,
  startTask: unanswered,
  task: unanswered,
  cancelTask: unanswered,
}

export function volumeHandlers(calls: VolumeCalls, unary: Unary): Pick<ServerHandlers, Name> {
  return {
    CreateSnapshot: unary('CreateSnapshot', async (request: CreateMessage) => {
      const name = text(request.name, LENGTH_MAX.NAME, 'name')
      const made = await calls.createSnapshot({ ...oneSnapshotOf(request), name })
      return snapshotIn({ ...made, isExposed: false })
    }),
    DeleteSnapshot: unary('DeleteSnapshot', async (request: SnapshotMessage) => {
      await calls.deleteSnapshot(oneSnapshotOf(request))
      return {}
    }),
    RestoreSnapshot: unary('RestoreSnapshot', async (request: RestoreMessage) => {
      const named = uuid(request.request, 'request')
      await calls.restoreSnapshot({ ...oneSnapshotOf(request), request: named, force: request.force })
      return {}
    }),
    SnapshotUsage: unary('SnapshotUsage', async (request: UsageMessage) =>
      usageIn(await calls.snapshotUsage(ledVolumeOf(request))),
    ),
    ExposeSnapshot: unary('ExposeSnapshot', async (request: ExposeMessage) => {
      await calls.exposeSnapshot({ ...oneSnapshotOf(request), isExposed: request.isExposed })
      return {}
    }),
    SetOrigin: unary('SetOrigin', async (request: OriginMessage) => {
      await calls.setOrigin({ ...ledVolumeOf(request), origin: originOf(request.origin, 'origin') })
      return {}
    }),
    HoldWrites: unary('HoldWrites', async (request: HoldMessage) => {
      const { holdMs } = request
      if (!(holdMs > 0 && holdMs <= HOLD_MS_MAX)) {
        throw malformed('hold_ms', `${holdMs} is not above 0 and at most ${HOLD_MS_MAX}`)
      }
      return await calls.holdWrites({ ...ledVolumeOf(request), holdMs })
    }),
    ReleaseWrites: unary('ReleaseWrites', async (request: ReleaseMessage) => {
      const hold = text(request.hold, LENGTH_MAX.HOLD, 'hold')
      return await calls.releaseWrites({ ...ledVolumeOf(request), hold })
    }),
    OpenImage: unary('OpenImage', async (request: OpenMessage) => {
      const snapshot = snapshotIdOf(request.snapshot, 'snapshot')
      // a master of an older release tells none
      const reader = request.reader === '' ? null : uuid(request.reader, 'reader')
      return await calls.openImage({ ...ledVolumeOf(request), snapshot, reader })
    }),
    StartTask: unary('StartTask', async (request: StartMessage) => {
      await calls.startTask(startTaskOf(request))
      return {}
    }),
    GetTask: unary('GetTask', async (request: TaskMessage) =>
      taskIn(await calls.task({ task: uuid(request.task, 'task') })),
    ),
    CancelTask: unary('CancelTask', async (request: TaskMessage) => {
      await calls.cancelTask({ task: uuid(request.task, 'task') })
      return {}
    }),
  }
}
