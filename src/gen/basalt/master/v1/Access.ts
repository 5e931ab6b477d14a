// Original file: proto/master.proto

import type { Initiators as _basalt_master_v1_Initiators, Initiators__Output as _basalt_master_v1_Initiators__Output } from '../../../basalt/master/v1/Initiators.ts';
import type { Chap as _basalt_master_v1_Chap, Chap__Output as _basalt_master_v1_Chap__Output } from '../../../basalt/master/v1/Chap.ts';
import type { Hosts as _basalt_master_v1_Hosts, Hosts__Output as _basalt_master_v1_Hosts__Output } from '../../../basalt/master/v1/Hosts.ts';
import type { Dhchap as _basalt_master_v1_Dhchap, Dhchap__Output as _basalt_master_v1_Dhchap__Output } from '../../../basalt/master/v1/Dhchap.ts';

export interface Access {
  'initiators'?: (_basalt_master_v1_Initiators | null);
  'chap'?: (_basalt_master_v1_Chap | null);
  'hosts'?: (_basalt_master_v1_Hosts | null);
  'dhchap'?: (_basalt_master_v1_Dhchap)[];
}

export interface Access__Output {
  'initiators': (_basalt_master_v1_Initiators__Output | null);
  'chap': (_basalt_master_v1_Chap__Output | null);
  'hosts': (_basalt_master_v1_Hosts__Output | null);
  'dhchap': (_basalt_master_v1_Dhchap__Output)[];
}
