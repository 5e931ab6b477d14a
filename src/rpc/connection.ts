/**
 * How gRPC connections are made here: with the cluster's certificates when there are some, bounds on what a message may
 * be, and pings that find a peer that is gone. Tokens go as `authorization: Bearer TOKEN`.
 */
import type { PeerCertificate } from 'node:tls'
import {
  ChannelCredentials,
  type ChannelOptions,
  Metadata,
  type Server,
  ServerCredentials,
  type ServerOptions,
} from '@grpc/grpc-js'
import { formatHostPort, type HostPort } from '../base/address.ts'
import { BlockError } from '../base/errors.ts'
import { TLS_NAME, type TlsIdentity } from '../base/tls.ts'

/** Above a full beat of as many replicas as a server is meant to carry. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024
const METADATA_BYTES_MAX = 16 * 1024
const PING_MS = { EVERY: 2_000, WAIT: 3_000 } as const
const STREAMS_PER_CONNECTION_MAX = 128

const BOUNDS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_metadata_size': METADATA_BYTES_MAX,
  'grpc.keepalive_time_ms': PING_MS.EVERY,
  'grpc.keepalive_timeout_ms': PING_MS.WAIT,
} as const

export const SERVER_OPTIONS: ServerOptions = {
  ...BOUNDS,
  'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
}

/** Of a connection to a `peer`, whose certificate has to say that it is one. */
export const channelOptions = (
  peer: keyof typeof TLS_NAME,
  tls: TlsIdentity | undefined,
): ChannelOptions => ({
  ...BOUNDS,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // what is proxied is not the peer
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  ...(tls === undefined ? {} : { 'grpc.ssl_target_name_override': TLS_NAME[peer] }),
})

/** Both sides show certificates of the cluster's authority; without `tls`, neither. */
export const channelCredentials = (tls: TlsIdentity | undefined): ChannelCredentials =>
  tls === undefined
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(tls.ca, tls.key, tls.cert)

/** As `channelCredentials`, of who listens. */
const serverCredentials = (tls: TlsIdentity | undefined): ServerCredentials =>
  tls === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(tls.ca, [{ cert_chain: tls.cert, private_key: tls.key }], true)

/** Listens; resolves with the address. `flag` begins the error: IN_USE, or INVALID_ARGUMENT when it cannot be bound. */
export async function bind(
  server: Server,
  address: HostPort,
  { tls, flag }: { readonly tls: TlsIdentity | undefined; readonly flag: string },
): Promise<HostPort> {
  const target = formatHostPort(address)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, serverCredentials(tls), (error, bound) => {
      if (error === null) return resolve(bound)
      const isTaken = /EADDRINUSE/.test(error.message)
      const why = isTaken ? 'the address is in use' : error.message
      const code = isTaken ? 'IN_USE' : 'INVALID_ARGUMENT'
      reject(new BlockError(code, `${flag} ${target}: ${why}`, { facts: { address: target }, cause: error }))
    })
  })
  return { host: address.host, port }
}

/** DNS names that a certificate carries, and the common name of its subject. */
export function namesOf({ subjectaltname, subject }: PeerCertificate): readonly string[] {
  const names = (subjectaltname ?? '').split(', ').flatMap((name) => {
    const value = /^DNS:(.*)$/.exec(name)?.[1]
    return value === undefined ? [] : [value]
  })
  return [...names, ...[subject?.CN ?? []].flat()]
}

const BEARER = 'Bearer '

export function bearer(token: string): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `${BEARER}${token}`)
  return metadata
}

/** The token that a call carries; undefined without one. */
export function tokenOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get('authorization')
  return typeof value === 'string' && value.startsWith(BEARER) ? value.slice(BEARER.length) : undefined
}

/** The address of a call's peer, without its port. */
export const hostOf = (peer: string): string => peer.replace(/:\d+$/, '')
