/** The certificate of a node, read when it starts and again on SIGHUP, and the encrypted network that comes of it. */
import { TLS_NAME, type TlsIdentity } from '../base/tls.ts'
import { type TlsSettings, tlsFilesOf } from '../config/common-settings.ts'
import { loadTls } from '../io/tls-files.ts'
import { TlsNet } from '../io/tls-net.ts'
import { RefusalLog } from '../replication/refusal-log.ts'
import type { ProcessPorts } from './ports.ts'

export class NodeTls {
  readonly #ports: ProcessPorts
  readonly #users: ((identity: TlsIdentity) => void)[] = []
  #identity: TlsIdentity

  /** Undefined when the settings name no certificates; INVALID_ARGUMENT and others as of `loadTls`. */
  static async load(ports: ProcessPorts, settings: TlsSettings): Promise<NodeTls | undefined> {
    const identity = await read(ports, settings)
    return identity === undefined ? undefined : new NodeTls(ports, identity)
  }

  private constructor(ports: ProcessPorts, identity: TlsIdentity) {
    this.#ports = ports
    this.#identity = identity
  }

  get identity(): TlsIdentity {
    return this.#identity
  }

  /** `use` is called with each identity that is read from now on. */
  onChange(use: (identity: TlsIdentity) => void): void {
    this.#users.push(use)
  }

  /** The network on which block servers replicate. Who is refused is logged once for each address and reason. */
  replicationNet(): TlsNet {
    const { logger, clock } = this.#ports
    const refusals = new RefusalLog(logger, clock)
    const net = new TlsNet({
      identity: this.#identity,
      peerName: TLS_NAME.server,
      refused: (address, kind, reason) => refusals.refused(address, kind, reason),
      logger,
    })
    this.onChange((identity) => net.use(identity))
    return net
  }

  /** Reads the files again. What is wrong with them is thrown, and the node goes on with what it has. */
  async reload(settings: TlsSettings): Promise<void> {
    const identity = await read(this.#ports, settings)
    if (identity === undefined || sameCertificate(identity, this.#identity)) return
    this.#identity = identity
    for (const use of this.#users) use(identity)
    this.#ports.logger.info('tls.reloaded')
  }
}

async function read(ports: ProcessPorts, settings: TlsSettings): Promise<TlsIdentity | undefined> {
  const files = tlsFilesOf(settings)
  if (files === undefined) return undefined
  const { identity, warnings } = await loadTls(files, ports.clock.wallMs())
  for (const text of warnings) ports.logger.warn('config.unwise', { text })
  return identity
}

const sameCertificate = (a: TlsIdentity, b: TlsIdentity): boolean =>
  a.cert.equals(b.cert) && a.ca.equals(b.ca) && a.key.equals(b.key)
