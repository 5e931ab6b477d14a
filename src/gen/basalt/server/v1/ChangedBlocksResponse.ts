// Original file: proto/server.proto

import type { ImageBlock as _basalt_server_v1_ImageBlock, ImageBlock__Output as _basalt_server_v1_ImageBlock__Output } from '../../../basalt/server/v1/ImageBlock.ts';
import type { Long } from '@grpc/proto-loader';

export interface ChangedBlocksResponse {
  'blocks'?: (_basalt_server_v1_ImageBlock)[];
  'nextBlock'?: (number | string | Long);
  '_nextBlock'?: "nextBlock";
}

export interface ChangedBlocksResponse__Output {
  'blocks': (_basalt_server_v1_ImageBlock__Output)[];
  'nextBlock'?: (string);
  '_nextBlock'?: "nextBlock";
}
