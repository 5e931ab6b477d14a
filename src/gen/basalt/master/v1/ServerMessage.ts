// Original file: proto/master.proto

import type { Hello as _basalt_master_v1_Hello, Hello__Output as _basalt_master_v1_Hello__Output } from '../../../basalt/master/v1/Hello.ts';
import type { Beat as _basalt_master_v1_Beat, Beat__Output as _basalt_master_v1_Beat__Output } from '../../../basalt/master/v1/Beat.ts';
import type { Goodbye as _basalt_master_v1_Goodbye, Goodbye__Output as _basalt_master_v1_Goodbye__Output } from '../../../basalt/master/v1/Goodbye.ts';

export interface ServerMessage {
  'hello'?: (_basalt_master_v1_Hello | null);
  'beat'?: (_basalt_master_v1_Beat | null);
  'goodbye'?: (_basalt_master_v1_Goodbye | null);
  'body'?: "hello"|"beat"|"goodbye";
}

export interface ServerMessage__Output {
  'hello'?: (_basalt_master_v1_Hello__Output | null);
  'beat'?: (_basalt_master_v1_Beat__Output | null);
  'goodbye'?: (_basalt_master_v1_Goodbye__Output | null);
  'body'?: "hello"|"beat"|"goodbye";
}
