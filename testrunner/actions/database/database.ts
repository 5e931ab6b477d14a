/** Group `database`. */
import type { Action } from '../action.ts'
import { pgbenchCheck, pgbenchInit, pgbenchRun } from './pgbench.ts'
import { sqliteCheck, sqliteCreate, sqliteLoadStart, sqliteLoadStop, sqliteProgress } from './sqlite.ts'

export const DATABASE: readonly Action[] = [
  ...[sqliteCreate, sqliteLoadStart, sqliteProgress, sqliteLoadStop, sqliteCheck],
  ...[pgbenchInit, pgbenchRun, pgbenchCheck],
]
