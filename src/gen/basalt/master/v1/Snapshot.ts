// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Snapshot {
  'id'?: (number | string | Long);
  'name'?: (string);
  'lsn'?: (number | string | Long);
  'createdWallMs'?: (number | string);
  'sizeBytes'?: (number | string | Long);
  'isExposed'?: (boolean);
}

export interface Snapshot__Output {
  'id': (string);
  'name': (string);
  'lsn': (string);
  'createdWallMs': (number);
  'sizeBytes': (string);
  'isExposed': (boolean);
}
