// Original file: proto/master.proto


export interface Credential {
  'user'?: (string);
  'secret'?: (string);
}

export interface Credential__Output {
  'user': (string);
  'secret': (string);
}
