// Original file: proto/server.proto

import type { Snapshot as _basalt_master_v1_Snapshot, Snapshot__Output as _basalt_master_v1_Snapshot__Output } from '../../../basalt/master/v1/Snapshot.ts';
import type { Long } from '@grpc/proto-loader';

export interface SnapshotSpace {
  'snapshot'?: (_basalt_master_v1_Snapshot | null);
  'heldBytes'?: (number | string | Long);
  'exclusiveBytes'?: (number | string | Long);
}

export interface SnapshotSpace__Output {
  'snapshot': (_basalt_master_v1_Snapshot__Output | null);
  'heldBytes': (string);
  'exclusiveBytes': (string);
}
