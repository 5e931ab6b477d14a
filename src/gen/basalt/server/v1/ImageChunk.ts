// Original file: proto/server.proto


export interface ImageChunk {
  'data'?: (Buffer | Uint8Array | string);
}

export interface ImageChunk__Output {
  'data': (Buffer);
}
