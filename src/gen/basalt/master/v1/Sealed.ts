// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Standing as _basalt_master_v1_Standing, Standing__Output as _basalt_master_v1_Standing__Output } from '../../../basalt/master/v1/Standing.ts';
import type { Long } from '@grpc/proto-loader';

export interface Sealed {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'server'?: (string);
  'opening'?: (number | string | Long);
  'lastEpoch'?: (number | string | Long);
  'lastLsn'?: (number | string | Long);
  'standing'?: (_basalt_master_v1_Standing | null);
  'hasServed'?: (boolean);
}

export interface Sealed__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'server': (string);
  'opening': (string);
  'lastEpoch': (string);
  'lastLsn': (string);
  'standing': (_basalt_master_v1_Standing__Output | null);
  'hasServed': (boolean);
}
