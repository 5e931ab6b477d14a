/** What tests ask of the PDUs that a session sent. */
import { Opcode } from '../../../src/iscsi/pdu/opcodes.ts'
import type { SentPdu } from '../../e2e/iscsi/session-harness.ts'

/** The tags and ranges that R2Ts ask for, in order. */
export const solicited = (
  sent: readonly SentPdu[],
): { initiatorTaskTag: number; targetTransferTag: number; bufferOffset: number; lengthBytes: number }[] =>
  sent.flatMap(({ pdu }) =>
    pdu.opcode === Opcode.r2t
      ? [
          {
            initiatorTaskTag: pdu.initiatorTaskTag,
            targetTransferTag: pdu.targetTransferTag,
            bufferOffset: pdu.bufferOffset,
            lengthBytes: pdu.desiredDataTransferLength,
          },
        ]
      : [],
  )

/** Opcodes in the order in which they were sent. */
export const opcodes = (sent: readonly SentPdu[]): (number | string)[] => sent.map(({ pdu }) => pdu.opcode)
