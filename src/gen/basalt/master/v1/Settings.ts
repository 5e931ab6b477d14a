// Original file: proto/master.proto

import type { Access as _basalt_master_v1_Access, Access__Output as _basalt_master_v1_Access__Output } from '../../../basalt/master/v1/Access.ts';
import type { Qos as _basalt_master_v1_Qos, Qos__Output as _basalt_master_v1_Qos__Output } from '../../../basalt/master/v1/Qos.ts';
import type { Long } from '@grpc/proto-loader';

export interface Settings {
  'volume'?: (string);
  'access'?: (_basalt_master_v1_Access | null);
  'qos'?: (_basalt_master_v1_Qos | null);
  'tag'?: (number | string | Long);
  'keep'?: (string);
}

export interface Settings__Output {
  'volume': (string);
  'access': (_basalt_master_v1_Access__Output | null);
  'qos': (_basalt_master_v1_Qos__Output | null);
  'tag': (string);
  'keep': (string);
}
