// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { AssignRefusal as _basalt_master_v1_AssignRefusal, AssignRefusal__Output as _basalt_master_v1_AssignRefusal__Output } from '../../../basalt/master/v1/AssignRefusal.ts';

export interface AssignRefused {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'why'?: (_basalt_master_v1_AssignRefusal);
}

export interface AssignRefused__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'why': (_basalt_master_v1_AssignRefusal__Output);
}
