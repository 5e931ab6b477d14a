// Original file: proto/server.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ChangedBlocksRequest as _basalt_server_v1_ChangedBlocksRequest, ChangedBlocksRequest__Output as _basalt_server_v1_ChangedBlocksRequest__Output } from '../../../basalt/server/v1/ChangedBlocksRequest.ts';
import type { ChangedBlocksResponse as _basalt_server_v1_ChangedBlocksResponse, ChangedBlocksResponse__Output as _basalt_server_v1_ChangedBlocksResponse__Output } from '../../../basalt/server/v1/ChangedBlocksResponse.ts';
import type { CloseImageRequest as _basalt_server_v1_CloseImageRequest, CloseImageRequest__Output as _basalt_server_v1_CloseImageRequest__Output } from '../../../basalt/server/v1/CloseImageRequest.ts';
import type { CloseImageResponse as _basalt_server_v1_CloseImageResponse, CloseImageResponse__Output as _basalt_server_v1_CloseImageResponse__Output } from '../../../basalt/server/v1/CloseImageResponse.ts';
import type { DescribeImageRequest as _basalt_server_v1_DescribeImageRequest, DescribeImageRequest__Output as _basalt_server_v1_DescribeImageRequest__Output } from '../../../basalt/server/v1/DescribeImageRequest.ts';
import type { ImageChunk as _basalt_server_v1_ImageChunk, ImageChunk__Output as _basalt_server_v1_ImageChunk__Output } from '../../../basalt/server/v1/ImageChunk.ts';
import type { ImageDescription as _basalt_server_v1_ImageDescription, ImageDescription__Output as _basalt_server_v1_ImageDescription__Output } from '../../../basalt/server/v1/ImageDescription.ts';
import type { ReadImageRequest as _basalt_server_v1_ReadImageRequest, ReadImageRequest__Output as _basalt_server_v1_ReadImageRequest__Output } from '../../../basalt/server/v1/ReadImageRequest.ts';

export interface ImagesClient extends grpc.Client {
  ChangedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  ChangedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  ChangedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  ChangedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  changedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  changedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  changedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  changedBlocks(argument: _basalt_server_v1_ChangedBlocksRequest, callback: grpc.requestCallback<_basalt_server_v1_ChangedBlocksResponse__Output>): grpc.ClientUnaryCall;
  
  CloseImage(argument: _basalt_server_v1_CloseImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  CloseImage(argument: _basalt_server_v1_CloseImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  CloseImage(argument: _basalt_server_v1_CloseImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  CloseImage(argument: _basalt_server_v1_CloseImageRequest, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  closeImage(argument: _basalt_server_v1_CloseImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  closeImage(argument: _basalt_server_v1_CloseImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  closeImage(argument: _basalt_server_v1_CloseImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  closeImage(argument: _basalt_server_v1_CloseImageRequest, callback: grpc.requestCallback<_basalt_server_v1_CloseImageResponse__Output>): grpc.ClientUnaryCall;
  
  DescribeImage(argument: _basalt_server_v1_DescribeImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  DescribeImage(argument: _basalt_server_v1_DescribeImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  DescribeImage(argument: _basalt_server_v1_DescribeImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  DescribeImage(argument: _basalt_server_v1_DescribeImageRequest, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  describeImage(argument: _basalt_server_v1_DescribeImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  describeImage(argument: _basalt_server_v1_DescribeImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  describeImage(argument: _basalt_server_v1_DescribeImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  describeImage(argument: _basalt_server_v1_DescribeImageRequest, callback: grpc.requestCallback<_basalt_server_v1_ImageDescription__Output>): grpc.ClientUnaryCall;
  
  ReadImage(argument: _basalt_server_v1_ReadImageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_basalt_server_v1_ImageChunk__Output>;
  ReadImage(argument: _basalt_server_v1_ReadImageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_basalt_server_v1_ImageChunk__Output>;
  readImage(argument: _basalt_server_v1_ReadImageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_basalt_server_v1_ImageChunk__Output>;
  readImage(argument: _basalt_server_v1_ReadImageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_basalt_server_v1_ImageChunk__Output>;
  
}

export interface ImagesHandlers extends grpc.UntypedServiceImplementation {
  ChangedBlocks: grpc.handleUnaryCall<_basalt_server_v1_ChangedBlocksRequest__Output, _basalt_server_v1_ChangedBlocksResponse>;
  
  CloseImage: grpc.handleUnaryCall<_basalt_server_v1_CloseImageRequest__Output, _basalt_server_v1_CloseImageResponse>;
  
  DescribeImage: grpc.handleUnaryCall<_basalt_server_v1_DescribeImageRequest__Output, _basalt_server_v1_ImageDescription>;
  
  ReadImage: grpc.handleServerStreamingCall<_basalt_server_v1_ReadImageRequest__Output, _basalt_server_v1_ImageChunk>;
  
}

export interface ImagesDefinition extends grpc.ServiceDefinition {
  ChangedBlocks: MethodDefinition<_basalt_server_v1_ChangedBlocksRequest, _basalt_server_v1_ChangedBlocksResponse, _basalt_server_v1_ChangedBlocksRequest__Output, _basalt_server_v1_ChangedBlocksResponse__Output>
  CloseImage: MethodDefinition<_basalt_server_v1_CloseImageRequest, _basalt_server_v1_CloseImageResponse, _basalt_server_v1_CloseImageRequest__Output, _basalt_server_v1_CloseImageResponse__Output>
  DescribeImage: MethodDefinition<_basalt_server_v1_DescribeImageRequest, _basalt_server_v1_ImageDescription, _basalt_server_v1_DescribeImageRequest__Output, _basalt_server_v1_ImageDescription__Output>
  ReadImage: MethodDefinition<_basalt_server_v1_ReadImageRequest, _basalt_server_v1_ImageChunk, _basalt_server_v1_ReadImageRequest__Output, _basalt_server_v1_ImageChunk__Output>
}
