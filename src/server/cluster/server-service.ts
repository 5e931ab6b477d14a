/**
 * The calls that a block server answers (`proto/server.proto`). Who calls proves by the call token of the hello that it
 * is the master which heard it. Every call may come twice.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Metadata, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { BlockError, isBlockError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Clock } from '../../base/ports/clock.ts'
import { LoginLimiter } from '../../frontend/login-limiter.ts'
import type { AllocateReplicaRequest__Output as AllocateMessage } from '../../gen/basalt/server/v1/AllocateReplicaRequest.ts'
import type { RemoveReplicaRequest__Output as RemoveMessage } from '../../gen/basalt/server/v1/RemoveReplicaRequest.ts'
import type { ServerHandlers } from '../../gen/basalt/server/v1/Server.ts'
import type { AllocateRequest, ServerBeat } from '../../master/links.ts'
import { hostOf, tokenOf } from '../../rpc/connection.ts'
import { epochOrNull, malformed, natural, uuid } from '../../rpc/fields.ts'
import { beatIn } from '../../rpc/link-codec.ts'
import { callStatusOf } from '../../rpc/status.ts'
import type { ReplicaHost } from '../replica/replica-host.ts'
import { type Unary, type VolumeCalls, volumeHandlers } from './volume-handlers.ts'

export interface ServerServiceOptions {
  readonly host: Pick<ReplicaHost, 'allocate' | 'remove' | 'expand'>
  /** What the master asks of volumes that are led here, and of tasks. */
  readonly calls: VolumeCalls
  readonly callToken: string
  readonly isInMaintenance: () => boolean
  /** Durable when the promise resolves. */
  readonly setMaintenance: (isInMaintenance: boolean) => Promise<void>
  readonly status: () => {
    readonly id: string
    readonly version: string
    readonly startedWallMs: number
    readonly beat: ServerBeat
  }
  /** Ends the stream to the master for good; CONFLICT while a volume is led here. */
  readonly leave: () => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** Calls by address; a wrong token costs more. */
const CALLS = { burst: 2048, perSecond: 512, failureCost: 128, addressesMax: 1024 } as const

export function serverHandlers(options: ServerServiceOptions): ServerHandlers {
  const { host, clock, logger } = options
  const limiter = new LoginLimiter({ clock, limits: CALLS })

  const unary: Unary =
    <Request, Answer>(name: string, answer: (request: Request) => Promise<Answer>) =>
    (call: ServerUnaryCall<Request, Answer>, callback: sendUnaryData<Answer>): void => {
      const answered = async (): Promise<Answer> => {
        prove(call.metadata, hostOf(call.getPeer()))
        return await answer(call.request)
      }
      answered().then(
        (value) => callback(null, value),
        (error: unknown) => {
          if (isBlockError(error)) {
            logger.info('grpc.call_refused', { call: name, code: error.code, reason: error.message })
          } else logger.error('grpc.call_failed', { call: name }, error)
          callback(callStatusOf(error))
        },
      )
    }

  const expected = Buffer.from(options.callToken)
  const prove = (metadata: Metadata, address: string): void => {
    if (!limiter.admit(address)) throw new BlockError('BUSY', `too many calls from ${address}; wait a while`)
    const shown = Buffer.from(tokenOf(metadata) ?? '')
    if (shown.length === expected.length && timingSafeEqual(shown, expected)) return
    limiter.failed(address)
    throw new BlockError('ACCESS_DENIED', 'calls are for the master that this server told its call token')
  }

  return {
    ...volumeHandlers(options.calls, unary),
    AllocateReplica: unary('AllocateReplica', async (request: AllocateMessage) => {
      await host.allocate(allocationOf(request))
      return {}
    }),
    RemoveReplica: unary('RemoveReplica', async (request: RemoveMessage) => {
      const { volume, epoch, setEpoch, setVersion } = request
      await host.remove({
        volume: uuid(volume, 'volume'),
        epoch: natural(epoch, 'epoch'),
        set: { epoch: natural(setEpoch, 'set_epoch'), version: natural(setVersion, 'set_version') },
      })
      return {}
    }),
    ExpandVolume: unary(
      'ExpandVolume',
      async (request: { volume: string; epoch: string; sizeBytes: string }) => {
        const sizeBytes = natural(request.sizeBytes, 'size_bytes')
        await host.expand({
          volume: uuid(request.volume, 'volume'),
          epoch: natural(request.epoch, 'epoch'),
          sizeBytes,
        })
        return { sizeBytes }
      },
    ),
    GetState: unary('GetState', async () => ({ isInMaintenance: options.isInMaintenance() })),
    SetState: unary('SetState', async ({ isInMaintenance }: { isInMaintenance: boolean }) => {
      await options.setMaintenance(isInMaintenance)
      return { isInMaintenance }
    }),
    ServerStatus: unary('ServerStatus', async () => {
      const { id, version, startedWallMs, beat } = options.status()
      return { id, version, uptimeMs: clock.wallMs() - startedWallMs, beat: beatIn(beat) }
    }),
    Ping: (_, callback) => callback(null, { wallMs: clock.wallMs() }),
    Leave: unary('Leave', async () => {
      await options.leave()
      return {}
    }),
  }
}

function allocationOf(request: AllocateMessage): AllocateRequest {
  const { volume, name, sizeBytes, logicalBlockBytes, logBytes, madeIn } = request
  if (logicalBlockBytes !== 512 && logicalBlockBytes !== 4096) {
    throw malformed('logical_block_bytes', `${logicalBlockBytes} is neither 512 nor 4096`)
  }
  return {
    volume: uuid(volume, 'volume'),
    // its own rules are checked where it is made
    name,
    sizeBytes: natural(sizeBytes, 'size_bytes'),
    logicalBlockBytes,
    logBytes: logBytes === undefined ? null : natural(logBytes, 'log_bytes'),
    madeIn: epochOrNull(madeIn, 'made_in'),
  }
}
