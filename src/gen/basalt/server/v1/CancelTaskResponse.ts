// Original file: proto/server.proto


export interface CancelTaskResponse {
}

export interface CancelTaskResponse__Output {
}
