// Original file: proto/master.proto


export interface Welcome {
}

export interface Welcome__Output {
}
