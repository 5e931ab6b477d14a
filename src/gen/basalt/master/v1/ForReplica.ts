// Original file: proto/master.proto

import type { Seal as _basalt_master_v1_Seal, Seal__Output as _basalt_master_v1_Seal__Output } from '../../../basalt/master/v1/Seal.ts';
import type { Assign as _basalt_master_v1_Assign, Assign__Output as _basalt_master_v1_Assign__Output } from '../../../basalt/master/v1/Assign.ts';
import type { Grant as _basalt_master_v1_Grant, Grant__Output as _basalt_master_v1_Grant__Output } from '../../../basalt/master/v1/Grant.ts';
import type { SetIs as _basalt_master_v1_SetIs, SetIs__Output as _basalt_master_v1_SetIs__Output } from '../../../basalt/master/v1/SetIs.ts';
import type { Stop as _basalt_master_v1_Stop, Stop__Output as _basalt_master_v1_Stop__Output } from '../../../basalt/master/v1/Stop.ts';

export interface ForReplica {
  'volume'?: (string);
  'seal'?: (_basalt_master_v1_Seal | null);
  'assign'?: (_basalt_master_v1_Assign | null);
  'grant'?: (_basalt_master_v1_Grant | null);
  'setIs'?: (_basalt_master_v1_SetIs | null);
  'stop'?: (_basalt_master_v1_Stop | null);
  'body'?: "seal"|"assign"|"grant"|"setIs"|"stop";
}

export interface ForReplica__Output {
  'volume': (string);
  'seal'?: (_basalt_master_v1_Seal__Output | null);
  'assign'?: (_basalt_master_v1_Assign__Output | null);
  'grant'?: (_basalt_master_v1_Grant__Output | null);
  'setIs'?: (_basalt_master_v1_SetIs__Output | null);
  'stop'?: (_basalt_master_v1_Stop__Output | null);
  'body'?: "seal"|"assign"|"grant"|"setIs"|"stop";
}
