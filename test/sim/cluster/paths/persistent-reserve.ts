/** PERSISTENT RESERVE OUT and IN (SPC-4) as the fenced hosts use them: write exclusive, registrants only. */

import { viewOf } from '../../../../src/base/binary.ts'
import { type BlockErrorCode, isBlockError } from '../../../../src/base/errors.ts'
import { parseSense, scsiError } from '../../../../src/iscsi/initiator/sense.ts'
import type { InitiatorSession } from '../../../../src/iscsi/initiator/session.ts'

export type Answer = 'ok' | BlockErrorCode

export type ReserveAction =
  | { readonly kind: 'register'; readonly key: bigint }
  | { readonly kind: 'reserve'; readonly key: bigint }
  | { readonly kind: 'preempt'; readonly key: bigint; readonly victim: bigint; readonly isAborting: boolean }

const OPCODE = { IN: 0x5e, OUT: 0x5f } as const
const ACTION = {
  RESERVE: 1,
  PREEMPT: 4,
  PREEMPT_AND_ABORT: 5,
  REGISTER_AND_IGNORE: 6,
  READ_RESERVATION: 1,
} as const
const REGISTRANTS_ONLY = 5
const PARAMETER_BYTES = 24
const APTPL = 1
const UNIT_ATTENTION = 6
const ATTENTIONS_MAX = 8

export function reserve(session: InitiatorSession, action: ReserveAction): Promise<Answer> {
  const dataOut = new Uint8Array(PARAMETER_BYTES)
  const view = viewOf(dataOut)
  // REGISTER AND IGNORE EXISTING KEY has its key in the second field, the others name their own in the first
  view.setBigUint64(action.kind === 'register' ? 8 : 0, action.key)
  if (action.kind === 'preempt') view.setBigUint64(8, action.victim)
  if (action.kind === 'register') view.setUint8(20, APTPL)
  const cdb = new Uint8Array(10)
  cdb[0] = OPCODE.OUT
  cdb[1] = actionOf(action)
  cdb[2] = action.kind === 'register' ? 0 : REGISTRANTS_ONLY
  viewOf(cdb).setUint32(5, PARAMETER_BYTES)
  return answered(session, { cdb, dataOut }, () => 'ok')
}

/** Key of who holds the reservation; undefined as `ok`: nobody does. */
export function readHolder(session: InitiatorSession): Promise<Answer | bigint> {
  const cdb = new Uint8Array(10)
  cdb[0] = OPCODE.IN
  cdb[1] = ACTION.READ_RESERVATION
  viewOf(cdb).setUint16(7, PARAMETER_BYTES)
  return answered<Answer | bigint>(session, { cdb, dataInLengthBytes: PARAMETER_BYTES }, (dataIn) =>
    dataIn.byteLength < 16 ? 'ok' : viewOf(dataIn).getBigUint64(8),
  )
}

function actionOf(action: ReserveAction): number {
  switch (action.kind) {
    case 'register':
      return ACTION.REGISTER_AND_IGNORE
    case 'reserve':
      return ACTION.RESERVE
    case 'preempt':
      return action.isAborting ? ACTION.PREEMPT_AND_ABORT : ACTION.PREEMPT
  }
}

async function answered<T>(
  session: InitiatorSession,
  request: Parameters<InitiatorSession['execute']>[0],
  read: (dataIn: Uint8Array) => T,
): Promise<T | Answer> {
  try {
    for (let attentions = 0; ; attentions++) {
      const { status, sense, dataIn } = await session.execute(request)
      if (status === 0) return read(dataIn)
      const isAttention = sense.byteLength > 0 && parseSense(sense)?.key === UNIT_ATTENTION
      if (!isAttention || attentions === ATTENTIONS_MAX)
        return scsiError('PERSISTENT RESERVE', status, sense).code
    }
  } catch (error) {
    if (isBlockError(error)) return error.code
    throw error
  }
}
