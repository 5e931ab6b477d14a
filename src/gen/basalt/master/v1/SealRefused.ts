// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';

export interface SealRefused {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'sealed'?: (_basalt_master_v1_Epoch | null);
}

export interface SealRefused__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'sealed': (_basalt_master_v1_Epoch__Output | null);
}
