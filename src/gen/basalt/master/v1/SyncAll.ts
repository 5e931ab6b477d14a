// Original file: proto/master.proto


export interface SyncAll {
  'minInSync'?: (number);
}

export interface SyncAll__Output {
  'minInSync': (number);
}
