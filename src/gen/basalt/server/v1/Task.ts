// Original file: proto/server.proto

import type { TaskState as _basalt_server_v1_TaskState, TaskState__Output as _basalt_server_v1_TaskState__Output } from '../../../basalt/server/v1/TaskState.ts';
import type { TaskUnit as _basalt_server_v1_TaskUnit, TaskUnit__Output as _basalt_server_v1_TaskUnit__Output } from '../../../basalt/server/v1/TaskUnit.ts';
import type { Long } from '@grpc/proto-loader';

export interface Task {
  'task'?: (string);
  'state'?: (_basalt_server_v1_TaskState);
  'done'?: (number | string | Long);
  'total'?: (number | string | Long);
  'unit'?: (_basalt_server_v1_TaskUnit);
  'message'?: (string);
  'code'?: (string);
  'result'?: (string);
  '_message'?: "message";
  '_code'?: "code";
  '_result'?: "result";
}

export interface Task__Output {
  'task': (string);
  'state': (_basalt_server_v1_TaskState__Output);
  'done': (string);
  'total': (string);
  'unit': (_basalt_server_v1_TaskUnit__Output);
  'message'?: (string);
  'code'?: (string);
  'result'?: (string);
  '_message'?: "message";
  '_code'?: "code";
  '_result'?: "result";
}
