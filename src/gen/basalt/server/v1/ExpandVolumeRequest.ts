// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ExpandVolumeRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'sizeBytes'?: (number | string | Long);
}

export interface ExpandVolumeRequest__Output {
  'volume': (string);
  'epoch': (string);
  'sizeBytes': (string);
}
