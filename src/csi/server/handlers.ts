/**
 * What the server gives to services and expects of them. A service is a plain object with one `Rpc` for each call of its
 * protobuf service: all of them, or the compiler says which is missing.
 */
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Logger } from '../../base/log.ts'
import type { ControllerDefinition } from '../../gen/csi/v1/Controller.ts'
import type { GroupControllerDefinition } from '../../gen/csi/v1/GroupController.ts'
import type { IdentityDefinition } from '../../gen/csi/v1/Identity.ts'
import type { NodeDefinition } from '../../gen/csi/v1/Node.ts'

/** One call, as a service sees it. */
export interface CsiCall {
  /** Aborts when the deadline has passed, the client is gone, or the driver stops. Nobody hears the answer then. */
  readonly signal: AbortSignal
  /** When `signal` aborts at the latest, on the scale of `Clock.monotonicMs`; null: the client set no deadline. */
  readonly deadlineMs: number | null
  /** Never give it a request or a part of one but ids and names: secrets are in them. */
  readonly log: Logger
}

/** Throws `CsiError` or `BlockError`; anything else is a bug, answered as INTERNAL. */
export type Handler<Request, Response> = (request: Request, call: CsiCall) => Promise<Response>

export interface Rpc<Request, Response> {
  /**
   * What the call is about, such as `volume/ID`: while it runs, another call of the controller (group controller included) or
   * of the node with one of these keys is answered ABORTED at once. A pure function of a request that nobody has checked yet;
   * empty strings are no keys. Absent: it may run beside any other.
   */
  readonly keysOf?: (request: Request) => readonly string[]
  readonly handle: Handler<Request, Response>
}

type ServiceOf<Definition> = {
  readonly [Name in keyof Definition as string extends Name
    ? never
    : Name]: Definition[Name] extends MethodDefinition<infer _In, infer Response, infer Request, infer _Out>
    ? Rpc<Request, Response>
    : never
}

export type IdentityService = ServiceOf<IdentityDefinition>
export type ControllerService = ServiceOf<ControllerDefinition>
export type GroupControllerService = ServiceOf<GroupControllerDefinition>
export type NodeService = ServiceOf<NodeDefinition>

/** What a driver serves; calls of absent services are answered UNIMPLEMENTED. */
export interface CsiServices {
  readonly identity: IdentityService
  readonly controller?: ControllerService
  readonly groupController?: GroupControllerService
  readonly node?: NodeService
}
