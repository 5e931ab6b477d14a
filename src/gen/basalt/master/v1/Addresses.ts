// Original file: proto/master.proto


export interface Addresses {
  'grpc'?: (string);
  'replication'?: (string);
  'http'?: (string);
  'iscsi'?: (string)[];
  'nvme'?: (string)[];
}

export interface Addresses__Output {
  'grpc': (string);
  'replication': (string);
  'http': (string);
  'iscsi': (string)[];
  'nvme': (string)[];
}
