// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface CreateSnapshotRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'id'?: (number | string | Long);
  'name'?: (string);
}

export interface CreateSnapshotRequest__Output {
  'volume': (string);
  'epoch': (string);
  'id': (string);
  'name': (string);
}
