// Original file: proto/master.proto


export interface TellAll {
}

export interface TellAll__Output {
}
