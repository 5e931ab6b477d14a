// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Epoch {
  'number'?: (number | string | Long);
  'id'?: (number | string | Long);
}

export interface Epoch__Output {
  'number': (string);
  'id': (string);
}
