// Original file: proto/master.proto

import type { ReplicaState as _basalt_master_v1_ReplicaState, ReplicaState__Output as _basalt_master_v1_ReplicaState__Output } from '../../../basalt/master/v1/ReplicaState.ts';
import type { OpenReplica as _basalt_master_v1_OpenReplica, OpenReplica__Output as _basalt_master_v1_OpenReplica__Output } from '../../../basalt/master/v1/OpenReplica.ts';
import type { ReplicaMessage as _basalt_master_v1_ReplicaMessage, ReplicaMessage__Output as _basalt_master_v1_ReplicaMessage__Output } from '../../../basalt/master/v1/ReplicaMessage.ts';
import type { Led as _basalt_master_v1_Led, Led__Output as _basalt_master_v1_Led__Output } from '../../../basalt/master/v1/Led.ts';
import type { Long } from '@grpc/proto-loader';

export interface Replica {
  'volume'?: (string);
  'name'?: (string);
  'sizeBytes'?: (number | string | Long);
  'state'?: (_basalt_master_v1_ReplicaState);
  'open'?: (_basalt_master_v1_OpenReplica | null);
  'outage'?: (string);
  'usedBytes'?: (number | string | Long);
  'messages'?: (_basalt_master_v1_ReplicaMessage)[];
  'settingsTag'?: (number | string | Long);
  'kept'?: (string);
  'led'?: (_basalt_master_v1_Led | null);
  '_outage'?: "outage";
  '_kept'?: "kept";
}

export interface Replica__Output {
  'volume': (string);
  'name': (string);
  'sizeBytes': (string);
  'state': (_basalt_master_v1_ReplicaState__Output);
  'open': (_basalt_master_v1_OpenReplica__Output | null);
  'outage'?: (string);
  'usedBytes': (string);
  'messages': (_basalt_master_v1_ReplicaMessage__Output)[];
  'settingsTag': (string);
  'kept'?: (string);
  'led': (_basalt_master_v1_Led__Output | null);
  '_outage'?: "outage";
  '_kept'?: "kept";
}
