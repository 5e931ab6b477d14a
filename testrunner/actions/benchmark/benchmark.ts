/** Group `benchmark`. */
import type { Action } from '../action.ts'
import { benchRun } from './bench-run.ts'
import { benchBaseline, benchGate } from './gate.ts'
import { measureFailover, measureResync } from './measure.ts'

export const BENCHMARK: readonly Action[] = [
  benchRun,
  benchBaseline,
  benchGate,
  measureFailover,
  measureResync,
]
