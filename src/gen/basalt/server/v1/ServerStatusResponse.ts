// Original file: proto/server.proto

import type { Beat as _basalt_master_v1_Beat, Beat__Output as _basalt_master_v1_Beat__Output } from '../../../basalt/master/v1/Beat.ts';

export interface ServerStatusResponse {
  'id'?: (string);
  'version'?: (string);
  'uptimeMs'?: (number | string);
  'beat'?: (_basalt_master_v1_Beat | null);
}

export interface ServerStatusResponse__Output {
  'id': (string);
  'version': (string);
  'uptimeMs': (number);
  'beat': (_basalt_master_v1_Beat__Output | null);
}
