/** What a flush takes out of the log. */
import type { Epoch, LogPosition, Lsn } from '../../base/units.ts'
import type { Generation } from '../dirty/dirty-map.ts'
import type { VolumeState } from '../format/state.ts'

/** A generation that is being flushed, and where the log stands after it. */
export interface Cut {
  readonly generation: Generation
  readonly lsn: Lsn
  readonly position: LogPosition
}

/** A cut with the state and epoch as of its LSN. */
export interface StatefulCut extends Cut {
  readonly state: VolumeState
  readonly epoch: Epoch
  /** Of a log whose end an operator gave up: the map may hold newer entries than the cut. */
  readonly isAfterLoss: boolean
}
