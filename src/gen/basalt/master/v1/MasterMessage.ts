// Original file: proto/master.proto

import type { Welcome as _basalt_master_v1_Welcome, Welcome__Output as _basalt_master_v1_Welcome__Output } from '../../../basalt/master/v1/Welcome.ts';
import type { ForReplica as _basalt_master_v1_ForReplica, ForReplica__Output as _basalt_master_v1_ForReplica__Output } from '../../../basalt/master/v1/ForReplica.ts';
import type { RegistrySeen as _basalt_master_v1_RegistrySeen, RegistrySeen__Output as _basalt_master_v1_RegistrySeen__Output } from '../../../basalt/master/v1/RegistrySeen.ts';
import type { Settings as _basalt_master_v1_Settings, Settings__Output as _basalt_master_v1_Settings__Output } from '../../../basalt/master/v1/Settings.ts';
import type { TellAll as _basalt_master_v1_TellAll, TellAll__Output as _basalt_master_v1_TellAll__Output } from '../../../basalt/master/v1/TellAll.ts';
import type { Paths as _basalt_master_v1_Paths, Paths__Output as _basalt_master_v1_Paths__Output } from '../../../basalt/master/v1/Paths.ts';

export interface MasterMessage {
  'welcome'?: (_basalt_master_v1_Welcome | null);
  'replica'?: (_basalt_master_v1_ForReplica | null);
  'registry'?: (_basalt_master_v1_RegistrySeen | null);
  'settings'?: (_basalt_master_v1_Settings | null);
  'tellAll'?: (_basalt_master_v1_TellAll | null);
  'paths'?: (_basalt_master_v1_Paths | null);
  'body'?: "welcome"|"replica"|"registry"|"settings"|"tellAll"|"paths";
}

export interface MasterMessage__Output {
  'welcome'?: (_basalt_master_v1_Welcome__Output | null);
  'replica'?: (_basalt_master_v1_ForReplica__Output | null);
  'registry'?: (_basalt_master_v1_RegistrySeen__Output | null);
  'settings'?: (_basalt_master_v1_Settings__Output | null);
  'tellAll'?: (_basalt_master_v1_TellAll__Output | null);
  'paths'?: (_basalt_master_v1_Paths__Output | null);
  'body'?: "welcome"|"replica"|"registry"|"settings"|"tellAll"|"paths";
}
