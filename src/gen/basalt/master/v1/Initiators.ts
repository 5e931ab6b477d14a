// Original file: proto/master.proto


export interface Initiators {
  'names'?: (string)[];
}

export interface Initiators__Output {
  'names': (string)[];
}
