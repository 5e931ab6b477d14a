// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ImageBlock {
  'block'?: (number | string | Long);
  'lsn'?: (number | string | Long);
  'isHole'?: (boolean);
}

export interface ImageBlock__Output {
  'block': (string);
  'lsn': (string);
  'isHole': (boolean);
}
