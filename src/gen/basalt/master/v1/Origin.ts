// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Origin {
  'volume'?: (string);
  'snapshot'?: (number | string | Long);
  'sizeBytes'?: (number | string | Long);
}

export interface Origin__Output {
  'volume': (string);
  'snapshot': (string);
  'sizeBytes': (string);
}
