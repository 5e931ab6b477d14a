// Original file: proto/server.proto


export interface ReleaseWritesResponse {
  'wasHeld'?: (boolean);
}

export interface ReleaseWritesResponse__Output {
  'wasHeld': (boolean);
}
