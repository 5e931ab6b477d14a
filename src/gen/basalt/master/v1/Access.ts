// Original file: proto/master.proto

import type { Initiators as _basalt_master_v1_Initiators, Initiators__Output as _basalt_master_v1_Initiators__Output } from '../../../basalt/master/v1/Initiators.ts';
import type { Chap as _basalt_master_v1_Chap, Chap__Output as _basalt_master_v1_Chap__Output } from '../../../basalt/master/v1/Chap.ts';

export interface Access {
  'initiators'?: (_basalt_master_v1_Initiators | null);
  'chap'?: (_basalt_master_v1_Chap | null);
}

export interface Access__Output {
  'initiators': (_basalt_master_v1_Initiators__Output | null);
  'chap': (_basalt_master_v1_Chap__Output | null);
}
