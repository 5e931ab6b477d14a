/**
 * The seam between queues and in-band authentication (DH-HMAC-CHAP, NVMe Base 2.0 §8.13): what a queue asks for while it
 * is being connected. The messages and the arithmetic are elsewhere (`src/nvme/auth`).
 */
import type { DhchapCredential } from '../../frontend/access.ts'

/** Whose queue is to be authenticated. */
export interface AuthenticationSubject {
  /** As the host sent them in Connect: they are hashed. */
  readonly hostNqn: string
  readonly subsystemNqn: string
  readonly controllerId: number
  readonly queueId: number
  readonly credential: DhchapCredential
}

/**
 * One transaction on one queue. `failing`: it has failed, and the host may ask for the reason yet. After `failed` the
 * queue's connection ends, once the host has had its answer.
 */
export interface AuthenticationExchange {
  readonly state: 'running' | 'authenticated' | 'failing' | 'failed'
  /** A message of Authentication Send, all of it. */
  send(message: Uint8Array): void
  /** The message for Authentication Receive; undefined when it is not the controller's turn to speak. */
  receive(lengthMax: number): Uint8Array | undefined
}

export interface Authentication {
  begin(subject: AuthenticationSubject): AuthenticationExchange
}
