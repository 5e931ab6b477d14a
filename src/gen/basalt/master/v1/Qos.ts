// Original file: proto/master.proto

import type { Long } from '@grpc/proto-loader';

export interface Qos {
  'iops'?: (number | string | Long);
  'iopsBurst'?: (number | string | Long);
  'bytesPerSecond'?: (number | string | Long);
  'bytesBurst'?: (number | string | Long);
}

export interface Qos__Output {
  'iops': (string);
  'iopsBurst': (string);
  'bytesPerSecond': (string);
  'bytesBurst': (string);
}
