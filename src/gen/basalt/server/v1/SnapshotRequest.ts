// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface SnapshotRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'id'?: (number | string | Long);
}

export interface SnapshotRequest__Output {
  'volume': (string);
  'epoch': (string);
  'id': (string);
}
