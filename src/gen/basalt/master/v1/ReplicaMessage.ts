// Original file: proto/master.proto

import type { Sealed as _basalt_master_v1_Sealed, Sealed__Output as _basalt_master_v1_Sealed__Output } from '../../../basalt/master/v1/Sealed.ts';
import type { SealLater as _basalt_master_v1_SealLater, SealLater__Output as _basalt_master_v1_SealLater__Output } from '../../../basalt/master/v1/SealLater.ts';
import type { SealRefused as _basalt_master_v1_SealRefused, SealRefused__Output as _basalt_master_v1_SealRefused__Output } from '../../../basalt/master/v1/SealRefused.ts';
import type { AssignRefused as _basalt_master_v1_AssignRefused, AssignRefused__Output as _basalt_master_v1_AssignRefused__Output } from '../../../basalt/master/v1/AssignRefused.ts';
import type { ChangeSet as _basalt_master_v1_ChangeSet, ChangeSet__Output as _basalt_master_v1_ChangeSet__Output } from '../../../basalt/master/v1/ChangeSet.ts';
import type { ReadSet as _basalt_master_v1_ReadSet, ReadSet__Output as _basalt_master_v1_ReadSet__Output } from '../../../basalt/master/v1/ReadSet.ts';
import type { Stopped as _basalt_master_v1_Stopped, Stopped__Output as _basalt_master_v1_Stopped__Output } from '../../../basalt/master/v1/Stopped.ts';
import type { StopFailed as _basalt_master_v1_StopFailed, StopFailed__Output as _basalt_master_v1_StopFailed__Output } from '../../../basalt/master/v1/StopFailed.ts';
import type { Serving as _basalt_master_v1_Serving, Serving__Output as _basalt_master_v1_Serving__Output } from '../../../basalt/master/v1/Serving.ts';

export interface ReplicaMessage {
  'sealed'?: (_basalt_master_v1_Sealed | null);
  'sealLater'?: (_basalt_master_v1_SealLater | null);
  'sealRefused'?: (_basalt_master_v1_SealRefused | null);
  'assignRefused'?: (_basalt_master_v1_AssignRefused | null);
  'changeSet'?: (_basalt_master_v1_ChangeSet | null);
  'readSet'?: (_basalt_master_v1_ReadSet | null);
  'stopped'?: (_basalt_master_v1_Stopped | null);
  'stopFailed'?: (_basalt_master_v1_StopFailed | null);
  'serving'?: (_basalt_master_v1_Serving | null);
  'body'?: "sealed"|"sealLater"|"sealRefused"|"assignRefused"|"changeSet"|"readSet"|"stopped"|"stopFailed"|"serving";
}

export interface ReplicaMessage__Output {
  'sealed'?: (_basalt_master_v1_Sealed__Output | null);
  'sealLater'?: (_basalt_master_v1_SealLater__Output | null);
  'sealRefused'?: (_basalt_master_v1_SealRefused__Output | null);
  'assignRefused'?: (_basalt_master_v1_AssignRefused__Output | null);
  'changeSet'?: (_basalt_master_v1_ChangeSet__Output | null);
  'readSet'?: (_basalt_master_v1_ReadSet__Output | null);
  'stopped'?: (_basalt_master_v1_Stopped__Output | null);
  'stopFailed'?: (_basalt_master_v1_StopFailed__Output | null);
  'serving'?: (_basalt_master_v1_Serving__Output | null);
  'body'?: "sealed"|"sealLater"|"sealRefused"|"assignRefused"|"changeSet"|"readSet"|"stopped"|"stopFailed"|"serving";
}
