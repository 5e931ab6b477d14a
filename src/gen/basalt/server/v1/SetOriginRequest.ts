// Original file: proto/server.proto

import type { Origin as _basalt_master_v1_Origin, Origin__Output as _basalt_master_v1_Origin__Output } from '../../../basalt/master/v1/Origin.ts';
import type { Long } from '@grpc/proto-loader';

export interface SetOriginRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'origin'?: (_basalt_master_v1_Origin | null);
}

export interface SetOriginRequest__Output {
  'volume': (string);
  'epoch': (string);
  'origin': (_basalt_master_v1_Origin__Output | null);
}
