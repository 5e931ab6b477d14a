// Original file: proto/server.proto


export interface RestoreSnapshotResponse {
}

export interface RestoreSnapshotResponse__Output {
}
