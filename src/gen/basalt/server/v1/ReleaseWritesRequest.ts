// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ReleaseWritesRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'hold'?: (string);
}

export interface ReleaseWritesRequest__Output {
  'volume': (string);
  'epoch': (string);
  'hold': (string);
}
