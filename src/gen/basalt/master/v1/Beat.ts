// Original file: proto/master.proto

import type { Replica as _basalt_master_v1_Replica, Replica__Output as _basalt_master_v1_Replica__Output } from '../../../basalt/master/v1/Replica.ts';
import type { Long } from '@grpc/proto-loader';

export interface Beat {
  'sentAtMs'?: (number | string);
  'freeBytes'?: (number | string | Long);
  'capacityBytes'?: (number | string | Long);
  'isDraining'?: (boolean);
  'isFull'?: (boolean);
  'replicas'?: (_basalt_master_v1_Replica)[];
}

export interface Beat__Output {
  'sentAtMs': (number);
  'freeBytes': (string);
  'capacityBytes': (string);
  'isDraining': (boolean);
  'isFull': (boolean);
  'replicas': (_basalt_master_v1_Replica__Output)[];
}
