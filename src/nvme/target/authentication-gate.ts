/**
 * In-band authentication of one queue: Authentication Send and Receive (NVMe Base 2.0 §6.1, §6.2) as the carriers of an
 * exchange that `src/nvme/auth` knows. Until it has succeeded, the queue takes nothing else. On an admin queue a host may
 * authenticate again at any time; what it had stays until that has failed.
 */
import { FabricsType } from '../commands.ts'
import { ADMIN_SUCCESS, type AdminCommand, type AdminResult, adminStatus } from '../controller/admin-types.ts'
import type { AuthenticationExchange } from '../controller/authentication.ts'
import { final, STATUS } from '../status.ts'

/** SPSP0, SPSP1 and SECP: the DH-HMAC-CHAP protocol. */
const SPSP0_AT = 41
const SPSP1_AT = 42
const SECP_AT = 43
const LENGTH_AT = 44
const SECP_NVME = 0xe9

export class AuthenticationGate {
  readonly #begin: () => AuthenticationExchange
  readonly #opened: () => void
  readonly #failed: () => void
  readonly #mayRepeat: boolean
  #exchange: AuthenticationExchange
  #isOpen = false
  #hasFailed = false

  /** `opened` is called when an exchange has succeeded, `failed` once when one has failed. */
  constructor(options: {
    begin: () => AuthenticationExchange
    mayRepeat: boolean
    opened: () => void
    failed: () => void
  }) {
    this.#begin = options.begin
    this.#opened = options.opened
    this.#failed = options.failed
    this.#mayRepeat = options.mayRepeat
    this.#exchange = options.begin()
  }

  /** Whether the queue may be used. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Takes an Authentication Send or Receive. */
  execute(command: AdminCommand, type: number): AdminResult {
    const { view } = command
    const isForUs =
      view.getUint8(SECP_AT) === SECP_NVME && view.getUint8(SPSP0_AT) === 1 && view.getUint8(SPSP1_AT) === 1
    if (!isForUs) return adminStatus(final(STATUS.INVALID_FIELD), SPSP0_AT)
    return type === FabricsType.authenticationSend ? this.#send(command) : this.#receive(command)
  }

  #send({ view, dataOut }: AdminCommand): AdminResult {
    if (dataOut.byteLength === 0 || view.getUint32(LENGTH_AT, true) !== dataOut.byteLength) {
      return adminStatus(final(STATUS.INVALID_FIELD), LENGTH_AT)
    }
    if (this.#exchange.state === 'failed') return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR))
    if (this.#exchange.state === 'authenticated' && this.#mayRepeat) this.#exchange = this.#begin()
    this.#exchange.send(dataOut)
    this.#after()
    return ADMIN_SUCCESS
  }

  #receive({ view, dataInLengthMax }: AdminCommand): AdminResult {
    const lengthMax = view.getUint32(LENGTH_AT, true)
    if (lengthMax === 0 || lengthMax !== dataInLengthMax) {
      return adminStatus(final(STATUS.INVALID_FIELD), LENGTH_AT)
    }
    const message = this.#exchange.receive(lengthMax)
    this.#after()
    if (message === undefined) return adminStatus(final(STATUS.COMMAND_SEQUENCE_ERROR))
    return { ...ADMIN_SUCCESS, data: message }
  }

  #after(): void {
    if (this.#exchange.state === 'authenticated' && !this.#isOpen) {
      this.#isOpen = true
      this.#opened()
    }
    // A host that does not ask for the reason has failed all the same.
    const isLost = this.#exchange.state === 'failing' || this.#exchange.state === 'failed'
    if (!isLost || this.#hasFailed) return
    this.#hasFailed = true
    this.#isOpen = false
    this.#failed()
  }
}
