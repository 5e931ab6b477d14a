// Original file: proto/server.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AllocateReplicaRequest as _basalt_server_v1_AllocateReplicaRequest, AllocateReplicaRequest__Output as _basalt_server_v1_AllocateReplicaRequest__Output } from '../../../basalt/server/v1/AllocateReplicaRequest.ts';
import type { AllocateReplicaResponse as _basalt_server_v1_AllocateReplicaResponse, AllocateReplicaResponse__Output as _basalt_server_v1_AllocateReplicaResponse__Output } from '../../../basalt/server/v1/AllocateReplicaResponse.ts';
import type { ExpandVolumeRequest as _basalt_server_v1_ExpandVolumeRequest, ExpandVolumeRequest__Output as _basalt_server_v1_ExpandVolumeRequest__Output } from '../../../basalt/server/v1/ExpandVolumeRequest.ts';
import type { ExpandVolumeResponse as _basalt_server_v1_ExpandVolumeResponse, ExpandVolumeResponse__Output as _basalt_server_v1_ExpandVolumeResponse__Output } from '../../../basalt/server/v1/ExpandVolumeResponse.ts';
import type { GetStateRequest as _basalt_server_v1_GetStateRequest, GetStateRequest__Output as _basalt_server_v1_GetStateRequest__Output } from '../../../basalt/server/v1/GetStateRequest.ts';
import type { LeaveRequest as _basalt_server_v1_LeaveRequest, LeaveRequest__Output as _basalt_server_v1_LeaveRequest__Output } from '../../../basalt/server/v1/LeaveRequest.ts';
import type { LeaveResponse as _basalt_server_v1_LeaveResponse, LeaveResponse__Output as _basalt_server_v1_LeaveResponse__Output } from '../../../basalt/server/v1/LeaveResponse.ts';
import type { PingRequest as _basalt_server_v1_PingRequest, PingRequest__Output as _basalt_server_v1_PingRequest__Output } from '../../../basalt/server/v1/PingRequest.ts';
import type { PingResponse as _basalt_server_v1_PingResponse, PingResponse__Output as _basalt_server_v1_PingResponse__Output } from '../../../basalt/server/v1/PingResponse.ts';
import type { RemoveReplicaRequest as _basalt_server_v1_RemoveReplicaRequest, RemoveReplicaRequest__Output as _basalt_server_v1_RemoveReplicaRequest__Output } from '../../../basalt/server/v1/RemoveReplicaRequest.ts';
import type { RemoveReplicaResponse as _basalt_server_v1_RemoveReplicaResponse, RemoveReplicaResponse__Output as _basalt_server_v1_RemoveReplicaResponse__Output } from '../../../basalt/server/v1/RemoveReplicaResponse.ts';
import type { ServerState as _basalt_server_v1_ServerState, ServerState__Output as _basalt_server_v1_ServerState__Output } from '../../../basalt/server/v1/ServerState.ts';
import type { ServerStatusRequest as _basalt_server_v1_ServerStatusRequest, ServerStatusRequest__Output as _basalt_server_v1_ServerStatusRequest__Output } from '../../../basalt/server/v1/ServerStatusRequest.ts';
import type { ServerStatusResponse as _basalt_server_v1_ServerStatusResponse, ServerStatusResponse__Output as _basalt_server_v1_ServerStatusResponse__Output } from '../../../basalt/server/v1/ServerStatusResponse.ts';

export interface ServerClient extends grpc.Client {
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  GetState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  
  Leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  
  Ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  
  SetState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  
}

export interface ServerHandlers extends grpc.UntypedServiceImplementation {
  AllocateReplica: grpc.handleUnaryCall<_basalt_server_v1_AllocateReplicaRequest__Output, _basalt_server_v1_AllocateReplicaResponse>;
  
  ExpandVolume: grpc.handleUnaryCall<_basalt_server_v1_ExpandVolumeRequest__Output, _basalt_server_v1_ExpandVolumeResponse>;
  
  GetState: grpc.handleUnaryCall<_basalt_server_v1_GetStateRequest__Output, _basalt_server_v1_ServerState>;
  
  Leave: grpc.handleUnaryCall<_basalt_server_v1_LeaveRequest__Output, _basalt_server_v1_LeaveResponse>;
  
  Ping: grpc.handleUnaryCall<_basalt_server_v1_PingRequest__Output, _basalt_server_v1_PingResponse>;
  
  RemoveReplica: grpc.handleUnaryCall<_basalt_server_v1_RemoveReplicaRequest__Output, _basalt_server_v1_RemoveReplicaResponse>;
  
  ServerStatus: grpc.handleUnaryCall<_basalt_server_v1_ServerStatusRequest__Output, _basalt_server_v1_ServerStatusResponse>;
  
  SetState: grpc.handleUnaryCall<_basalt_server_v1_ServerState__Output, _basalt_server_v1_ServerState>;
  
}

export interface ServerDefinition extends grpc.ServiceDefinition {
  AllocateReplica: MethodDefinition<_basalt_server_v1_AllocateReplicaRequest, _basalt_server_v1_AllocateReplicaResponse, _basalt_server_v1_AllocateReplicaRequest__Output, _basalt_server_v1_AllocateReplicaResponse__Output>
  ExpandVolume: MethodDefinition<_basalt_server_v1_ExpandVolumeRequest, _basalt_server_v1_ExpandVolumeResponse, _basalt_server_v1_ExpandVolumeRequest__Output, _basalt_server_v1_ExpandVolumeResponse__Output>
  GetState: MethodDefinition<_basalt_server_v1_GetStateRequest, _basalt_server_v1_ServerState, _basalt_server_v1_GetStateRequest__Output, _basalt_server_v1_ServerState__Output>
  Leave: MethodDefinition<_basalt_server_v1_LeaveRequest, _basalt_server_v1_LeaveResponse, _basalt_server_v1_LeaveRequest__Output, _basalt_server_v1_LeaveResponse__Output>
  Ping: MethodDefinition<_basalt_server_v1_PingRequest, _basalt_server_v1_PingResponse, _basalt_server_v1_PingRequest__Output, _basalt_server_v1_PingResponse__Output>
  RemoveReplica: MethodDefinition<_basalt_server_v1_RemoveReplicaRequest, _basalt_server_v1_RemoveReplicaResponse, _basalt_server_v1_RemoveReplicaRequest__Output, _basalt_server_v1_RemoveReplicaResponse__Output>
  ServerStatus: MethodDefinition<_basalt_server_v1_ServerStatusRequest, _basalt_server_v1_ServerStatusResponse, _basalt_server_v1_ServerStatusRequest__Output, _basalt_server_v1_ServerStatusResponse__Output>
  SetState: MethodDefinition<_basalt_server_v1_ServerState, _basalt_server_v1_ServerState, _basalt_server_v1_ServerState__Output, _basalt_server_v1_ServerState__Output>
}
