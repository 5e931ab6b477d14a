// Original file: proto/master.proto

import type { Addresses as _basalt_master_v1_Addresses, Addresses__Output as _basalt_master_v1_Addresses__Output } from '../../../basalt/master/v1/Addresses.ts';
import type { DiskType as _basalt_master_v1_DiskType, DiskType__Output as _basalt_master_v1_DiskType__Output } from '../../../basalt/master/v1/DiskType.ts';
import type { RegistrySeen as _basalt_master_v1_RegistrySeen, RegistrySeen__Output as _basalt_master_v1_RegistrySeen__Output } from '../../../basalt/master/v1/RegistrySeen.ts';

export interface Hello {
  'id'?: (string);
  'name'?: (string);
  'clusterId'?: (string);
  'addresses'?: (_basalt_master_v1_Addresses | null);
  'zone'?: (string);
  'rack'?: (string);
  'diskType'?: (_basalt_master_v1_DiskType);
  'process'?: (string);
  'registrySeen'?: (_basalt_master_v1_RegistrySeen | null);
  'callToken'?: (string);
  '_zone'?: "zone";
  '_rack'?: "rack";
}

export interface Hello__Output {
  'id': (string);
  'name': (string);
  'clusterId': (string);
  'addresses': (_basalt_master_v1_Addresses__Output | null);
  'zone'?: (string);
  'rack'?: (string);
  'diskType': (_basalt_master_v1_DiskType__Output);
  'process': (string);
  'registrySeen': (_basalt_master_v1_RegistrySeen__Output | null);
  'callToken': (string);
  '_zone'?: "zone";
  '_rack'?: "rack";
}
