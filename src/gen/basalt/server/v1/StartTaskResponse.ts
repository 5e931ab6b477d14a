// Original file: proto/server.proto


export interface StartTaskResponse {
}

export interface StartTaskResponse__Output {
}
