// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Resync {
  'sentBytes'?: (number | string | Long);
  'scannedBlocks'?: (number | string | Long);
  'sizeBlocks'?: (number | string | Long);
}

export interface Resync__Output {
  'sentBytes': (string);
  'scannedBlocks': (string);
  'sizeBlocks': (string);
}
