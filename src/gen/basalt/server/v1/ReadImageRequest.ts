// Original file: proto/server.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadImageRequest {
  'block'?: (number | string | Long);
  'blocks'?: (number);
}

export interface ReadImageRequest__Output {
  'block': (string);
  'blocks': (number);
}
