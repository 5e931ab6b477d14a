// Original file: proto/server.proto


export interface DescribeImageRequest {
}

export interface DescribeImageRequest__Output {
}
