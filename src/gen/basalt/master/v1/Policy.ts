// Original file: proto/master.proto

import type { SyncAll as _basalt_master_v1_SyncAll, SyncAll__Output as _basalt_master_v1_SyncAll__Output } from '../../../basalt/master/v1/SyncAll.ts';
import type { SyncQuorum as _basalt_master_v1_SyncQuorum, SyncQuorum__Output as _basalt_master_v1_SyncQuorum__Output } from '../../../basalt/master/v1/SyncQuorum.ts';
import type { BestEffort as _basalt_master_v1_BestEffort, BestEffort__Output as _basalt_master_v1_BestEffort__Output } from '../../../basalt/master/v1/BestEffort.ts';

export interface Policy {
  'replicaFactor'?: (number);
  'syncAll'?: (_basalt_master_v1_SyncAll | null);
  'syncQuorum'?: (_basalt_master_v1_SyncQuorum | null);
  'bestEffort'?: (_basalt_master_v1_BestEffort | null);
  'mode'?: "syncAll"|"syncQuorum"|"bestEffort";
}

export interface Policy__Output {
  'replicaFactor': (number);
  'syncAll'?: (_basalt_master_v1_SyncAll__Output | null);
  'syncQuorum'?: (_basalt_master_v1_SyncQuorum__Output | null);
  'bestEffort'?: (_basalt_master_v1_BestEffort__Output | null);
  'mode'?: "syncAll"|"syncQuorum"|"bestEffort";
}
