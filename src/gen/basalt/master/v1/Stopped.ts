// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Long } from '@grpc/proto-loader';

export interface Stopped {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'opening'?: (number | string | Long);
  'isDrained'?: (boolean);
}

export interface Stopped__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'opening': (string);
  'isDrained': (boolean);
}
