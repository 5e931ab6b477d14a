/**
 * TCP addresses as people write them: `HOST:PORT`, with IPv6 addresses in brackets. A host is an address or a
 * name; whether it can be bound or reached shows when it is used.
 */
import { BlockError } from './errors.ts'

export interface HostPort {
  readonly host: string
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number
}

/** Parses `HOST:PORT`. `what` names the flag or key in the error (INVALID_ARGUMENT). */
export function parseHostPort(text: string, what: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z._-]{1,253})):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new BlockError(
      'INVALID_ARGUMENT',
      `${what}: '${text.slice(0, 80)}' is not HOST:PORT; write for example 127.0.0.1:3260 or [::1]:3260`,
    )
  }
  return { host: match[1] ?? match[2] ?? '', port }
}

/** The form that `parseHostPort` reads. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** Whether only this machine can reach what listens on `host`. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
