// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface RestoreSnapshotRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'id'?: (number | string | Long);
  'request'?: (string);
  'force'?: (boolean);
}

export interface RestoreSnapshotRequest__Output {
  'volume': (string);
  'epoch': (string);
  'id': (string);
  'request': (string);
  'force': (boolean);
}
