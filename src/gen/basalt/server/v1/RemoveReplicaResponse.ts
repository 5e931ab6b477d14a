// Original file: proto/server.proto


export interface RemoveReplicaResponse {
}

export interface RemoveReplicaResponse__Output {
}
