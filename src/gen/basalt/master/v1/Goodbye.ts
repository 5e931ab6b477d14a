// Original file: proto/master.proto


export interface Goodbye {
}

export interface Goodbye__Output {
}
