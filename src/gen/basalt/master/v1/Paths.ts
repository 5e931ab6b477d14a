// Original file: proto/master.proto

import type { VolumePaths as _basalt_master_v1_VolumePaths, VolumePaths__Output as _basalt_master_v1_VolumePaths__Output } from '../../../basalt/master/v1/VolumePaths.ts';

export interface Paths {
  'isFirst'?: (boolean);
  'isLast'?: (boolean);
  'volumes'?: (_basalt_master_v1_VolumePaths)[];
  'removed'?: (string)[];
}

export interface Paths__Output {
  'isFirst': (boolean);
  'isLast': (boolean);
  'volumes': (_basalt_master_v1_VolumePaths__Output)[];
  'removed': (string)[];
}
