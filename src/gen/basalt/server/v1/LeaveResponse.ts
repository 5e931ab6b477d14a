// Original file: proto/server.proto


export interface LeaveResponse {
}

export interface LeaveResponse__Output {
}
