// Original file: proto/master.proto

import type { Initiators as _basalt_master_v1_Initiators, Initiators__Output as _basalt_master_v1_Initiators__Output } from '../../../basalt/master/v1/Initiators.ts';
import type { Hosts as _basalt_master_v1_Hosts, Hosts__Output as _basalt_master_v1_Hosts__Output } from '../../../basalt/master/v1/Hosts.ts';
import type { Path as _basalt_master_v1_Path, Path__Output as _basalt_master_v1_Path__Output } from '../../../basalt/master/v1/Path.ts';
import type { Long } from '@grpc/proto-loader';

export interface VolumePaths {
  'volume'?: (string);
  'name'?: (string);
  'sizeBytes'?: (number | string | Long);
  'logicalBlockBytes'?: (number);
  'isMultipath'?: (boolean);
  'initiators'?: (_basalt_master_v1_Initiators | null);
  'hosts'?: (_basalt_master_v1_Hosts | null);
  'paths'?: (_basalt_master_v1_Path)[];
}

export interface VolumePaths__Output {
  'volume': (string);
  'name': (string);
  'sizeBytes': (string);
  'logicalBlockBytes': (number);
  'isMultipath': (boolean);
  'initiators': (_basalt_master_v1_Initiators__Output | null);
  'hosts': (_basalt_master_v1_Hosts__Output | null);
  'paths': (_basalt_master_v1_Path__Output)[];
}
