/**
 * Text requests in the full feature phase (RFC 7143 §11.10, §11.11, §6.4): SendTargets, and a new
 * MaxRecvDataSegmentLength. One exchange at a time; requests joined by the C bit are bounded like those of a login;
 * a response longer than the initiator's data segment is handed out piece by piece, as the initiator asks.
 */
import { RESERVED_TAG, RejectReason } from '../pdu/opcodes.ts'
import type { TextRequest } from '../pdu/text.ts'
import type { SessionType } from '../text/keys.ts'
import { Negotiation } from '../text/negotiation.ts'
import { encodeText, TextCollector, type TextPair } from '../text/pairs.ts'
import { TARGET_WISHES } from '../text/parameters.ts'
import { REJECT } from '../text/values.ts'
import type { Responder } from './responder.ts'

const NO_TEXT = new Uint8Array(0)

export class TextExchange {
  readonly #responder: Responder
  readonly #sessionType: SessionType
  readonly #sendTargets: (value: string) => readonly TextPair[] | undefined
  readonly #collector = new TextCollector()
  /** The target transfer tag of the exchange that is open, if any. */
  #tag: number | undefined
  #nextTag = 0
  /** What is still to be said in it. */
  #rest: Uint8Array = NO_TEXT

  constructor(options: {
    responder: Responder
    sessionType: SessionType
    sendTargets: (value: string) => readonly TextPair[] | undefined
  }) {
    this.#responder = options.responder
    this.#sessionType = options.sessionType
    this.#sendTargets = options.sendTargets
  }

  /** Takes a request with its data (lent). Answers it, or returns why it is to be rejected. */
  take(request: TextRequest, data: Uint8Array): RejectReason | undefined {
    if (request.targetTransferTag === RESERVED_TAG) this.#reset()
    else if (request.targetTransferTag !== this.#tag) return RejectReason.protocolError
    if (request.final && request.continue) return this.#refuse(RejectReason.protocolError)
    if (this.#rest.byteLength > 0) {
      // The initiator asks for the next piece; it may say nothing of its own now.
      if (data.byteLength > 0) return this.#refuse(RejectReason.protocolError)
      this.#say(request)
      return undefined
    }
    const verdict = this.#collector.push(data, request.continue)
    if (verdict !== undefined) {
      if (!verdict.ok) return this.#refuse(RejectReason.protocolError)
      const answers = this.#answer(verdict.pairs)
      if (answers === undefined) return this.#refuse(RejectReason.protocolError)
      this.#rest = encodeText(answers)
    }
    this.#say(request)
    return undefined
  }

  #answer(pairs: readonly TextPair[]): readonly TextPair[] | undefined {
    const answers: TextPair[] = []
    const others: TextPair[] = []
    for (const pair of pairs) {
      if (pair.key !== 'SendTargets') others.push(pair)
      else answers.push(...(this.#sendTargets(pair.value) ?? [{ key: 'SendTargets', value: REJECT }]))
    }
    if (others.length === 0) return answers
    const negotiation = new Negotiation({
      role: 'target',
      sessionType: this.#sessionType,
      wishes: TARGET_WISHES,
    })
    const verdict = negotiation.receive(others, 'full-feature')
    if (!verdict.ok) return undefined
    if (others.some(({ key }) => key === 'MaxRecvDataSegmentLength')) {
      this.#responder.maxSegmentBytes = negotiation.result().maxSendDataSegmentLengthBytes
    }
    return [...answers, ...verdict.answers]
  }

  /** Says as much as one response takes. */
  #say(request: TextRequest): void {
    const text = this.#rest.subarray(0, this.#responder.maxSegmentBytes)
    this.#rest = this.#rest.subarray(text.byteLength)
    const continues = this.#rest.byteLength > 0
    const final = request.final && !continues
    if (final) this.#tag = undefined
    else this.#tag ??= this.#takeTag()
    this.#responder.text({
      initiatorTaskTag: request.initiatorTaskTag,
      targetTransferTag: this.#tag ?? RESERVED_TAG,
      lun: request.lun,
      final,
      continues,
      text,
    })
  }

  #refuse(reason: RejectReason): RejectReason {
    this.#reset()
    return reason
  }

  #reset(): void {
    this.#tag = undefined
    this.#rest = NO_TEXT
    this.#collector.clear()
  }

  #takeTag(): number {
    const tag = this.#nextTag
    this.#nextTag = tag === RESERVED_TAG - 1 ? 0 : tag + 1
    return tag
  }
}
