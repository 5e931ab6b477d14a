// Original file: proto/master.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { MasterMessage as _basalt_master_v1_MasterMessage, MasterMessage__Output as _basalt_master_v1_MasterMessage__Output } from '../../../basalt/master/v1/MasterMessage.ts';
import type { ServerMessage as _basalt_master_v1_ServerMessage, ServerMessage__Output as _basalt_master_v1_ServerMessage__Output } from '../../../basalt/master/v1/ServerMessage.ts';

export interface MasterClient extends grpc.Client {
  Heartbeat(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_basalt_master_v1_ServerMessage, _basalt_master_v1_MasterMessage__Output>;
  Heartbeat(options?: grpc.CallOptions): grpc.ClientDuplexStream<_basalt_master_v1_ServerMessage, _basalt_master_v1_MasterMessage__Output>;
  heartbeat(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_basalt_master_v1_ServerMessage, _basalt_master_v1_MasterMessage__Output>;
  heartbeat(options?: grpc.CallOptions): grpc.ClientDuplexStream<_basalt_master_v1_ServerMessage, _basalt_master_v1_MasterMessage__Output>;
  
}

export interface MasterHandlers extends grpc.UntypedServiceImplementation {
  Heartbeat: grpc.handleBidiStreamingCall<_basalt_master_v1_ServerMessage__Output, _basalt_master_v1_MasterMessage>;
  
}

export interface MasterDefinition extends grpc.ServiceDefinition {
  Heartbeat: MethodDefinition<_basalt_master_v1_ServerMessage, _basalt_master_v1_MasterMessage, _basalt_master_v1_ServerMessage__Output, _basalt_master_v1_MasterMessage__Output>
}
