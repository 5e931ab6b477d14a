// Original file: proto/server.proto


export interface TaskRequest {
  'task'?: (string);
}

export interface TaskRequest__Output {
  'task': (string);
}
