// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Scrub {
  'endedWallMs'?: (number | string);
  'errors'?: (number | string | Long);
  'repaired'?: (number | string | Long);
}

export interface Scrub__Output {
  'endedWallMs': (number);
  'errors': (string);
  'repaired': (string);
}
