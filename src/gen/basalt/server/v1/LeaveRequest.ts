// Original file: proto/server.proto


export interface LeaveRequest {
}

export interface LeaveRequest__Output {
}
