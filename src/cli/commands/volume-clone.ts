/** `basalt volume clone`: a new volume with the content of a snapshot, which serves while it is being filled. */

import { parseVolumeName } from '../../base/names.ts'
import { fetchJob } from '../../client/wire/job.ts'
import { snapshotPath } from '../../client/wire/snapshot.ts'
import { Created, fetchVolume } from '../../client/wire/volume.ts'
import type { Call, CommandDescription } from '../command.ts'
import { NO_WAIT } from '../command.ts'
import { volumeFacts } from '../views/volume.ts'
import { waitForJob } from '../wait-for-job.ts'
import { sayItGoesOn } from './finish-job.ts'
import { parseSnapshotName, SNAPSHOT } from './snapshot-name.ts'
import { DERIVED_FLAGS, NEW_NAME, readDerived } from './volume-wish.ts'

export const VOLUME_CLONE: CommandDescription = {
  words: ['volume', 'clone'],
  summary: 'make a volume of a snapshot; it can be used at once, while it is being filled',
  args: [SNAPSHOT, NEW_NAME],
  flags: [...DERIVED_FLAGS, NO_WAIT],
  service: 'master',
  run: clone,
}

/** The document is the volume, with the id of the job that fills it, or null when it was there already. */
async function clone(call: Call): Promise<void> {
  const from = parseSnapshotName(call.arg(SNAPSHOT.name))
  const wish = { name: parseVolumeName(call.arg('NAME'), 'NAME'), ...readDerived(call) }
  const api = await call.connect()
  const created = await api.post(snapshotPath(from, 'clone'), Created, wish)
  const { job } = created
  if (job === null || call.isSet('no-wait')) {
    call.printFacts(created, () => volumeFacts(created))
    if (job !== null) sayItGoesOn(call, job)
    return
  }
  await waitForJob(call, api, await fetchJob(api, job))
  const made = await fetchVolume(api, created.id)
  call.printFacts({ ...made, job }, () => volumeFacts(made))
}
