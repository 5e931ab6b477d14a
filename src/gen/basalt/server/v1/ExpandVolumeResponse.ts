// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ExpandVolumeResponse {
  'sizeBytes'?: (number | string | Long);
}

export interface ExpandVolumeResponse__Output {
  'sizeBytes': (string);
}
