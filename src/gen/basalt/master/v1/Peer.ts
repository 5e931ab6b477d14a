// Original file: proto/master.proto

import type { Resync as _basalt_master_v1_Resync, Resync__Output as _basalt_master_v1_Resync__Output } from '../../../basalt/master/v1/Resync.ts';
import type { Long } from '@grpc/proto-loader';

export interface Peer {
  'server'?: (string);
  'isConnected'?: (boolean);
  'lagEntries'?: (number | string | Long);
  'lagBytes'?: (number | string | Long);
  'resync'?: (_basalt_master_v1_Resync | null);
}

export interface Peer__Output {
  'server': (string);
  'isConnected': (boolean);
  'lagEntries': (string);
  'lagBytes': (string);
  'resync': (_basalt_master_v1_Resync__Output | null);
}
