/** `basalt volume unpublish`: a node that is lost, or gone for good, is shut out by hand. */
import { BlockError } from '../../base/errors.ts'
import { fetchVolume, unpublishVolume } from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, VOLUME, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { volumeFacts } from '../views/volume.ts'

export const VOLUME_UNPUBLISH: CommandDescription = {
  words: ['volume', 'unpublish'],
  summary: 'shut a node out of a volume that is published to it',
  args: [VOLUME, { name: 'NODE', help: 'name of the node; volume get shows those that have it' }],
  flags: [YES],
  service: 'master',
  run: unpublish,
}

/** The document is the volume, without the node. */
async function unpublish(call: Call): Promise<void> {
  const api = await call.connect()
  const node = call.arg('NODE')
  const volume = await fetchVolume(api, call.arg('VOLUME'))
  if (!volume.publications.some((one) => one.node === node)) {
    const nodes = volume.publications.map((one) => one.node).join(', ')
    throw new BlockError(
      'NOT_FOUND',
      `'${volume.name}' is not published to '${node}'${nodes === '' ? '' : `, but to ${nodes}`}`,
    )
  }
  await confirm(call, {
    consequence: `This ends the sessions of '${node}' to '${volume.name}'; what it had not flushed is lost.`,
    name: node,
  })
  await unpublishVolume(api, volume.id, node)
  const after = await fetchVolume(api, volume.id)
  call.printFacts(after, () => volumeFacts(after))
}
