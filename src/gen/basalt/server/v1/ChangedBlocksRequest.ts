// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ChangedBlocksRequest {
  'sinceLsn'?: (number | string | Long);
  'fromBlock'?: (number | string | Long);
  'limit'?: (number);
}

export interface ChangedBlocksRequest__Output {
  'sinceLsn': (string);
  'fromBlock': (string);
  'limit': (number);
}
