// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ImageEpoch {
  'epochId'?: (number | string | Long);
  'firstLsn'?: (number | string | Long);
}

export interface ImageEpoch__Output {
  'epochId': (string);
  'firstLsn': (string);
}
