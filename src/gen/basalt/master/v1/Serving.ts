// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Long } from '@grpc/proto-loader';

export interface Serving {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'startLsn'?: (number | string | Long);
}

export interface Serving__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'startLsn': (string);
}
