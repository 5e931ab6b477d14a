// Original file: proto/server.proto

import type { SnapshotSpace as _basalt_server_v1_SnapshotSpace, SnapshotSpace__Output as _basalt_server_v1_SnapshotSpace__Output } from '../../../basalt/server/v1/SnapshotSpace.ts';
import type { Long } from '@grpc/proto-loader';

export interface SnapshotUsageResponse {
  'snapshots'?: (_basalt_server_v1_SnapshotSpace)[];
  'freeingBytes'?: (number | string | Long);
  'metadataBytes'?: (number | string | Long);
}

export interface SnapshotUsageResponse__Output {
  'snapshots': (_basalt_server_v1_SnapshotSpace__Output)[];
  'freeingBytes': (string);
  'metadataBytes': (string);
}
