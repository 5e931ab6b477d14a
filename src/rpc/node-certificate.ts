/** The certificate that a node shows when it connects, which may be replaced while it runs. */
import type { TlsIdentity } from '../base/tls.ts'

export class NodeCertificate {
  #identity: TlsIdentity

  constructor(identity: TlsIdentity) {
    this.#identity = identity
  }

  get identity(): TlsIdentity {
    return this.#identity
  }

  /** For connections that are made from now on; those that are there go on. */
  use(identity: TlsIdentity): void {
    this.#identity = identity
  }
}
