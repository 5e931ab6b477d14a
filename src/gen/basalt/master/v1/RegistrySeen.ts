// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface RegistrySeen {
  'id'?: (string);
  'seq'?: (number | string | Long);
}

export interface RegistrySeen__Output {
  'id': (string);
  'seq': (string);
}
