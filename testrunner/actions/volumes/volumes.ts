/** Actions about volumes. */
import { leftDamaged } from '../../../src/client/wire/job.ts'
import { volumePath } from '../../../src/client/wire/volume.ts'
import { truth, withDefault } from '../../model/parameters.ts'
import { type Action, defineAction } from '../action.ts'
import { asValue, notAsStated } from '../shared/failures.ts'
import { finishedJob } from '../shared/jobs.ts'
import { postForJob, volumeName } from '../shared/volumes.ts'
import {
  VOLUME_ACCESS,
  VOLUME_DELETE,
  VOLUME_EXPAND,
  VOLUME_MOVE,
  VOLUME_PROMOTE,
  VOLUME_SET,
  VOLUME_SHOW,
} from './volume-changes.ts'
import { VOLUME_CREATE } from './volume-create.ts'

const SCRUB = defineAction({
  name: 'scrub',
  group: 'volume',
  summary: 'Have every replica of a volume read all that it has, compare them, and mend what is bad',
  parameters: {
    volume: volumeName(),
    repair: withDefault(truth('mend what is bad'), true),
    allow_damage: withDefault(truth('blocks that stay bad do not fail the step'), false),
  },
  result: 'what was found: {errors, repaired, …}',
  timeoutMs: 300_000,
  run: async (context, { volume, repair, allow_damage: isDamageAllowed }) => {
    const begun = await postForJob(context, volumePath(volume, 'scrub'), { repair })
    const ended = await finishedJob(context, begun.id)
    const left = leftDamaged(ended)
    if (left > 0 && !isDamageAllowed)
      throw notAsStated(`the scrub left ${left} bad blocks`, 0, asValue(ended.result))
    return asValue(ended.result)
  },
})

export const VOLUME_ACTIONS: readonly Action[] = [
  ...[VOLUME_CREATE, VOLUME_DELETE, VOLUME_EXPAND, VOLUME_SHOW],
  ...[VOLUME_MOVE, VOLUME_PROMOTE, VOLUME_SET, VOLUME_ACCESS, SCRUB],
]
