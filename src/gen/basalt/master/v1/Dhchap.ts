// Original file: proto/master.proto


export interface Dhchap {
  'host'?: (string);
  'secret'?: (string);
  'controllerSecret'?: (string);
  '_controllerSecret'?: "controllerSecret";
}

export interface Dhchap__Output {
  'host': (string);
  'secret': (string);
  'controllerSecret'?: (string);
  '_controllerSecret'?: "controllerSecret";
}
