/** The services of `proto/csi.proto`, as grpc-js wants them. Read from the file when first asked for. */
import { fileURLToPath } from 'node:url'
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ProtoGrpcType } from '../../gen/csi.ts'

const FOLDER = fileURLToPath(new URL('../../../proto', import.meta.url))

type CsiPackage = ProtoGrpcType['csi']['v1']

let loaded: CsiPackage | undefined

/** As `npm run gen` made the types of `src/gen`: the options must be the same. */
export function csiPackage(): CsiPackage {
  loaded ??= load()
  return loaded
}

function load(): CsiPackage {
  const definition = loadSync('csi.proto', {
    includeDirs: [FOLDER],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  const types: unknown = loadPackageDefinition(definition) satisfies GrpcObject
  return (types as ProtoGrpcType).csi.v1
}
