/** Where a volume is served: answers what its other paths ask about reservations (remote.ts). */
import { isBlockError } from '../../base/errors.ts'
import { encodeFrontendState } from '../records-codec.ts'
import { decodeQuestion, encodeAnswer, type ForwardedOutcome, PIECE_BYTES_MAX } from './forward-codec.ts'
import type { ReservationPort } from './port.ts'

const NOTHING = new Uint8Array(0)
const plain = (outcome: ForwardedOutcome): Uint8Array =>
  encodeAnswer({ outcome, stateBytes: 0, offsetBytes: 0, piece: NOTHING })

/** The answer to a question of another server, which is not trusted to be one: bytes that are none get a verdict too. */
export async function answerForwarded(reservations: ReservationPort, bytes: Uint8Array): Promise<Uint8Array> {
  const question = decodeQuestion(bytes)
  if (question === undefined) return plain('invalid')
  try {
    let outcome: ForwardedOutcome = 'ok'
    if (question.kind === 'request') {
      const { command, abort } = question
      const verdict = await reservations.request(command, abort ? { abort: 'all' } : {})
      if (verdict === 'unit-held') return plain(verdict)
      if (!verdict.ok) outcome = verdict.reason
    }
    const state = await reservations.read()
    if (state === 'unit-held') return plain(outcome === 'ok' ? state : outcome)
    const encoded = encodeFrontendState({ reservations: state, sanitize: undefined })
    const offsetBytes = question.kind === 'read' ? Math.min(question.offsetBytes, encoded.byteLength) : 0
    const piece = encoded.subarray(offsetBytes, offsetBytes + PIECE_BYTES_MAX)
    return encodeAnswer({ outcome, stateBytes: encoded.byteLength, offsetBytes, piece })
  } catch (error) {
    if (!isBlockError(error)) throw error
    return plain('busy')
  }
}
