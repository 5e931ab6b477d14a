// Original file: proto/master.proto

import type { Origin as _basalt_master_v1_Origin, Origin__Output as _basalt_master_v1_Origin__Output } from '../../../basalt/master/v1/Origin.ts';
import type { Long } from '@grpc/proto-loader';

export interface Filling {
  'origin'?: (_basalt_master_v1_Origin | null);
  'doneBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
}

export interface Filling__Output {
  'origin': (_basalt_master_v1_Origin__Output | null);
  'doneBytes': (string);
  'totalBytes': (string);
}
