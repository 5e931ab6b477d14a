/** Between a replica and the opening of it: what the opening is given, and what it calls. */
import type { OriginSource } from '../../base/ports/origin.ts'
import type { LedDevice } from '../../replication/device.ts'
import type { Note } from '../../v2engine/effects.ts'
import type { ToAuthority } from '../../v2engine/messages.ts'

export interface ReplicaCalls {
  /** Where a clone finds what it does not have itself. */
  readonly origin: OriginSource
  readonly toAuthority: (message: ToAuthority) => void
  readonly lead: (device: LedDevice) => void
  readonly halt: (why: string) => Promise<void>
  readonly note: (note: Note) => void
  /** Nothing is carried out any more: close it and open it from disk. */
  readonly failed: (error: unknown) => void
}
