// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoveReplicaRequest {
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'setEpoch'?: (number | string | Long);
  'setVersion'?: (number | string | Long);
}

export interface RemoveReplicaRequest__Output {
  'volume': (string);
  'epoch': (string);
  'setEpoch': (string);
  'setVersion': (string);
}
