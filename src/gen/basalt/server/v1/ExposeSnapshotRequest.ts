// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ExposeSnapshotRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'id'?: (number | string | Long);
  'isExposed'?: (boolean);
}

export interface ExposeSnapshotRequest__Output {
  'volume': (string);
  'epoch': (string);
  'id': (string);
  'isExposed': (boolean);
}
