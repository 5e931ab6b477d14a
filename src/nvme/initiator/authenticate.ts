/** DH-HMAC-CHAP on the queues of our own host: carries the messages of src/nvme/auth by Authentication Send and Receive. */
import { BlockError } from '../../base/errors.ts'
import type { Random } from '../../base/ports/random.ts'
import type { DhchapKeys } from '../auth/credentials.ts'
import { DhchapHost, type HostStep } from '../auth/host.ts'
import { MESSAGE_BYTES_MAX } from '../auth/messages.ts'
import { SequenceNumbers } from '../auth/sequence.ts'
import { FABRICS_OPCODE, FabricsType } from '../commands.ts'
import type { NvmeRequest } from './command.ts'
import { nvmeError } from './errors.ts'
import type { AuthenticateQueue } from './host-controller.ts'

export interface AuthenticatorOptions {
  /** As in Connect. */
  readonly hostNqn: string
  readonly subsystemNqn: string
  /** With a key of the controller, the controller has to prove itself too. */
  readonly keys: DhchapKeys
  readonly random: Random
}

/** SPSP0 and SPSP1 01h, SECP E9h. */
const IN_BAND_AUTHENTICATION = 0xe9010100

/** Rejects with ACCESS_DENIED when either side does not believe the other, and as commands that fail. */
export function dhchapAuthenticator({ keys, ...options }: AuthenticatorOptions): AuthenticateQueue {
  const sequence = new SequenceNumbers(options.random)
  return async (queue) => {
    const execute = async (what: string, request: NvmeRequest): Promise<void> => {
      const { status } = await queue.execute(request)
      if (status !== 0) throw nvmeError(what, status)
    }
    const host = new DhchapHost({ ...options, ...keys, sequence })
    let step: HostStep = host.begin()
    for (;;) {
      if (step.send !== undefined) await execute('Authentication Send', sendRequest(step.send))
      if (step.next === 'done') return
      if (step.next === 'failed') {
        const facts = { by: step.by, code: step.code }
        throw new BlockError('ACCESS_DENIED', 'authentication failed', { facts })
      }
      const dataIn = new Uint8Array(MESSAGE_BYTES_MAX)
      await execute('Authentication Receive', receiveRequest(dataIn))
      step = host.received(dataIn)
    }
  }
}

const sendRequest = (message: Uint8Array): NvmeRequest => ({
  opcode: FABRICS_OPCODE,
  fctype: FabricsType.authenticationSend,
  cdw10: IN_BAND_AUTHENTICATION,
  cdw11: message.byteLength,
  dataOut: message,
})

const receiveRequest = (dataIn: Uint8Array): NvmeRequest => ({
  opcode: FABRICS_OPCODE,
  fctype: FabricsType.authenticationReceive,
  cdw10: IN_BAND_AUTHENTICATION,
  cdw11: dataIn.byteLength,
  dataIn,
})
