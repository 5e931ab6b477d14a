// Original file: proto/server.proto


export interface ExposeSnapshotResponse {
}

export interface ExposeSnapshotResponse__Output {
}
