// Original file: proto/master.proto


export interface Hosts {
  'names'?: (string)[];
}

export interface Hosts__Output {
  'names': (string)[];
}
