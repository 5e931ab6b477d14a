// Original file: proto/server.proto


export interface CloseImageResponse {
}

export interface CloseImageResponse__Output {
}
