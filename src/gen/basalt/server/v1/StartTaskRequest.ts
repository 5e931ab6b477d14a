// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface StartTaskRequest {
  'task'?: (string);
  'volume'?: (string);
  'epoch'?: (number | string | Long);
  'spec'?: (string);
  '_volume'?: "volume";
  '_epoch'?: "epoch";
}

export interface StartTaskRequest__Output {
  'task': (string);
  'volume'?: (string);
  'epoch'?: (string);
  'spec': (string);
  '_volume'?: "volume";
  '_epoch'?: "epoch";
}
