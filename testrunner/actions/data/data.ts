/** Group `data`. */
import type { Action } from '../action.ts'
import { diskChecksum, diskRead, diskTrim, diskWrite } from './disk-io.ts'
import { oracleAllowLoss, oracleRewind, oracleSnapshot, oracleVerify } from './oracle-checks.ts'
import { oracleFill, oracleLoadStart, oracleLoadStop, oracleProgress } from './oracle-load.ts'
import { replicasCompare } from './replicas-compare.ts'

export const DATA: readonly Action[] = [
  ...[oracleFill, oracleLoadStart, oracleLoadStop, oracleProgress],
  ...[oracleVerify, oracleSnapshot, oracleRewind, oracleAllowLoss],
  ...[diskWrite, diskRead, diskTrim, diskChecksum, replicasCompare],
]
