// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { Role as _basalt_master_v1_Role, Role__Output as _basalt_master_v1_Role__Output } from '../../../basalt/master/v1/Role.ts';
import type { Member as _basalt_master_v1_Member, Member__Output as _basalt_master_v1_Member__Output } from '../../../basalt/master/v1/Member.ts';
import type { InSyncSet as _basalt_master_v1_InSyncSet, InSyncSet__Output as _basalt_master_v1_InSyncSet__Output } from '../../../basalt/master/v1/InSyncSet.ts';
import type { Policy as _basalt_master_v1_Policy, Policy__Output as _basalt_master_v1_Policy__Output } from '../../../basalt/master/v1/Policy.ts';
import type { Long } from '@grpc/proto-loader';

export interface Assign {
  'epoch'?: (_basalt_master_v1_Epoch | null);
  'role'?: (_basalt_master_v1_Role);
  'primary'?: (string);
  'opening'?: (number | string | Long);
  'replicas'?: (_basalt_master_v1_Member)[];
  'set'?: (_basalt_master_v1_InSyncSet | null);
  'policy'?: (_basalt_master_v1_Policy | null);
}

export interface Assign__Output {
  'epoch': (_basalt_master_v1_Epoch__Output | null);
  'role': (_basalt_master_v1_Role__Output);
  'primary': (string);
  'opening': (string);
  'replicas': (_basalt_master_v1_Member__Output)[];
  'set': (_basalt_master_v1_InSyncSet__Output | null);
  'policy': (_basalt_master_v1_Policy__Output | null);
}
