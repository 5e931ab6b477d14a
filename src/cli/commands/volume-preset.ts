/** `basalt volume preset`: another preset for a volume in use. */
import { fetchJob } from '../../client/wire/job.ts'
import { fetchVolume, setPolicy } from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, NO_WAIT, VOLUME } from '../command.ts'
import { volumeFacts } from '../views/volume.ts'
import { waitForJob } from '../wait-for-job.ts'
import { sayItGoesOn } from './finish-job.ts'

export const VOLUME_PRESET: CommandDescription = {
  words: ['volume', 'preset'],
  summary: 'give a volume another preset while it serves: its replicas, and how many have to be in sync',
  args: [VOLUME, { name: 'PRESET', help: 'general, database or throughput' }],
  flags: [NO_WAIT],
  service: 'master',
  run: preset,
}

/** The document is the volume, with the id of the job and warnings. */
async function preset(call: Call): Promise<void> {
  const api = await call.connect()
  const changed = await setPolicy(api, call.arg('VOLUME'), call.arg('PRESET'))
  const { job, warnings } = changed
  for (const { message } of warnings) call.stderr.write(`${message}\n`)
  if (job === null || call.isSet('no-wait')) {
    call.printFacts(changed, () => volumeFacts(changed))
    if (job !== null) sayItGoesOn(call, job)
    return
  }
  await waitForJob(call, api, await fetchJob(api, job))
  const after = await fetchVolume(api, changed.id)
  call.printFacts({ ...after, job, warnings }, () => volumeFacts(after))
}
