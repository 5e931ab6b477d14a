/** Byte-stream connections (TCP). Protocol cores never see them: a shell feeds bytes in and sends effects out. */
export interface ConnectionHandlers {
  /** Bytes arrived. `chunk` is lent for the call only: copy or consume it. */
  data(chunk: Uint8Array): void
  /** What was written has gone out; writing may go on after `write` returned false. */
  drain(): void
  /** The connection is gone; called once, last. `error` when it did not end in the ordinary way. */
  closed(error: Error | undefined): void
}

export interface Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  /** Starts delivery. Called once, soon after the connection was made. */
  start(handlers: ConnectionHandlers): void
  /**
   * Queues `buffers` in order. What is queued while `data` is called leaves when it returns, other output at the end
   * of the turn, and much output at once. Buffers are lent until `written` is called (also when the connection dies),
   * which may be before this call returns. False: stop until `drain`.
   */
  write(buffers: readonly Uint8Array[], written?: () => void): boolean
  /** Bytes queued and not yet taken by the kernel. */
  readonly queuedBytes: number
  /** Stops and resumes delivery of data: backpressure on the peer. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once; what is queued is lost (TCP reset where possible). */
  destroy(): void
}

export interface Listener {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

export interface Net {
  /** Listens; port 0 picks a free one. IN_USE when the address is taken. */
  listen(
    address: { host: string; port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener>
  /** Connects; DISCONNECTED when it fails or takes longer than `timeoutMs`. */
  connect(address: { host: string; port: number; timeoutMs: number }): Promise<Connection>
}
