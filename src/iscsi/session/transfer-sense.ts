/** CHECK CONDITION for data that came otherwise than agreed: RFC 7143 §11.4.7.2, all under ABORTED COMMAND. */
import type { LogicalUnit } from '../scsi/lun.ts'
import type { ScsiResult } from '../scsi/task.ts'
import type { TransferFault } from './write-transfer.ts'

const ABORTED_COMMAND = 0x0b

const CODES = {
  unexpected: { asc: 0x0c, ascq: 0x0c },
  'incorrect-amount': { asc: 0x0c, ascq: 0x0d },
  damaged: { asc: 0x47, ascq: 0x05 },
} as const satisfies Record<TransferFault | 'damaged', { asc: number; ascq: number }>

export const transferSense = (unit: LogicalUnit, fault: TransferFault | 'damaged'): ScsiResult =>
  unit.check({ key: ABORTED_COMMAND, ...CODES[fault] })
