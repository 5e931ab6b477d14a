// Original file: proto/server.proto


export interface AllocateReplicaResponse {
}

export interface AllocateReplicaResponse__Output {
}
