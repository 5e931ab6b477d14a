// Original file: proto/server.proto


export interface ServerState {
  'isInMaintenance'?: (boolean);
}

export interface ServerState__Output {
  'isInMaintenance': (boolean);
}
