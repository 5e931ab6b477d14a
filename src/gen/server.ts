import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Access as _basalt_master_v1_Access, Access__Output as _basalt_master_v1_Access__Output } from './basalt/master/v1/Access.ts';
import type { Addresses as _basalt_master_v1_Addresses, Addresses__Output as _basalt_master_v1_Addresses__Output } from './basalt/master/v1/Addresses.ts';
import type { Assign as _basalt_master_v1_Assign, Assign__Output as _basalt_master_v1_Assign__Output } from './basalt/master/v1/Assign.ts';
import type { AssignRefused as _basalt_master_v1_AssignRefused, AssignRefused__Output as _basalt_master_v1_AssignRefused__Output } from './basalt/master/v1/AssignRefused.ts';
import type { Beat as _basalt_master_v1_Beat, Beat__Output as _basalt_master_v1_Beat__Output } from './basalt/master/v1/Beat.ts';
import type { BestEffort as _basalt_master_v1_BestEffort, BestEffort__Output as _basalt_master_v1_BestEffort__Output } from './basalt/master/v1/BestEffort.ts';
import type { ChangeSet as _basalt_master_v1_ChangeSet, ChangeSet__Output as _basalt_master_v1_ChangeSet__Output } from './basalt/master/v1/ChangeSet.ts';
import type { Chap as _basalt_master_v1_Chap, Chap__Output as _basalt_master_v1_Chap__Output } from './basalt/master/v1/Chap.ts';
import type { Credential as _basalt_master_v1_Credential, Credential__Output as _basalt_master_v1_Credential__Output } from './basalt/master/v1/Credential.ts';
import type { Dhchap as _basalt_master_v1_Dhchap, Dhchap__Output as _basalt_master_v1_Dhchap__Output } from './basalt/master/v1/Dhchap.ts';
import type { Epoch as _basalt_master_v1_Epoch, Epoch__Output as _basalt_master_v1_Epoch__Output } from './basalt/master/v1/Epoch.ts';
import type { Filling as _basalt_master_v1_Filling, Filling__Output as _basalt_master_v1_Filling__Output } from './basalt/master/v1/Filling.ts';
import type { ForReplica as _basalt_master_v1_ForReplica, ForReplica__Output as _basalt_master_v1_ForReplica__Output } from './basalt/master/v1/ForReplica.ts';
import type { Goodbye as _basalt_master_v1_Goodbye, Goodbye__Output as _basalt_master_v1_Goodbye__Output } from './basalt/master/v1/Goodbye.ts';
import type { Grant as _basalt_master_v1_Grant, Grant__Output as _basalt_master_v1_Grant__Output } from './basalt/master/v1/Grant.ts';
import type { Hello as _basalt_master_v1_Hello, Hello__Output as _basalt_master_v1_Hello__Output } from './basalt/master/v1/Hello.ts';
import type { Hosts as _basalt_master_v1_Hosts, Hosts__Output as _basalt_master_v1_Hosts__Output } from './basalt/master/v1/Hosts.ts';
import type { InSyncSet as _basalt_master_v1_InSyncSet, InSyncSet__Output as _basalt_master_v1_InSyncSet__Output } from './basalt/master/v1/InSyncSet.ts';
import type { Initiators as _basalt_master_v1_Initiators, Initiators__Output as _basalt_master_v1_Initiators__Output } from './basalt/master/v1/Initiators.ts';
import type { Led as _basalt_master_v1_Led, Led__Output as _basalt_master_v1_Led__Output } from './basalt/master/v1/Led.ts';
import type { MasterClient as _basalt_master_v1_MasterClient, MasterDefinition as _basalt_master_v1_MasterDefinition } from './basalt/master/v1/Master.ts';
import type { MasterMessage as _basalt_master_v1_MasterMessage, MasterMessage__Output as _basalt_master_v1_MasterMessage__Output } from './basalt/master/v1/MasterMessage.ts';
import type { Member as _basalt_master_v1_Member, Member__Output as _basalt_master_v1_Member__Output } from './basalt/master/v1/Member.ts';
import type { OpenReplica as _basalt_master_v1_OpenReplica, OpenReplica__Output as _basalt_master_v1_OpenReplica__Output } from './basalt/master/v1/OpenReplica.ts';
import type { Origin as _basalt_master_v1_Origin, Origin__Output as _basalt_master_v1_Origin__Output } from './basalt/master/v1/Origin.ts';
import type { Path as _basalt_master_v1_Path, Path__Output as _basalt_master_v1_Path__Output } from './basalt/master/v1/Path.ts';
import type { Paths as _basalt_master_v1_Paths, Paths__Output as _basalt_master_v1_Paths__Output } from './basalt/master/v1/Paths.ts';
import type { Peer as _basalt_master_v1_Peer, Peer__Output as _basalt_master_v1_Peer__Output } from './basalt/master/v1/Peer.ts';
import type { Policy as _basalt_master_v1_Policy, Policy__Output as _basalt_master_v1_Policy__Output } from './basalt/master/v1/Policy.ts';
import type { Qos as _basalt_master_v1_Qos, Qos__Output as _basalt_master_v1_Qos__Output } from './basalt/master/v1/Qos.ts';
import type { ReadSet as _basalt_master_v1_ReadSet, ReadSet__Output as _basalt_master_v1_ReadSet__Output } from './basalt/master/v1/ReadSet.ts';
import type { RegistrySeen as _basalt_master_v1_RegistrySeen, RegistrySeen__Output as _basalt_master_v1_RegistrySeen__Output } from './basalt/master/v1/RegistrySeen.ts';
import type { Replica as _basalt_master_v1_Replica, Replica__Output as _basalt_master_v1_Replica__Output } from './basalt/master/v1/Replica.ts';
import type { ReplicaMessage as _basalt_master_v1_ReplicaMessage, ReplicaMessage__Output as _basalt_master_v1_ReplicaMessage__Output } from './basalt/master/v1/ReplicaMessage.ts';
import type { Resync as _basalt_master_v1_Resync, Resync__Output as _basalt_master_v1_Resync__Output } from './basalt/master/v1/Resync.ts';
import type { Scrub as _basalt_master_v1_Scrub, Scrub__Output as _basalt_master_v1_Scrub__Output } from './basalt/master/v1/Scrub.ts';
import type { Seal as _basalt_master_v1_Seal, Seal__Output as _basalt_master_v1_Seal__Output } from './basalt/master/v1/Seal.ts';
import type { SealLater as _basalt_master_v1_SealLater, SealLater__Output as _basalt_master_v1_SealLater__Output } from './basalt/master/v1/SealLater.ts';
import type { SealRefused as _basalt_master_v1_SealRefused, SealRefused__Output as _basalt_master_v1_SealRefused__Output } from './basalt/master/v1/SealRefused.ts';
import type { Sealed as _basalt_master_v1_Sealed, Sealed__Output as _basalt_master_v1_Sealed__Output } from './basalt/master/v1/Sealed.ts';
import type { ServerMessage as _basalt_master_v1_ServerMessage, ServerMessage__Output as _basalt_master_v1_ServerMessage__Output } from './basalt/master/v1/ServerMessage.ts';
import type { Serving as _basalt_master_v1_Serving, Serving__Output as _basalt_master_v1_Serving__Output } from './basalt/master/v1/Serving.ts';
import type { SetIs as _basalt_master_v1_SetIs, SetIs__Output as _basalt_master_v1_SetIs__Output } from './basalt/master/v1/SetIs.ts';
import type { Settings as _basalt_master_v1_Settings, Settings__Output as _basalt_master_v1_Settings__Output } from './basalt/master/v1/Settings.ts';
import type { Snapshot as _basalt_master_v1_Snapshot, Snapshot__Output as _basalt_master_v1_Snapshot__Output } from './basalt/master/v1/Snapshot.ts';
import type { Standing as _basalt_master_v1_Standing, Standing__Output as _basalt_master_v1_Standing__Output } from './basalt/master/v1/Standing.ts';
import type { Stop as _basalt_master_v1_Stop, Stop__Output as _basalt_master_v1_Stop__Output } from './basalt/master/v1/Stop.ts';
import type { StopFailed as _basalt_master_v1_StopFailed, StopFailed__Output as _basalt_master_v1_StopFailed__Output } from './basalt/master/v1/StopFailed.ts';
import type { Stopped as _basalt_master_v1_Stopped, Stopped__Output as _basalt_master_v1_Stopped__Output } from './basalt/master/v1/Stopped.ts';
import type { SyncAll as _basalt_master_v1_SyncAll, SyncAll__Output as _basalt_master_v1_SyncAll__Output } from './basalt/master/v1/SyncAll.ts';
import type { SyncQuorum as _basalt_master_v1_SyncQuorum, SyncQuorum__Output as _basalt_master_v1_SyncQuorum__Output } from './basalt/master/v1/SyncQuorum.ts';
import type { TellAll as _basalt_master_v1_TellAll, TellAll__Output as _basalt_master_v1_TellAll__Output } from './basalt/master/v1/TellAll.ts';
import type { VolumePaths as _basalt_master_v1_VolumePaths, VolumePaths__Output as _basalt_master_v1_VolumePaths__Output } from './basalt/master/v1/VolumePaths.ts';
import type { Welcome as _basalt_master_v1_Welcome, Welcome__Output as _basalt_master_v1_Welcome__Output } from './basalt/master/v1/Welcome.ts';
import type { AllocateReplicaRequest as _basalt_server_v1_AllocateReplicaRequest, AllocateReplicaRequest__Output as _basalt_server_v1_AllocateReplicaRequest__Output } from './basalt/server/v1/AllocateReplicaRequest.ts';
import type { AllocateReplicaResponse as _basalt_server_v1_AllocateReplicaResponse, AllocateReplicaResponse__Output as _basalt_server_v1_AllocateReplicaResponse__Output } from './basalt/server/v1/AllocateReplicaResponse.ts';
import type { CancelTaskResponse as _basalt_server_v1_CancelTaskResponse, CancelTaskResponse__Output as _basalt_server_v1_CancelTaskResponse__Output } from './basalt/server/v1/CancelTaskResponse.ts';
import type { ChangedBlocksRequest as _basalt_server_v1_ChangedBlocksRequest, ChangedBlocksRequest__Output as _basalt_server_v1_ChangedBlocksRequest__Output } from './basalt/server/v1/ChangedBlocksRequest.ts';
import type { ChangedBlocksResponse as _basalt_server_v1_ChangedBlocksResponse, ChangedBlocksResponse__Output as _basalt_server_v1_ChangedBlocksResponse__Output } from './basalt/server/v1/ChangedBlocksResponse.ts';
import type { CloseImageRequest as _basalt_server_v1_CloseImageRequest, CloseImageRequest__Output as _basalt_server_v1_CloseImageRequest__Output } from './basalt/server/v1/CloseImageRequest.ts';
import type { CloseImageResponse as _basalt_server_v1_CloseImageResponse, CloseImageResponse__Output as _basalt_server_v1_CloseImageResponse__Output } from './basalt/server/v1/CloseImageResponse.ts';
import type { CreateSnapshotRequest as _basalt_server_v1_CreateSnapshotRequest, CreateSnapshotRequest__Output as _basalt_server_v1_CreateSnapshotRequest__Output } from './basalt/server/v1/CreateSnapshotRequest.ts';
import type { DeleteSnapshotResponse as _basalt_server_v1_DeleteSnapshotResponse, DeleteSnapshotResponse__Output as _basalt_server_v1_DeleteSnapshotResponse__Output } from './basalt/server/v1/DeleteSnapshotResponse.ts';
import type { DescribeImageRequest as _basalt_server_v1_DescribeImageRequest, DescribeImageRequest__Output as _basalt_server_v1_DescribeImageRequest__Output } from './basalt/server/v1/DescribeImageRequest.ts';
import type { ExpandVolumeRequest as _basalt_server_v1_ExpandVolumeRequest, ExpandVolumeRequest__Output as _basalt_server_v1_ExpandVolumeRequest__Output } from './basalt/server/v1/ExpandVolumeRequest.ts';
import type { ExpandVolumeResponse as _basalt_server_v1_ExpandVolumeResponse, ExpandVolumeResponse__Output as _basalt_server_v1_ExpandVolumeResponse__Output } from './basalt/server/v1/ExpandVolumeResponse.ts';
import type { ExposeSnapshotRequest as _basalt_server_v1_ExposeSnapshotRequest, ExposeSnapshotRequest__Output as _basalt_server_v1_ExposeSnapshotRequest__Output } from './basalt/server/v1/ExposeSnapshotRequest.ts';
import type { ExposeSnapshotResponse as _basalt_server_v1_ExposeSnapshotResponse, ExposeSnapshotResponse__Output as _basalt_server_v1_ExposeSnapshotResponse__Output } from './basalt/server/v1/ExposeSnapshotResponse.ts';
import type { GetStateRequest as _basalt_server_v1_GetStateRequest, GetStateRequest__Output as _basalt_server_v1_GetStateRequest__Output } from './basalt/server/v1/GetStateRequest.ts';
import type { HoldWritesRequest as _basalt_server_v1_HoldWritesRequest, HoldWritesRequest__Output as _basalt_server_v1_HoldWritesRequest__Output } from './basalt/server/v1/HoldWritesRequest.ts';
import type { HoldWritesResponse as _basalt_server_v1_HoldWritesResponse, HoldWritesResponse__Output as _basalt_server_v1_HoldWritesResponse__Output } from './basalt/server/v1/HoldWritesResponse.ts';
import type { ImageBlock as _basalt_server_v1_ImageBlock, ImageBlock__Output as _basalt_server_v1_ImageBlock__Output } from './basalt/server/v1/ImageBlock.ts';
import type { ImageChunk as _basalt_server_v1_ImageChunk, ImageChunk__Output as _basalt_server_v1_ImageChunk__Output } from './basalt/server/v1/ImageChunk.ts';
import type { ImageDescription as _basalt_server_v1_ImageDescription, ImageDescription__Output as _basalt_server_v1_ImageDescription__Output } from './basalt/server/v1/ImageDescription.ts';
import type { ImageEpoch as _basalt_server_v1_ImageEpoch, ImageEpoch__Output as _basalt_server_v1_ImageEpoch__Output } from './basalt/server/v1/ImageEpoch.ts';
import type { ImagesClient as _basalt_server_v1_ImagesClient, ImagesDefinition as _basalt_server_v1_ImagesDefinition } from './basalt/server/v1/Images.ts';
import type { LeaveRequest as _basalt_server_v1_LeaveRequest, LeaveRequest__Output as _basalt_server_v1_LeaveRequest__Output } from './basalt/server/v1/LeaveRequest.ts';
import type { LeaveResponse as _basalt_server_v1_LeaveResponse, LeaveResponse__Output as _basalt_server_v1_LeaveResponse__Output } from './basalt/server/v1/LeaveResponse.ts';
import type { OpenImageRequest as _basalt_server_v1_OpenImageRequest, OpenImageRequest__Output as _basalt_server_v1_OpenImageRequest__Output } from './basalt/server/v1/OpenImageRequest.ts';
import type { OpenImageResponse as _basalt_server_v1_OpenImageResponse, OpenImageResponse__Output as _basalt_server_v1_OpenImageResponse__Output } from './basalt/server/v1/OpenImageResponse.ts';
import type { PingRequest as _basalt_server_v1_PingRequest, PingRequest__Output as _basalt_server_v1_PingRequest__Output } from './basalt/server/v1/PingRequest.ts';
import type { PingResponse as _basalt_server_v1_PingResponse, PingResponse__Output as _basalt_server_v1_PingResponse__Output } from './basalt/server/v1/PingResponse.ts';
import type { ReadImageRequest as _basalt_server_v1_ReadImageRequest, ReadImageRequest__Output as _basalt_server_v1_ReadImageRequest__Output } from './basalt/server/v1/ReadImageRequest.ts';
import type { ReleaseWritesRequest as _basalt_server_v1_ReleaseWritesRequest, ReleaseWritesRequest__Output as _basalt_server_v1_ReleaseWritesRequest__Output } from './basalt/server/v1/ReleaseWritesRequest.ts';
import type { ReleaseWritesResponse as _basalt_server_v1_ReleaseWritesResponse, ReleaseWritesResponse__Output as _basalt_server_v1_ReleaseWritesResponse__Output } from './basalt/server/v1/ReleaseWritesResponse.ts';
import type { RemoveReplicaRequest as _basalt_server_v1_RemoveReplicaRequest, RemoveReplicaRequest__Output as _basalt_server_v1_RemoveReplicaRequest__Output } from './basalt/server/v1/RemoveReplicaRequest.ts';
import type { RemoveReplicaResponse as _basalt_server_v1_RemoveReplicaResponse, RemoveReplicaResponse__Output as _basalt_server_v1_RemoveReplicaResponse__Output } from './basalt/server/v1/RemoveReplicaResponse.ts';
import type { RestoreSnapshotRequest as _basalt_server_v1_RestoreSnapshotRequest, RestoreSnapshotRequest__Output as _basalt_server_v1_RestoreSnapshotRequest__Output } from './basalt/server/v1/RestoreSnapshotRequest.ts';
import type { RestoreSnapshotResponse as _basalt_server_v1_RestoreSnapshotResponse, RestoreSnapshotResponse__Output as _basalt_server_v1_RestoreSnapshotResponse__Output } from './basalt/server/v1/RestoreSnapshotResponse.ts';
import type { ServerClient as _basalt_server_v1_ServerClient, ServerDefinition as _basalt_server_v1_ServerDefinition } from './basalt/server/v1/Server.ts';
import type { ServerState as _basalt_server_v1_ServerState, ServerState__Output as _basalt_server_v1_ServerState__Output } from './basalt/server/v1/ServerState.ts';
import type { ServerStatusRequest as _basalt_server_v1_ServerStatusRequest, ServerStatusRequest__Output as _basalt_server_v1_ServerStatusRequest__Output } from './basalt/server/v1/ServerStatusRequest.ts';
import type { ServerStatusResponse as _basalt_server_v1_ServerStatusResponse, ServerStatusResponse__Output as _basalt_server_v1_ServerStatusResponse__Output } from './basalt/server/v1/ServerStatusResponse.ts';
import type { SetOriginRequest as _basalt_server_v1_SetOriginRequest, SetOriginRequest__Output as _basalt_server_v1_SetOriginRequest__Output } from './basalt/server/v1/SetOriginRequest.ts';
import type { SetOriginResponse as _basalt_server_v1_SetOriginResponse, SetOriginResponse__Output as _basalt_server_v1_SetOriginResponse__Output } from './basalt/server/v1/SetOriginResponse.ts';
import type { SnapshotRequest as _basalt_server_v1_SnapshotRequest, SnapshotRequest__Output as _basalt_server_v1_SnapshotRequest__Output } from './basalt/server/v1/SnapshotRequest.ts';
import type { SnapshotSpace as _basalt_server_v1_SnapshotSpace, SnapshotSpace__Output as _basalt_server_v1_SnapshotSpace__Output } from './basalt/server/v1/SnapshotSpace.ts';
import type { SnapshotUsageRequest as _basalt_server_v1_SnapshotUsageRequest, SnapshotUsageRequest__Output as _basalt_server_v1_SnapshotUsageRequest__Output } from './basalt/server/v1/SnapshotUsageRequest.ts';
import type { SnapshotUsageResponse as _basalt_server_v1_SnapshotUsageResponse, SnapshotUsageResponse__Output as _basalt_server_v1_SnapshotUsageResponse__Output } from './basalt/server/v1/SnapshotUsageResponse.ts';
import type { StartTaskRequest as _basalt_server_v1_StartTaskRequest, StartTaskRequest__Output as _basalt_server_v1_StartTaskRequest__Output } from './basalt/server/v1/StartTaskRequest.ts';
import type { StartTaskResponse as _basalt_server_v1_StartTaskResponse, StartTaskResponse__Output as _basalt_server_v1_StartTaskResponse__Output } from './basalt/server/v1/StartTaskResponse.ts';
import type { Task as _basalt_server_v1_Task, Task__Output as _basalt_server_v1_Task__Output } from './basalt/server/v1/Task.ts';
import type { TaskRequest as _basalt_server_v1_TaskRequest, TaskRequest__Output as _basalt_server_v1_TaskRequest__Output } from './basalt/server/v1/TaskRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  basalt: {
    master: {
      v1: {
        Access: MessageTypeDefinition<_basalt_master_v1_Access, _basalt_master_v1_Access__Output>
        Addresses: MessageTypeDefinition<_basalt_master_v1_Addresses, _basalt_master_v1_Addresses__Output>
        Assign: MessageTypeDefinition<_basalt_master_v1_Assign, _basalt_master_v1_Assign__Output>
        AssignRefusal: EnumTypeDefinition
        AssignRefused: MessageTypeDefinition<_basalt_master_v1_AssignRefused, _basalt_master_v1_AssignRefused__Output>
        Beat: MessageTypeDefinition<_basalt_master_v1_Beat, _basalt_master_v1_Beat__Output>
        BestEffort: MessageTypeDefinition<_basalt_master_v1_BestEffort, _basalt_master_v1_BestEffort__Output>
        ChangeSet: MessageTypeDefinition<_basalt_master_v1_ChangeSet, _basalt_master_v1_ChangeSet__Output>
        Chap: MessageTypeDefinition<_basalt_master_v1_Chap, _basalt_master_v1_Chap__Output>
        Credential: MessageTypeDefinition<_basalt_master_v1_Credential, _basalt_master_v1_Credential__Output>
        Dhchap: MessageTypeDefinition<_basalt_master_v1_Dhchap, _basalt_master_v1_Dhchap__Output>
        DiskType: EnumTypeDefinition
        Epoch: MessageTypeDefinition<_basalt_master_v1_Epoch, _basalt_master_v1_Epoch__Output>
        Filling: MessageTypeDefinition<_basalt_master_v1_Filling, _basalt_master_v1_Filling__Output>
        ForReplica: MessageTypeDefinition<_basalt_master_v1_ForReplica, _basalt_master_v1_ForReplica__Output>
        Goodbye: MessageTypeDefinition<_basalt_master_v1_Goodbye, _basalt_master_v1_Goodbye__Output>
        Grant: MessageTypeDefinition<_basalt_master_v1_Grant, _basalt_master_v1_Grant__Output>
        Hello: MessageTypeDefinition<_basalt_master_v1_Hello, _basalt_master_v1_Hello__Output>
        Hosts: MessageTypeDefinition<_basalt_master_v1_Hosts, _basalt_master_v1_Hosts__Output>
        InSyncSet: MessageTypeDefinition<_basalt_master_v1_InSyncSet, _basalt_master_v1_InSyncSet__Output>
        Initiators: MessageTypeDefinition<_basalt_master_v1_Initiators, _basalt_master_v1_Initiators__Output>
        Led: MessageTypeDefinition<_basalt_master_v1_Led, _basalt_master_v1_Led__Output>
        Master: SubtypeConstructor<typeof grpc.Client, _basalt_master_v1_MasterClient> & { service: _basalt_master_v1_MasterDefinition }
        MasterMessage: MessageTypeDefinition<_basalt_master_v1_MasterMessage, _basalt_master_v1_MasterMessage__Output>
        Member: MessageTypeDefinition<_basalt_master_v1_Member, _basalt_master_v1_Member__Output>
        OpenReplica: MessageTypeDefinition<_basalt_master_v1_OpenReplica, _basalt_master_v1_OpenReplica__Output>
        Origin: MessageTypeDefinition<_basalt_master_v1_Origin, _basalt_master_v1_Origin__Output>
        Path: MessageTypeDefinition<_basalt_master_v1_Path, _basalt_master_v1_Path__Output>
        PathRole: EnumTypeDefinition
        Paths: MessageTypeDefinition<_basalt_master_v1_Paths, _basalt_master_v1_Paths__Output>
        Peer: MessageTypeDefinition<_basalt_master_v1_Peer, _basalt_master_v1_Peer__Output>
        Policy: MessageTypeDefinition<_basalt_master_v1_Policy, _basalt_master_v1_Policy__Output>
        Qos: MessageTypeDefinition<_basalt_master_v1_Qos, _basalt_master_v1_Qos__Output>
        ReadSet: MessageTypeDefinition<_basalt_master_v1_ReadSet, _basalt_master_v1_ReadSet__Output>
        RegistrySeen: MessageTypeDefinition<_basalt_master_v1_RegistrySeen, _basalt_master_v1_RegistrySeen__Output>
        Replica: MessageTypeDefinition<_basalt_master_v1_Replica, _basalt_master_v1_Replica__Output>
        ReplicaMessage: MessageTypeDefinition<_basalt_master_v1_ReplicaMessage, _basalt_master_v1_ReplicaMessage__Output>
        ReplicaState: EnumTypeDefinition
        Resync: MessageTypeDefinition<_basalt_master_v1_Resync, _basalt_master_v1_Resync__Output>
        Role: EnumTypeDefinition
        Scrub: MessageTypeDefinition<_basalt_master_v1_Scrub, _basalt_master_v1_Scrub__Output>
        Seal: MessageTypeDefinition<_basalt_master_v1_Seal, _basalt_master_v1_Seal__Output>
        SealLater: MessageTypeDefinition<_basalt_master_v1_SealLater, _basalt_master_v1_SealLater__Output>
        SealRefused: MessageTypeDefinition<_basalt_master_v1_SealRefused, _basalt_master_v1_SealRefused__Output>
        Sealed: MessageTypeDefinition<_basalt_master_v1_Sealed, _basalt_master_v1_Sealed__Output>
        ServerMessage: MessageTypeDefinition<_basalt_master_v1_ServerMessage, _basalt_master_v1_ServerMessage__Output>
        Serving: MessageTypeDefinition<_basalt_master_v1_Serving, _basalt_master_v1_Serving__Output>
        SetIs: MessageTypeDefinition<_basalt_master_v1_SetIs, _basalt_master_v1_SetIs__Output>
        Settings: MessageTypeDefinition<_basalt_master_v1_Settings, _basalt_master_v1_Settings__Output>
        Snapshot: MessageTypeDefinition<_basalt_master_v1_Snapshot, _basalt_master_v1_Snapshot__Output>
        Standing: MessageTypeDefinition<_basalt_master_v1_Standing, _basalt_master_v1_Standing__Output>
        Stop: MessageTypeDefinition<_basalt_master_v1_Stop, _basalt_master_v1_Stop__Output>
        StopFailed: MessageTypeDefinition<_basalt_master_v1_StopFailed, _basalt_master_v1_StopFailed__Output>
        Stopped: MessageTypeDefinition<_basalt_master_v1_Stopped, _basalt_master_v1_Stopped__Output>
        SyncAll: MessageTypeDefinition<_basalt_master_v1_SyncAll, _basalt_master_v1_SyncAll__Output>
        SyncQuorum: MessageTypeDefinition<_basalt_master_v1_SyncQuorum, _basalt_master_v1_SyncQuorum__Output>
        TellAll: MessageTypeDefinition<_basalt_master_v1_TellAll, _basalt_master_v1_TellAll__Output>
        VolumePaths: MessageTypeDefinition<_basalt_master_v1_VolumePaths, _basalt_master_v1_VolumePaths__Output>
        Welcome: MessageTypeDefinition<_basalt_master_v1_Welcome, _basalt_master_v1_Welcome__Output>
      }
    }
    server: {
      v1: {
        AllocateReplicaRequest: MessageTypeDefinition<_basalt_server_v1_AllocateReplicaRequest, _basalt_server_v1_AllocateReplicaRequest__Output>
        AllocateReplicaResponse: MessageTypeDefinition<_basalt_server_v1_AllocateReplicaResponse, _basalt_server_v1_AllocateReplicaResponse__Output>
        CancelTaskResponse: MessageTypeDefinition<_basalt_server_v1_CancelTaskResponse, _basalt_server_v1_CancelTaskResponse__Output>
        ChangedBlocksRequest: MessageTypeDefinition<_basalt_server_v1_ChangedBlocksRequest, _basalt_server_v1_ChangedBlocksRequest__Output>
        ChangedBlocksResponse: MessageTypeDefinition<_basalt_server_v1_ChangedBlocksResponse, _basalt_server_v1_ChangedBlocksResponse__Output>
        CloseImageRequest: MessageTypeDefinition<_basalt_server_v1_CloseImageRequest, _basalt_server_v1_CloseImageRequest__Output>
        CloseImageResponse: MessageTypeDefinition<_basalt_server_v1_CloseImageResponse, _basalt_server_v1_CloseImageResponse__Output>
        CreateSnapshotRequest: MessageTypeDefinition<_basalt_server_v1_CreateSnapshotRequest, _basalt_server_v1_CreateSnapshotRequest__Output>
        DeleteSnapshotResponse: MessageTypeDefinition<_basalt_server_v1_DeleteSnapshotResponse, _basalt_server_v1_DeleteSnapshotResponse__Output>
        DescribeImageRequest: MessageTypeDefinition<_basalt_server_v1_DescribeImageRequest, _basalt_server_v1_DescribeImageRequest__Output>
        ExpandVolumeRequest: MessageTypeDefinition<_basalt_server_v1_ExpandVolumeRequest, _basalt_server_v1_ExpandVolumeRequest__Output>
        ExpandVolumeResponse: MessageTypeDefinition<_basalt_server_v1_ExpandVolumeResponse, _basalt_server_v1_ExpandVolumeResponse__Output>
        ExposeSnapshotRequest: MessageTypeDefinition<_basalt_server_v1_ExposeSnapshotRequest, _basalt_server_v1_ExposeSnapshotRequest__Output>
        ExposeSnapshotResponse: MessageTypeDefinition<_basalt_server_v1_ExposeSnapshotResponse, _basalt_server_v1_ExposeSnapshotResponse__Output>
        GetStateRequest: MessageTypeDefinition<_basalt_server_v1_GetStateRequest, _basalt_server_v1_GetStateRequest__Output>
        HoldWritesRequest: MessageTypeDefinition<_basalt_server_v1_HoldWritesRequest, _basalt_server_v1_HoldWritesRequest__Output>
        HoldWritesResponse: MessageTypeDefinition<_basalt_server_v1_HoldWritesResponse, _basalt_server_v1_HoldWritesResponse__Output>
        ImageBlock: MessageTypeDefinition<_basalt_server_v1_ImageBlock, _basalt_server_v1_ImageBlock__Output>
        ImageChunk: MessageTypeDefinition<_basalt_server_v1_ImageChunk, _basalt_server_v1_ImageChunk__Output>
        ImageDescription: MessageTypeDefinition<_basalt_server_v1_ImageDescription, _basalt_server_v1_ImageDescription__Output>
        ImageEpoch: MessageTypeDefinition<_basalt_server_v1_ImageEpoch, _basalt_server_v1_ImageEpoch__Output>
        Images: SubtypeConstructor<typeof grpc.Client, _basalt_server_v1_ImagesClient> & { service: _basalt_server_v1_ImagesDefinition }
        LeaveRequest: MessageTypeDefinition<_basalt_server_v1_LeaveRequest, _basalt_server_v1_LeaveRequest__Output>
        LeaveResponse: MessageTypeDefinition<_basalt_server_v1_LeaveResponse, _basalt_server_v1_LeaveResponse__Output>
        OpenImageRequest: MessageTypeDefinition<_basalt_server_v1_OpenImageRequest, _basalt_server_v1_OpenImageRequest__Output>
        OpenImageResponse: MessageTypeDefinition<_basalt_server_v1_OpenImageResponse, _basalt_server_v1_OpenImageResponse__Output>
        PingRequest: MessageTypeDefinition<_basalt_server_v1_PingRequest, _basalt_server_v1_PingRequest__Output>
        PingResponse: MessageTypeDefinition<_basalt_server_v1_PingResponse, _basalt_server_v1_PingResponse__Output>
        ReadImageRequest: MessageTypeDefinition<_basalt_server_v1_ReadImageRequest, _basalt_server_v1_ReadImageRequest__Output>
        ReleaseWritesRequest: MessageTypeDefinition<_basalt_server_v1_ReleaseWritesRequest, _basalt_server_v1_ReleaseWritesRequest__Output>
        ReleaseWritesResponse: MessageTypeDefinition<_basalt_server_v1_ReleaseWritesResponse, _basalt_server_v1_ReleaseWritesResponse__Output>
        RemoveReplicaRequest: MessageTypeDefinition<_basalt_server_v1_RemoveReplicaRequest, _basalt_server_v1_RemoveReplicaRequest__Output>
        RemoveReplicaResponse: MessageTypeDefinition<_basalt_server_v1_RemoveReplicaResponse, _basalt_server_v1_RemoveReplicaResponse__Output>
        RestoreSnapshotRequest: MessageTypeDefinition<_basalt_server_v1_RestoreSnapshotRequest, _basalt_server_v1_RestoreSnapshotRequest__Output>
        RestoreSnapshotResponse: MessageTypeDefinition<_basalt_server_v1_RestoreSnapshotResponse, _basalt_server_v1_RestoreSnapshotResponse__Output>
        Server: SubtypeConstructor<typeof grpc.Client, _basalt_server_v1_ServerClient> & { service: _basalt_server_v1_ServerDefinition }
        ServerState: MessageTypeDefinition<_basalt_server_v1_ServerState, _basalt_server_v1_ServerState__Output>
        ServerStatusRequest: MessageTypeDefinition<_basalt_server_v1_ServerStatusRequest, _basalt_server_v1_ServerStatusRequest__Output>
        ServerStatusResponse: MessageTypeDefinition<_basalt_server_v1_ServerStatusResponse, _basalt_server_v1_ServerStatusResponse__Output>
        SetOriginRequest: MessageTypeDefinition<_basalt_server_v1_SetOriginRequest, _basalt_server_v1_SetOriginRequest__Output>
        SetOriginResponse: MessageTypeDefinition<_basalt_server_v1_SetOriginResponse, _basalt_server_v1_SetOriginResponse__Output>
        SnapshotRequest: MessageTypeDefinition<_basalt_server_v1_SnapshotRequest, _basalt_server_v1_SnapshotRequest__Output>
        SnapshotSpace: MessageTypeDefinition<_basalt_server_v1_SnapshotSpace, _basalt_server_v1_SnapshotSpace__Output>
        SnapshotUsageRequest: MessageTypeDefinition<_basalt_server_v1_SnapshotUsageRequest, _basalt_server_v1_SnapshotUsageRequest__Output>
        SnapshotUsageResponse: MessageTypeDefinition<_basalt_server_v1_SnapshotUsageResponse, _basalt_server_v1_SnapshotUsageResponse__Output>
        StartTaskRequest: MessageTypeDefinition<_basalt_server_v1_StartTaskRequest, _basalt_server_v1_StartTaskRequest__Output>
        StartTaskResponse: MessageTypeDefinition<_basalt_server_v1_StartTaskResponse, _basalt_server_v1_StartTaskResponse__Output>
        Task: MessageTypeDefinition<_basalt_server_v1_Task, _basalt_server_v1_Task__Output>
        TaskRequest: MessageTypeDefinition<_basalt_server_v1_TaskRequest, _basalt_server_v1_TaskRequest__Output>
        TaskState: EnumTypeDefinition
        TaskUnit: EnumTypeDefinition
      }
    }
  }
}

