// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface BestEffort {
  'maxLagEntries'?: (number | string | Long);
  'maxLagMs'?: (number | string | Long);
}

export interface BestEffort__Output {
  'maxLagEntries': (string);
  'maxLagMs': (string);
}
