/** `basalt scrub`: every replica of a volume reads what it has, and they are compared. */
import { BlockError } from '../../base/errors.ts'
import { Job, leftDamaged } from '../../client/wire/job.ts'
import { volumePath } from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, NO_WAIT, VOLUME } from '../command.ts'
import { waitForJob } from '../wait-for-job.ts'
import { printJob } from './finish-job.ts'

export const SCRUB: CommandDescription = {
  words: ['scrub'],
  summary: 'read every block of every replica of a volume, compare them, and mend what is bad',
  args: [VOLUME],
  flags: [{ name: 'no-repair', placeholder: undefined, help: 'only say what is bad' }, NO_WAIT],
  service: 'master',
  run: scrub,
}

/** ABORTED when something bad was found and not mended: a script is to notice. */
async function scrub(call: Call): Promise<void> {
  const api = await call.connect()
  const body = { repair: !call.isSet('no-repair') }
  const begun = await api.post(volumePath(call.arg('VOLUME'), 'scrub'), Job, body)
  if (call.isSet('no-wait')) return printJob(call, api, begun)
  const ended = await waitForJob(call, api, begun)
  await printJob(call, api, ended)
  const left = leftDamaged(ended)
  if (left > 0) throw new BlockError('ABORTED', `the scrub found ${left} blocks that are bad and not mended`)
}
