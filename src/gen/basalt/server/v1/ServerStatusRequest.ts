// Original file: proto/server.proto


export interface ServerStatusRequest {
}

export interface ServerStatusRequest__Output {
}
