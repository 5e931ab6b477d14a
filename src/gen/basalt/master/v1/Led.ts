// Original file: proto/master.proto

import type { Snapshot as _basalt_master_v1_Snapshot, Snapshot__Output as _basalt_master_v1_Snapshot__Output } from '../../../basalt/master/v1/Snapshot.ts';
import type { Filling as _basalt_master_v1_Filling, Filling__Output as _basalt_master_v1_Filling__Output } from '../../../basalt/master/v1/Filling.ts';
import type { Scrub as _basalt_master_v1_Scrub, Scrub__Output as _basalt_master_v1_Scrub__Output } from '../../../basalt/master/v1/Scrub.ts';
import type { Long } from '@grpc/proto-loader';

export interface Led {
  'epoch'?: (number | string | Long);
  'snapshots'?: (_basalt_master_v1_Snapshot)[];
  'filling'?: (_basalt_master_v1_Filling | null);
  'scrub'?: (_basalt_master_v1_Scrub | null);
}

export interface Led__Output {
  'epoch': (string);
  'snapshots': (_basalt_master_v1_Snapshot__Output)[];
  'filling': (_basalt_master_v1_Filling__Output | null);
  'scrub': (_basalt_master_v1_Scrub__Output | null);
}
