// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { InSyncSet as _basalt_master_v1_InSyncSet, InSyncSet__Output as _basalt_master_v1_InSyncSet__Output } from '../../../basalt/master/v1/InSyncSet.ts';

export interface SetIs {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'set'?: (_basalt_master_v1_InSyncSet | null);
}

export interface SetIs__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'set': (_basalt_master_v1_InSyncSet__Output | null);
}
