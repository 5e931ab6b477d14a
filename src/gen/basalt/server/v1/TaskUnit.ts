// Original file: proto/server.proto

export const TaskUnit = {
  TASK_UNIT_UNSPECIFIED: 'TASK_UNIT_UNSPECIFIED',
  TASK_UNIT_BYTES: 'TASK_UNIT_BYTES',
  TASK_UNIT_BLOCKS: 'TASK_UNIT_BLOCKS',
  TASK_UNIT_OBJECTS: 'TASK_UNIT_OBJECTS',
} as const;

export type TaskUnit =
  | 'TASK_UNIT_UNSPECIFIED'
  | 0
  | 'TASK_UNIT_BYTES'
  | 1
  | 'TASK_UNIT_BLOCKS'
  | 2
  | 'TASK_UNIT_OBJECTS'
  | 3

export type TaskUnit__Output = typeof TaskUnit[keyof typeof TaskUnit]
