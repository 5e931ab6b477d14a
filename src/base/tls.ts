/**
 * What a node of a cluster shows and believes on encrypted connections. All certificates of a cluster are signed by the
 * cluster's own authority, and both sides of a connection show one. A certificate says what its node is by a name of
 * `TLS_NAME` beside the node's own, and whoever connects asks for that name, wherever it connects to: addresses change,
 * and a block server's certificate does not make a master.
 */
export interface TlsIdentity {
  /** Certificate of the cluster's authority, PEM; the only one that is believed. */
  readonly ca: Buffer
  /** The node's certificate, PEM. */
  readonly cert: Buffer
  /** The node's private key, PEM. Never logged. */
  readonly key: Buffer
}

/** Names that certificates carry by what their node is, asked for by whoever connects to it (RFC 9525 §6.3). */
export const TLS_NAME = {
  master: 'master.basalt.internal',
  server: 'server.basalt.internal',
} as const
