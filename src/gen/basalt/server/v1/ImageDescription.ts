// Original file: proto/server.proto

import type { ImageEpoch as _basalt_server_v1_ImageEpoch, ImageEpoch__Output as _basalt_server_v1_ImageEpoch__Output } from '../../../basalt/server/v1/ImageEpoch.ts';
import type { Long } from '@grpc/proto-loader';

export interface ImageDescription {
  'volume'?: (string);
  'epochId'?: (number | string | Long);
  'lsn'?: (number | string | Long);
  'name'?: (string);
  'sizeBytes'?: (number | string | Long);
  'logicalBlockBytes'?: (number);
  'history'?: (_basalt_server_v1_ImageEpoch)[];
}

export interface ImageDescription__Output {
  'volume': (string);
  'epochId': (string);
  'lsn': (string);
  'name': (string);
  'sizeBytes': (string);
  'logicalBlockBytes': (number);
  'history': (_basalt_server_v1_ImageEpoch__Output)[];
}
