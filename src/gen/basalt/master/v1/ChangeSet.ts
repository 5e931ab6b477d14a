// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Long } from '@grpc/proto-loader';

export interface ChangeSet {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'version'?: (number | string | Long);
  'members'?: (string)[];
}

export interface ChangeSet__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'version': (string);
  'members': (string)[];
}
