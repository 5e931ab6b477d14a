// Original file: proto/server.proto


export interface PingResponse {
  'wallMs'?: (number | string);
}

export interface PingResponse__Output {
  'wallMs': (number);
}
