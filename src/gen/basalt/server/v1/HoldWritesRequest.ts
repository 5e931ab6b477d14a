// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface HoldWritesRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'holdMs'?: (number | string);
}

export interface HoldWritesRequest__Output {
  'volume': (string);
  'epoch': (string);
  'holdMs': (number);
}
