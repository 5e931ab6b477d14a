// Original file: proto/master.proto

import type { Credential as _basalt_master_v1_Credential, Credential__Output as _basalt_master_v1_Credential__Output } from '../../../basalt/master/v1/Credential.ts';

export interface Chap {
  'incoming'?: (_basalt_master_v1_Credential | null);
  'mutual'?: (_basalt_master_v1_Credential | null);
}

export interface Chap__Output {
  'incoming': (_basalt_master_v1_Credential__Output | null);
  'mutual': (_basalt_master_v1_Credential__Output | null);
}
