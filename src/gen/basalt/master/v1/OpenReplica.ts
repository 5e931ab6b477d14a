// Original file: proto/master.proto

import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from '../../../basalt/master/v1/Epoch.ts';
import type { InSyncSet as _basalt_master_v1_InSyncSet, InSyncSet__Output as _basalt_master_v1_InSyncSet__Output } from '../../../basalt/master/v1/InSyncSet.ts';
import type { Standing as _basalt_master_v1_Standing, Standing__Output as _basalt_master_v1_Standing__Output } from '../../../basalt/master/v1/Standing.ts';
import type { Peer as _basalt_master_v1_Peer, Peer__Output as _basalt_master_v1_Peer__Output } from '../../../basalt/master/v1/Peer.ts';
import type { Long } from '@grpc/proto-loader';

export interface OpenReplica {
  'opening'?: (number | string | Long);
  'askedAtMs'?: (number | string);
  'leads'?: (_basalt_master_v1_Epoch | null);
  'sealed'?: (_basalt_master_v1_Epoch | null);
  'set'?: (_basalt_master_v1_InSyncSet | null);
  'standing'?: (_basalt_master_v1_Standing | null);
  'appended'?: (number | string | Long);
  'committed'?: (number | string | Long);
  'durable'?: (number | string | Long);
  'peers'?: (_basalt_master_v1_Peer)[];
  'sessions'?: (number);
  'isServing'?: (boolean);
}

export interface OpenReplica__Output {
  'opening': (string);
  'askedAtMs': (number);
  'leads': (_basalt_master_v1_Epoch__Output | null);
  'sealed': (_basalt_master_v1_Epoch__Output | null);
  'set': (_basalt_master_v1_InSyncSet__Output | null);
  'standing': (_basalt_master_v1_Standing__Output | null);
  'appended': (string);
  'committed': (string);
  'durable': (string);
  'peers': (_basalt_master_v1_Peer__Output)[];
  'sessions': (number);
  'isServing': (boolean);
}
