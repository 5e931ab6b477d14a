/** Deletion of a volume. It is recorded as deleting when the job is made, and nothing undoes that. */
import type { Machine } from './machine.ts'
import { UNMAKE } from './unmake.ts'

export const DELETE: Machine = {
  kind: 'delete',
  steps: { retire: UNMAKE.retire, remove: UNMAKE.remove },
}
