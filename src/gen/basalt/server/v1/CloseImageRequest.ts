// Original file: proto/server.proto


export interface CloseImageRequest {
}

export interface CloseImageRequest__Output {
}
