// Original file: proto/server.proto


export interface PingRequest {
}

export interface PingRequest__Output {
}
