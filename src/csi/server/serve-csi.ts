/**
 * The services of a driver over gRPC on a unix socket. Who may connect is the socket's mode and the directories above it: the
 * orchestrator's parts on the same machine, which are root. The wire is grpc-js'; what a call is, is `call-runner.ts`.
 */
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { BlockError } from '../../base/errors.ts'
import type { CallRunner, KeySpace } from './call-runner.ts'
import { type CsiError, csiErrorOf } from './csi-error.ts'
import { csiPackage } from './definitions.ts'
import type { CsiServices, Rpc } from './handlers.ts'
import { clearEndpoint } from './unix-endpoint.ts'

export interface ServeCsiOptions {
  /** Path of the socket. */
  readonly path: string
  /** Of the socket, such as 0o660. */
  readonly mode: number
  /** The flag that named the path, for errors. */
  readonly flag: string
  readonly services: CsiServices
  readonly runner: CallRunner
}

/** What clients of gRPC take without being told. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
const METADATA_BYTES_MAX = 16 * 1024
const STREAMS_PER_CONNECTION_MAX = 128

/** Any rpc, called with whatever its own codec made of the bytes. */
type AnyRpc = Rpc<never, object>
type AnyService = Readonly<Record<string, AnyRpc>>

export interface CsiSocket {
  /** No more connections; resolves when those that are there have ended, which is when their calls are answered. */
  drain(): Promise<void>
  /** Ends every connection at once. The socket's file is gone afterwards. */
  close(): void
}

/** Listens. IN_USE and CONFLICT name what is at the path already, DISK why it cannot listen. */
export async function serveCsi(options: ServeCsiOptions): Promise<CsiSocket> {
  const { path, mode, flag, services, runner } = options
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_metadata_size': METADATA_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
  })
  const { Identity, Controller, GroupController, Node } = csiPackage()
  const handlers = (service: object, keySpace: KeySpace): UntypedServiceImplementation =>
    implementationOf(service as AnyService, keySpace, runner)
  server.addService(Identity.service, handlers(services.identity, 'identity'))
  if (services.controller !== undefined) {
    server.addService(Controller.service, handlers(services.controller, 'controller'))
  }
  if (services.groupController !== undefined) {
    server.addService(GroupController.service, handlers(services.groupController, 'controller'))
  }
  if (services.node !== undefined) server.addService(Node.service, handlers(services.node, 'node'))

  await clearEndpoint(path, flag)
  await listen(server, path, mode, flag)
  return {
    drain: () =>
      new Promise((resolve) => {
        server.tryShutdown(() => resolve())
      }),
    close: () => server.forceShutdown(),
  }
}

function implementationOf(
  service: AnyService,
  keySpace: KeySpace,
  runner: CallRunner,
): UntypedServiceImplementation {
  const entries = Object.entries(service).map(([method, rpc]) => {
    const handle = (call: ServerUnaryCall<object, object>, callback: sendUnaryData<object>): void => {
      const gone = new AbortController()
      call.once('cancelled', () => gone.abort())
      const incoming = { method, keySpace, timeoutMs: timeoutOf(call), gone: gone.signal }
      runner.run(incoming, rpc, call.request as never).then(
        (response) => callback(null, response),
        (error: unknown) => callback(statusOf(csiErrorOf(error))),
      )
    }
    return [method, handle] as const
  })
  return Object.fromEntries<handleUnaryCall<object, object>>(entries)
}

/** What is left of the time that the client gives; it was told as a span, so no clock is compared with another machine's. */
function timeoutOf(call: ServerUnaryCall<object, object>): number | null {
  const deadline = call.getDeadline()
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline
  return Number.isFinite(atMs) ? atMs - Date.now() : null
}

const statusOf = ({ code, message }: CsiError) => ({
  code: status[code],
  details: message,
  metadata: new Metadata(),
})

/** With the mode from the first moment on: the file is never there with another one. */
async function listen(server: Server, path: string, mode: number, flag: string): Promise<void> {
  const before = process.umask(0o777 & ~mode)
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve()
        else
          reject(
            new BlockError('DISK', `${flag}: cannot listen at ${path}: ${error.message}`, { cause: error }),
          )
      })
    })
  } finally {
    process.umask(before)
  }
}
