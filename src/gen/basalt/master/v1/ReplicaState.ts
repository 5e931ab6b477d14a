// Original file: proto/master.proto

export const ReplicaState = {
  REPLICA_STATE_UNSPECIFIED: 'REPLICA_STATE_UNSPECIFIED',
  REPLICA_STATE_OPENING: 'REPLICA_STATE_OPENING',
  REPLICA_STATE_OPEN: 'REPLICA_STATE_OPEN',
  REPLICA_STATE_WAITING: 'REPLICA_STATE_WAITING',
  REPLICA_STATE_CLOSED: 'REPLICA_STATE_CLOSED',
} as const;

export type ReplicaState =
  | 'REPLICA_STATE_UNSPECIFIED'
  | 0
  | 'REPLICA_STATE_OPENING'
  | 1
  | 'REPLICA_STATE_OPEN'
  | 2
  | 'REPLICA_STATE_WAITING'
  | 3
  | 'REPLICA_STATE_CLOSED'
  | 4

export type ReplicaState__Output = typeof ReplicaState[keyof typeof ReplicaState]
