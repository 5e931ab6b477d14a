// Original file: proto/server.proto


export interface HoldWritesResponse {
  'hold'?: (string);
}

export interface HoldWritesResponse__Output {
  'hold': (string);
}
