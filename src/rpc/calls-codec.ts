/** Calls about snapshots and tasks (`proto/server.proto`), in the words of `ServerCalls` of `src/master/links.ts`. */
import type {
  SnapshotUsageResponse,
  SnapshotUsageResponse__Output as UsageOut,
} from '../gen/basalt/server/v1/SnapshotUsageResponse.ts'
import type {
  StartTaskRequest__Output as StartOut,
  StartTaskRequest,
} from '../gen/basalt/server/v1/StartTaskRequest.ts'
import type { Task, Task__Output as TaskOut } from '../gen/basalt/server/v1/Task.ts'
import type { LedVolume, ServerCalls, VolumeSnapshots } from '../master/links.ts'
import { atMost, malformed, meaning, natural, present, text, uuid } from './fields.ts'
import { SNAPSHOTS_MAX, snapshotIdIn, snapshotIdOf, snapshotIn, snapshotOf } from './led-codec.ts'
import { type TaskState, type TaskView, taskSpecOf, taskSpecText } from './tasks.ts'

const LENGTH_MAX = { MESSAGE: 4096, CODE: 64 } as const

const STATE_IN = {
  running: 'TASK_STATE_RUNNING',
  succeeded: 'TASK_STATE_SUCCEEDED',
  failed: 'TASK_STATE_FAILED',
  cancelled: 'TASK_STATE_CANCELLED',
  unknown: 'TASK_STATE_UNKNOWN',
} as const satisfies Record<TaskState, string>
const STATE_OUT: Readonly<Record<string, TaskState>> = {
  TASK_STATE_RUNNING: 'running',
  TASK_STATE_SUCCEEDED: 'succeeded',
  TASK_STATE_FAILED: 'failed',
  TASK_STATE_CANCELLED: 'cancelled',
  TASK_STATE_UNKNOWN: 'unknown',
}
const UNIT_IN = {
  bytes: 'TASK_UNIT_BYTES',
  blocks: 'TASK_UNIT_BLOCKS',
  objects: 'TASK_UNIT_OBJECTS',
} as const satisfies Record<TaskView['unit'], string>
const UNIT_OUT: Readonly<Record<string, TaskView['unit']>> = {
  TASK_UNIT_BYTES: 'bytes',
  TASK_UNIT_BLOCKS: 'blocks',
  TASK_UNIT_OBJECTS: 'objects',
}

export const ledVolumeOf = (message: { readonly volume: string; readonly epoch: string }): LedVolume => ({
  volume: uuid(message.volume, 'volume'),
  epoch: natural(message.epoch, 'epoch'),
})

/** A request with the `id` of a snapshot, as it passes. */
export const withIdIn = <Request extends { readonly id: string }>(request: Request): Request => ({
  ...request,
  id: snapshotIdIn(request.id),
})

export const oneSnapshotOf = (message: {
  readonly volume: string
  readonly epoch: string
  readonly id: string
}): LedVolume & { readonly id: string } => ({
  ...ledVolumeOf(message),
  id: snapshotIdOf(message.id, 'id'),
})

export const usageIn = ({
  snapshots,
  freeingBytes,
  metadataBytes,
}: VolumeSnapshots): SnapshotUsageResponse => ({
  snapshots: snapshots.map(({ heldBytes, exclusiveBytes, ...snapshot }) => ({
    snapshot: snapshotIn(snapshot),
    heldBytes,
    exclusiveBytes,
  })),
  freeingBytes,
  metadataBytes,
})

export const usageOf = (message: UsageOut): VolumeSnapshots => ({
  snapshots: atMost(message.snapshots, SNAPSHOTS_MAX, 'snapshots').map((one) => ({
    ...snapshotOf(present(one.snapshot, 'snapshots.snapshot'), 'snapshots.snapshot'),
    heldBytes: natural(one.heldBytes, 'snapshots.held_bytes'),
    exclusiveBytes: natural(one.exclusiveBytes, 'snapshots.exclusive_bytes'),
  })),
  freeingBytes: natural(message.freeingBytes, 'freeing_bytes'),
  metadataBytes: natural(message.metadataBytes, 'metadata_bytes'),
})

type StartTask = Parameters<ServerCalls['startTask']>[0]

export const startTaskIn = ({ task, led, spec }: StartTask): StartTaskRequest => ({
  task,
  ...(led === null ? {} : { volume: led.volume, epoch: led.epoch }),
  spec: taskSpecText(spec),
})

export function startTaskOf({ task, volume, epoch, spec }: StartOut): StartTask {
  const isOfVolume = volume !== undefined
  if (isOfVolume !== (epoch !== undefined)) throw malformed('epoch', 'it comes with a volume, and only then')
  return {
    task: uuid(task, 'task'),
    led: isOfVolume ? ledVolumeOf({ volume, epoch: epoch ?? '' }) : null,
    spec: taskSpecOf(spec),
  }
}

export const taskIn = ({ task, state, done, total, unit, message, code, result }: TaskView): Task => ({
  ...{ task, done, total },
  state: STATE_IN[state],
  unit: UNIT_IN[unit],
  ...(message === null ? {} : { message: message.slice(0, LENGTH_MAX.MESSAGE) }),
  ...(code === null ? {} : { code }),
  ...(result === null ? {} : { result }),
})

export const taskOf = (view: TaskOut): TaskView => ({
  task: uuid(view.task, 'task'),
  state: meaning(STATE_OUT, view.state, 'state'),
  done: natural(view.done, 'done'),
  total: natural(view.total, 'total'),
  unit: meaning(UNIT_OUT, view.unit, 'unit'),
  message: view.message === undefined ? null : view.message.slice(0, LENGTH_MAX.MESSAGE),
  code: view.code === undefined ? null : text(view.code, LENGTH_MAX.CODE, 'code'),
  // read by who knows of what kind the task is
  result: view.result ?? null,
})
