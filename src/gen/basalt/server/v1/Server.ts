// Original file: proto/server.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AllocateReplicaRequest as _basalt_server_v1_AllocateReplicaRequest, AllocateReplicaRequest__Output as _basalt_server_v1_AllocateReplicaRequest__Output } from '../../../basalt/server/v1/AllocateReplicaRequest.ts';
import type { AllocateReplicaResponse as _basalt_server_v1_AllocateReplicaResponse, AllocateReplicaResponse__Output as _basalt_server_v1_AllocateReplicaResponse__Output } from '../../../basalt/server/v1/AllocateReplicaResponse.ts';
import type { CancelTaskResponse as _basalt_server_v1_CancelTaskResponse, CancelTaskResponse__Output as _basalt_server_v1_CancelTaskResponse__Output } from '../../../basalt/server/v1/CancelTaskResponse.ts';
import type { CreateSnapshotRequest as _basalt_server_v1_CreateSnapshotRequest, CreateSnapshotRequest__Output as _basalt_server_v1_CreateSnapshotRequest__Output } from '../../../basalt/server/v1/CreateSnapshotRequest.ts';
import type { DeleteSnapshotResponse as _basalt_server_v1_DeleteSnapshotResponse, DeleteSnapshotResponse__Output as _basalt_server_v1_DeleteSnapshotResponse__Output } from '../../../basalt/server/v1/DeleteSnapshotResponse.ts';
import type { ExpandVolumeRequest as _basalt_server_v1_ExpandVolumeRequest, ExpandVolumeRequest__Output as _basalt_server_v1_ExpandVolumeRequest__Output } from '../../../basalt/server/v1/ExpandVolumeRequest.ts';
import type { ExpandVolumeResponse as _basalt_server_v1_ExpandVolumeResponse, ExpandVolumeResponse__Output as _basalt_server_v1_ExpandVolumeResponse__Output } from '../../../basalt/server/v1/ExpandVolumeResponse.ts';
import type { ExposeSnapshotRequest as _basalt_server_v1_ExposeSnapshotRequest, ExposeSnapshotRequest__Output as _basalt_server_v1_ExposeSnapshotRequest__Output } from '../../../basalt/server/v1/ExposeSnapshotRequest.ts';
import type { ExposeSnapshotResponse as _basalt_server_v1_ExposeSnapshotResponse, ExposeSnapshotResponse__Output as _basalt_server_v1_ExposeSnapshotResponse__Output } from '../../../basalt/server/v1/ExposeSnapshotResponse.ts';
import type { GetStateRequest as _basalt_server_v1_GetStateRequest, GetStateRequest__Output as _basalt_server_v1_GetStateRequest__Output } from '../../../basalt/server/v1/GetStateRequest.ts';
import type { HoldWritesRequest as _basalt_server_v1_HoldWritesRequest, HoldWritesRequest__Output as _basalt_server_v1_HoldWritesRequest__Output } from '../../../basalt/server/v1/HoldWritesRequest.ts';
import type { HoldWritesResponse as _basalt_server_v1_HoldWritesResponse, HoldWritesResponse__Output as _basalt_server_v1_HoldWritesResponse__Output } from '../../../basalt/server/v1/HoldWritesResponse.ts';
import type { LeaveRequest as _basalt_server_v1_LeaveRequest, LeaveRequest__Output as _basalt_server_v1_LeaveRequest__Output } from '../../../basalt/server/v1/LeaveRequest.ts';
import type { LeaveResponse as _basalt_server_v1_LeaveResponse, LeaveResponse__Output as _basalt_server_v1_LeaveResponse__Output } from '../../../basalt/server/v1/LeaveResponse.ts';
import type { OpenImageRequest as _basalt_server_v1_OpenImageRequest, OpenImageRequest__Output as _basalt_server_v1_OpenImageRequest__Output } from '../../../basalt/server/v1/OpenImageRequest.ts';
import type { OpenImageResponse as _basalt_server_v1_OpenImageResponse, OpenImageResponse__Output as _basalt_server_v1_OpenImageResponse__Output } from '../../../basalt/server/v1/OpenImageResponse.ts';
import type { PingRequest as _basalt_server_v1_PingRequest, PingRequest__Output as _basalt_server_v1_PingRequest__Output } from '../../../basalt/server/v1/PingRequest.ts';
import type { PingResponse as _basalt_server_v1_PingResponse, PingResponse__Output as _basalt_server_v1_PingResponse__Output } from '../../../basalt/server/v1/PingResponse.ts';
import type { ReleaseWritesRequest as _basalt_server_v1_ReleaseWritesRequest, ReleaseWritesRequest__Output as _basalt_server_v1_ReleaseWritesRequest__Output } from '../../../basalt/server/v1/ReleaseWritesRequest.ts';
import type { ReleaseWritesResponse as _basalt_server_v1_ReleaseWritesResponse, ReleaseWritesResponse__Output as _basalt_server_v1_ReleaseWritesResponse__Output } from '../../../basalt/server/v1/ReleaseWritesResponse.ts';
import type { RemoveReplicaRequest as _basalt_server_v1_RemoveReplicaRequest, RemoveReplicaRequest__Output as _basalt_server_v1_RemoveReplicaRequest__Output } from '../../../basalt/server/v1/RemoveReplicaRequest.ts';
import type { RemoveReplicaResponse as _basalt_server_v1_RemoveReplicaResponse, RemoveReplicaResponse__Output as _basalt_server_v1_RemoveReplicaResponse__Output } from '../../../basalt/server/v1/RemoveReplicaResponse.ts';
import type { RestoreSnapshotRequest as _basalt_server_v1_RestoreSnapshotRequest, RestoreSnapshotRequest__Output as _basalt_server_v1_RestoreSnapshotRequest__Output } from '../../../basalt/server/v1/RestoreSnapshotRequest.ts';
import type { RestoreSnapshotResponse as _basalt_server_v1_RestoreSnapshotResponse, RestoreSnapshotResponse__Output as _basalt_server_v1_RestoreSnapshotResponse__Output } from '../../../basalt/server/v1/RestoreSnapshotResponse.ts';
import type { ServerState as _basalt_server_v1_ServerState, ServerState__Output as _basalt_server_v1_ServerState__Output } from '../../../basalt/server/v1/ServerState.ts';
import type { ServerStatusRequest as _basalt_server_v1_ServerStatusRequest, ServerStatusRequest__Output as _basalt_server_v1_ServerStatusRequest__Output } from '../../../basalt/server/v1/ServerStatusRequest.ts';
import type { ServerStatusResponse as _basalt_server_v1_ServerStatusResponse, ServerStatusResponse__Output as _basalt_server_v1_ServerStatusResponse__Output } from '../../../basalt/server/v1/ServerStatusResponse.ts';
import type { SetOriginRequest as _basalt_server_v1_SetOriginRequest, SetOriginRequest__Output as _basalt_server_v1_SetOriginRequest__Output } from '../../../basalt/server/v1/SetOriginRequest.ts';
import type { SetOriginResponse as _basalt_server_v1_SetOriginResponse, SetOriginResponse__Output as _basalt_server_v1_SetOriginResponse__Output } from '../../../basalt/server/v1/SetOriginResponse.ts';
import type { Snapshot as _basalt_master_v1_Snapshot, Snapshot__Output as _basalt_master_v1_Snapshot__Output } from '../../../basalt/master/v1/Snapshot.ts';
import type { SnapshotRequest as _basalt_server_v1_SnapshotRequest, SnapshotRequest__Output as _basalt_server_v1_SnapshotRequest__Output } from '../../../basalt/server/v1/SnapshotRequest.ts';
import type { SnapshotUsageRequest as _basalt_server_v1_SnapshotUsageRequest, SnapshotUsageRequest__Output as _basalt_server_v1_SnapshotUsageRequest__Output } from '../../../basalt/server/v1/SnapshotUsageRequest.ts';
import type { SnapshotUsageResponse as _basalt_server_v1_SnapshotUsageResponse, SnapshotUsageResponse__Output as _basalt_server_v1_SnapshotUsageResponse__Output } from '../../../basalt/server/v1/SnapshotUsageResponse.ts';
import type { StartTaskRequest as _basalt_server_v1_StartTaskRequest, StartTaskRequest__Output as _basalt_server_v1_StartTaskRequest__Output } from '../../../basalt/server/v1/StartTaskRequest.ts';
import type { StartTaskResponse as _basalt_server_v1_StartTaskResponse, StartTaskResponse__Output as _basalt_server_v1_StartTaskResponse__Output } from '../../../basalt/server/v1/StartTaskResponse.ts';
import type { Task as _basalt_server_v1_Task, Task__Output as _basalt_server_v1_Task__Output } from '../../../basalt/server/v1/Task.ts';
import type { TaskRequest as _basalt_server_v1_TaskRequest, TaskRequest__Output as _basalt_server_v1_TaskRequest__Output } from '../../../basalt/server/v1/TaskRequest.ts';

export interface ServerClient extends grpc.Client {
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  AllocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  allocateReplica(argument: _basalt_server_v1_AllocateReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_AllocateReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  CancelTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _basalt_server_v1_TaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  CancelTask(argument: _basalt_server_v1_TaskRequest, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _basalt_server_v1_TaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  cancelTask(argument: _basalt_server_v1_TaskRequest, callback: grpc.requestCallback<_basalt_server_v1_CancelTaskResponse__Output>): grpc.ClientUnaryCall;
  
  CreateSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _basalt_server_v1_CreateSnapshotRequest, callback: grpc.requestCallback<_basalt_master_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
  DeleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _basalt_server_v1_SnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  ExpandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  expandVolume(argument: _basalt_server_v1_ExpandVolumeRequest, callback: grpc.requestCallback<_basalt_server_v1_ExpandVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  ExposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  ExposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  ExposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  ExposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  exposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  exposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  exposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  exposeSnapshot(argument: _basalt_server_v1_ExposeSnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_ExposeSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  GetState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  GetState(argument: _basalt_server_v1_GetStateRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  getState(argument: _basalt_server_v1_GetStateRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  
  GetTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _basalt_server_v1_TaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  GetTask(argument: _basalt_server_v1_TaskRequest, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _basalt_server_v1_TaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _basalt_server_v1_TaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  getTask(argument: _basalt_server_v1_TaskRequest, callback: grpc.requestCallback<_basalt_server_v1_Task__Output>): grpc.ClientUnaryCall;
  
  HoldWrites(argument: _basalt_server_v1_HoldWritesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  HoldWrites(argument: _basalt_server_v1_HoldWritesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  HoldWrites(argument: _basalt_server_v1_HoldWritesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  HoldWrites(argument: _basalt_server_v1_HoldWritesRequest, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  holdWrites(argument: _basalt_server_v1_HoldWritesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  holdWrites(argument: _basalt_server_v1_HoldWritesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  holdWrites(argument: _basalt_server_v1_HoldWritesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  holdWrites(argument: _basalt_server_v1_HoldWritesRequest, callback: grpc.requestCallback<_basalt_server_v1_HoldWritesResponse__Output>): grpc.ClientUnaryCall;
  
  Leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  Leave(argument: _basalt_server_v1_LeaveRequest, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  leave(argument: _basalt_server_v1_LeaveRequest, callback: grpc.requestCallback<_basalt_server_v1_LeaveResponse__Output>): grpc.ClientUnaryCall;
  
  OpenImage(argument: _basalt_server_v1_OpenImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  OpenImage(argument: _basalt_server_v1_OpenImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  OpenImage(argument: _basalt_server_v1_OpenImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  OpenImage(argument: _basalt_server_v1_OpenImageRequest, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  openImage(argument: _basalt_server_v1_OpenImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  openImage(argument: _basalt_server_v1_OpenImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  openImage(argument: _basalt_server_v1_OpenImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  openImage(argument: _basalt_server_v1_OpenImageRequest, callback: grpc.requestCallback<_basalt_server_v1_OpenImageResponse__Output>): grpc.ClientUnaryCall;
  
  Ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  Ping(argument: _basalt_server_v1_PingRequest, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  ping(argument: _basalt_server_v1_PingRequest, callback: grpc.requestCallback<_basalt_server_v1_PingResponse__Output>): grpc.ClientUnaryCall;
  
  ReleaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  ReleaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  ReleaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  ReleaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  releaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  releaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  releaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  releaseWrites(argument: _basalt_server_v1_ReleaseWritesRequest, callback: grpc.requestCallback<_basalt_server_v1_ReleaseWritesResponse__Output>): grpc.ClientUnaryCall;
  
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  RemoveReplica(argument: _basalt_server_v1_RemoveReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  removeReplica(argument: _basalt_server_v1_RemoveReplicaRequest, callback: grpc.requestCallback<_basalt_server_v1_RemoveReplicaResponse__Output>): grpc.ClientUnaryCall;
  
  RestoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  RestoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  RestoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  RestoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  restoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  restoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  restoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  restoreSnapshot(argument: _basalt_server_v1_RestoreSnapshotRequest, callback: grpc.requestCallback<_basalt_server_v1_RestoreSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  ServerStatus(argument: _basalt_server_v1_ServerStatusRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  serverStatus(argument: _basalt_server_v1_ServerStatusRequest, callback: grpc.requestCallback<_basalt_server_v1_ServerStatusResponse__Output>): grpc.ClientUnaryCall;
  
  SetOrigin(argument: _basalt_server_v1_SetOriginRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  SetOrigin(argument: _basalt_server_v1_SetOriginRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  SetOrigin(argument: _basalt_server_v1_SetOriginRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  SetOrigin(argument: _basalt_server_v1_SetOriginRequest, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  setOrigin(argument: _basalt_server_v1_SetOriginRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  setOrigin(argument: _basalt_server_v1_SetOriginRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  setOrigin(argument: _basalt_server_v1_SetOriginRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  setOrigin(argument: _basalt_server_v1_SetOriginRequest, callback: grpc.requestCallback<_basalt_server_v1_SetOriginResponse__Output>): grpc.ClientUnaryCall;
  
  SetState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  SetState(argument: _basalt_server_v1_ServerState, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  setState(argument: _basalt_server_v1_ServerState, callback: grpc.requestCallback<_basalt_server_v1_ServerState__Output>): grpc.ClientUnaryCall;
  
  SnapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  SnapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  SnapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  SnapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  snapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  snapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  snapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  snapshotUsage(argument: _basalt_server_v1_SnapshotUsageRequest, callback: grpc.requestCallback<_basalt_server_v1_SnapshotUsageResponse__Output>): grpc.ClientUnaryCall;
  
  StartTask(argument: _basalt_server_v1_StartTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  StartTask(argument: _basalt_server_v1_StartTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  StartTask(argument: _basalt_server_v1_StartTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  StartTask(argument: _basalt_server_v1_StartTaskRequest, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  startTask(argument: _basalt_server_v1_StartTaskRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  startTask(argument: _basalt_server_v1_StartTaskRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  startTask(argument: _basalt_server_v1_StartTaskRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  startTask(argument: _basalt_server_v1_StartTaskRequest, callback: grpc.requestCallback<_basalt_server_v1_StartTaskResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface ServerHandlers extends grpc.UntypedServiceImplementation {
  AllocateReplica: grpc.handleUnaryCall<_basalt_server_v1_AllocateReplicaRequest__Output, _basalt_server_v1_AllocateReplicaResponse>;
  
  CancelTask: grpc.handleUnaryCall<_basalt_server_v1_TaskRequest__Output, _basalt_server_v1_CancelTaskResponse>;
  
  CreateSnapshot: grpc.handleUnaryCall<_basalt_server_v1_CreateSnapshotRequest__Output, _basalt_master_v1_Snapshot>;
  
  DeleteSnapshot: grpc.handleUnaryCall<_basalt_server_v1_SnapshotRequest__Output, _basalt_server_v1_DeleteSnapshotResponse>;
  
  ExpandVolume: grpc.handleUnaryCall<_basalt_server_v1_ExpandVolumeRequest__Output, _basalt_server_v1_ExpandVolumeResponse>;
  
  ExposeSnapshot: grpc.handleUnaryCall<_basalt_server_v1_ExposeSnapshotRequest__Output, _basalt_server_v1_ExposeSnapshotResponse>;
  
  GetState: grpc.handleUnaryCall<_basalt_server_v1_GetStateRequest__Output, _basalt_server_v1_ServerState>;
  
  GetTask: grpc.handleUnaryCall<_basalt_server_v1_TaskRequest__Output, _basalt_server_v1_Task>;
  
  HoldWrites: grpc.handleUnaryCall<_basalt_server_v1_HoldWritesRequest__Output, _basalt_server_v1_HoldWritesResponse>;
  
  Leave: grpc.handleUnaryCall<_basalt_server_v1_LeaveRequest__Output, _basalt_server_v1_LeaveResponse>;
  
  OpenImage: grpc.handleUnaryCall<_basalt_server_v1_OpenImageRequest__Output, _basalt_server_v1_OpenImageResponse>;
  
  Ping: grpc.handleUnaryCall<_basalt_server_v1_PingRequest__Output, _basalt_server_v1_PingResponse>;
  
  ReleaseWrites: grpc.handleUnaryCall<_basalt_server_v1_ReleaseWritesRequest__Output, _basalt_server_v1_ReleaseWritesResponse>;
  
  RemoveReplica: grpc.handleUnaryCall<_basalt_server_v1_RemoveReplicaRequest__Output, _basalt_server_v1_RemoveReplicaResponse>;
  
  RestoreSnapshot: grpc.handleUnaryCall<_basalt_server_v1_RestoreSnapshotRequest__Output, _basalt_server_v1_RestoreSnapshotResponse>;
  
  ServerStatus: grpc.handleUnaryCall<_basalt_server_v1_ServerStatusRequest__Output, _basalt_server_v1_ServerStatusResponse>;
  
  SetOrigin: grpc.handleUnaryCall<_basalt_server_v1_SetOriginRequest__Output, _basalt_server_v1_SetOriginResponse>;
  
  SetState: grpc.handleUnaryCall<_basalt_server_v1_ServerState__Output, _basalt_server_v1_ServerState>;
  
  SnapshotUsage: grpc.handleUnaryCall<_basalt_server_v1_SnapshotUsageRequest__Output, _basalt_server_v1_SnapshotUsageResponse>;
  
  StartTask: grpc.handleUnaryCall<_basalt_server_v1_StartTaskRequest__Output, _basalt_server_v1_StartTaskResponse>;
  
}

export interface ServerDefinition extends grpc.ServiceDefinition {
  AllocateReplica: MethodDefinition<_basalt_server_v1_AllocateReplicaRequest, _basalt_server_v1_AllocateReplicaResponse, _basalt_server_v1_AllocateReplicaRequest__Output, _basalt_server_v1_AllocateReplicaResponse__Output>
  CancelTask: MethodDefinition<_basalt_server_v1_TaskRequest, _basalt_server_v1_CancelTaskResponse, _basalt_server_v1_TaskRequest__Output, _basalt_server_v1_CancelTaskResponse__Output>
  CreateSnapshot: MethodDefinition<_basalt_server_v1_CreateSnapshotRequest, _basalt_master_v1_Snapshot, _basalt_server_v1_CreateSnapshotRequest__Output, _basalt_master_v1_Snapshot__Output>
  DeleteSnapshot: MethodDefinition<_basalt_server_v1_SnapshotRequest, _basalt_server_v1_DeleteSnapshotResponse, _basalt_server_v1_SnapshotRequest__Output, _basalt_server_v1_DeleteSnapshotResponse__Output>
  ExpandVolume: MethodDefinition<_basalt_server_v1_ExpandVolumeRequest, _basalt_server_v1_ExpandVolumeResponse, _basalt_server_v1_ExpandVolumeRequest__Output, _basalt_server_v1_ExpandVolumeResponse__Output>
  ExposeSnapshot: MethodDefinition<_basalt_server_v1_ExposeSnapshotRequest, _basalt_server_v1_ExposeSnapshotResponse, _basalt_server_v1_ExposeSnapshotRequest__Output, _basalt_server_v1_ExposeSnapshotResponse__Output>
  GetState: MethodDefinition<_basalt_server_v1_GetStateRequest, _basalt_server_v1_ServerState, _basalt_server_v1_GetStateRequest__Output, _basalt_server_v1_ServerState__Output>
  GetTask: MethodDefinition<_basalt_server_v1_TaskRequest, _basalt_server_v1_Task, _basalt_server_v1_TaskRequest__Output, _basalt_server_v1_Task__Output>
  HoldWrites: MethodDefinition<_basalt_server_v1_HoldWritesRequest, _basalt_server_v1_HoldWritesResponse, _basalt_server_v1_HoldWritesRequest__Output, _basalt_server_v1_HoldWritesResponse__Output>
  Leave: MethodDefinition<_basalt_server_v1_LeaveRequest, _basalt_server_v1_LeaveResponse, _basalt_server_v1_LeaveRequest__Output, _basalt_server_v1_LeaveResponse__Output>
  OpenImage: MethodDefinition<_basalt_server_v1_OpenImageRequest, _basalt_server_v1_OpenImageResponse, _basalt_server_v1_OpenImageRequest__Output, _basalt_server_v1_OpenImageResponse__Output>
  Ping: MethodDefinition<_basalt_server_v1_PingRequest, _basalt_server_v1_PingResponse, _basalt_server_v1_PingRequest__Output, _basalt_server_v1_PingResponse__Output>
  ReleaseWrites: MethodDefinition<_basalt_server_v1_ReleaseWritesRequest, _basalt_server_v1_ReleaseWritesResponse, _basalt_server_v1_ReleaseWritesRequest__Output, _basalt_server_v1_ReleaseWritesResponse__Output>
  RemoveReplica: MethodDefinition<_basalt_server_v1_RemoveReplicaRequest, _basalt_server_v1_RemoveReplicaResponse, _basalt_server_v1_RemoveReplicaRequest__Output, _basalt_server_v1_RemoveReplicaResponse__Output>
  RestoreSnapshot: MethodDefinition<_basalt_server_v1_RestoreSnapshotRequest, _basalt_server_v1_RestoreSnapshotResponse, _basalt_server_v1_RestoreSnapshotRequest__Output, _basalt_server_v1_RestoreSnapshotResponse__Output>
  ServerStatus: MethodDefinition<_basalt_server_v1_ServerStatusRequest, _basalt_server_v1_ServerStatusResponse, _basalt_server_v1_ServerStatusRequest__Output, _basalt_server_v1_ServerStatusResponse__Output>
  SetOrigin: MethodDefinition<_basalt_server_v1_SetOriginRequest, _basalt_server_v1_SetOriginResponse, _basalt_server_v1_SetOriginRequest__Output, _basalt_server_v1_SetOriginResponse__Output>
  SetState: MethodDefinition<_basalt_server_v1_ServerState, _basalt_server_v1_ServerState, _basalt_server_v1_ServerState__Output, _basalt_server_v1_ServerState__Output>
  SnapshotUsage: MethodDefinition<_basalt_server_v1_SnapshotUsageRequest, _basalt_server_v1_SnapshotUsageResponse, _basalt_server_v1_SnapshotUsageRequest__Output, _basalt_server_v1_SnapshotUsageResponse__Output>
  StartTask: MethodDefinition<_basalt_server_v1_StartTaskRequest, _basalt_server_v1_StartTaskResponse, _basalt_server_v1_StartTaskRequest__Output, _basalt_server_v1_StartTaskResponse__Output>
}
