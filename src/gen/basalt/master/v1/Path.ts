// Original file: proto/master.proto

import type { PathRole as _basalt_master_v1_PathRole, PathRole__Output as _basalt_master_v1_PathRole__Output } from '../../../basalt/master/v1/PathRole.ts';

export interface Path {
  'server'?: (string);
  'slot'?: (number);
  'role'?: (_basalt_master_v1_PathRole);
  'iscsi'?: (string)[];
  'nvme'?: (string)[];
}

export interface Path__Output {
  'server': (string);
  'slot': (number);
  'role': (_basalt_master_v1_PathRole__Output);
  'iscsi': (string)[];
  'nvme': (string)[];
}
