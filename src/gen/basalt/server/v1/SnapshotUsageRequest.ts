// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface SnapshotUsageRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
}

export interface SnapshotUsageRequest__Output {
  'volume': (string);
  'epoch': (string);
}
