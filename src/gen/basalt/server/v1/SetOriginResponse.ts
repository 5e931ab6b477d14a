// Original file: proto/server.proto


export interface SetOriginResponse {
}

export interface SetOriginResponse__Output {
}
