// Original file: proto/master.proto


export interface SyncQuorum {
}

export interface SyncQuorum__Output {
}
