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
  }
}

