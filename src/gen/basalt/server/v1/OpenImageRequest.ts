// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface OpenImageRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'snapshot'?: (number | string | Long);
  'reader'?: (string);
}

export interface OpenImageRequest__Output {
  'volume': (string);
  'epoch': (string);
  'snapshot': (string);
  'reader': (string);
}
