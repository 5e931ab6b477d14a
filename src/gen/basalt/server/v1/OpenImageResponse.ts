// Original file: proto/server.proto


export interface OpenImageResponse {
  'ticket'?: (string);
}

export interface OpenImageResponse__Output {
  'ticket': (string);
}
