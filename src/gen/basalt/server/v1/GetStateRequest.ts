// Original file: proto/server.proto


export interface GetStateRequest {
}

export interface GetStateRequest__Output {
}
