// Original file: proto/server.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Long } from '@grpc/proto-loader';

export interface AllocateReplicaRequest {
  'volume'?: (string);
  'name'?: (string);
  'sizeBytes'?: (number | string | Long);
  'logicalBlockBytes'?: (number);
  'logBytes'?: (number | string | Long);
  'madeIn'?: (_basalt_master_v1_Epoch | null);
  '_logBytes'?: "logBytes";
}

export interface AllocateReplicaRequest__Output {
  'volume': (string);
  'name': (string);
  'sizeBytes': (string);
  'logicalBlockBytes': (number);
  'logBytes'?: (string);
  'madeIn': (_basalt_master_v1_Epoch__Output | null);
  '_logBytes'?: "logBytes";
}
