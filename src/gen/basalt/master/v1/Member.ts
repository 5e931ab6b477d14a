// Original file: proto/master.proto


export interface Member {
  'server'?: (string);
  'endpoint'?: (string);
}

export interface Member__Output {
  'server': (string);
  'endpoint': (string);
}
