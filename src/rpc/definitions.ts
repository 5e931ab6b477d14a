/** The services of `proto/`, as grpc-js wants them. Read from the files when first asked for. */
import { fileURLToPath } from 'node:url'
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { ProtoGrpcType as MasterTypes } from '../gen/master.ts'
import type { ProtoGrpcType as ServerTypes } from '../gen/server.ts'

const FOLDER = fileURLToPath(new URL('../../proto', import.meta.url))

interface Services {
  readonly Master: MasterTypes['basalt']['master']['v1']['Master']
  readonly Server: ServerTypes['basalt']['server']['v1']['Server']
  readonly Images: ServerTypes['basalt']['server']['v1']['Images']
}

let loaded: Services | undefined

/** As `npm run gen` made the types of `src/gen`: the options must be the same. */
export function services(): Services {
  loaded ??= load()
  return loaded
}

function load(): Services {
  const definition = loadSync(['master.proto', 'server.proto'], {
    includeDirs: [FOLDER],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  const types: unknown = loadPackageDefinition(definition) satisfies GrpcObject
  const { basalt } = types as MasterTypes & ServerTypes
  return { Master: basalt.master.v1.Master, Server: basalt.server.v1.Server, Images: basalt.server.v1.Images }
}
