// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface InSyncSet {
  'epoch'?: (number | string | Long);
  'version'?: (number | string | Long);
  'members'?: (string)[];
}

export interface InSyncSet__Output {
  'epoch': (string);
  'version': (string);
  'members': (string)[];
}
