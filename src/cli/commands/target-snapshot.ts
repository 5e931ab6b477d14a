/** `basalt target snapshot …`: snapshots of the volume of one target. */
import { Type } from 'typebox'
import { parseName } from '../../base/names.ts'
import { TargetSnapshot, TargetSnapshotList } from '../../client/wire/target-task.ts'
import { type ArgumentDescription, type Call, type CommandDescription, type Noun, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { TARGET_SNAPSHOT_COLUMNS, targetSnapshotFacts } from '../views/target-snapshot.ts'
import { findVolume, type TargetVolume } from './target-volume.ts'

export const TARGET_SNAPSHOT_NOUN: Noun = {
  words: ['target', 'snapshot'],
  summary: 'make, see and use snapshots of its volume',
}

const NAME: ArgumentDescription = { name: 'NAME', help: 'of the snapshot' }

const command = (
  verb: string,
  summary: string,
  run: CommandDescription['run'],
  more: Partial<CommandDescription> = { args: [NAME] },
): CommandDescription => ({
  ...{ words: ['target', 'snapshot', verb], summary, service: 'target', run },
  ...more,
})

export const TARGET_SNAPSHOT: readonly CommandDescription[] = [
  command('create', 'keep the volume as it is now', async (call) => {
    const name = nameOf(call)
    const { api, path } = await findVolume(call)
    printSnapshot(call, await api.post(path('snapshots'), TargetSnapshot, { name }))
  }),
  command('list', 'list snapshots, oldest first', list, {}),
  command('get', 'show one snapshot', async (call) => {
    const { api, path } = await findSnapshot(call)
    printSnapshot(call, await api.get(path(), TargetSnapshot))
  }),
  command('delete', 'give a snapshot up, and its space back', remove, { args: [NAME], flags: [YES] }),
  command('restore', 'make the volume what it was; what was written since is lost', restore, {
    args: [NAME],
    flags: [{ name: 'force', placeholder: undefined, help: 'even while hosts are logged in' }, YES],
  }),
  command('expose', 'let hosts read a snapshot as a disk that nobody can write', (call) =>
    expose(call, true),
  ),
  command('unexpose', 'end that', (call) => expose(call, false)),
]

const nameOf = (call: Call): string => parseName(call.arg('NAME'), 'NAME', 'a snapshot name')

/** The path is the snapshot's. */
async function findSnapshot(call: Call): Promise<TargetVolume & { readonly snapshot: string }> {
  const snapshot = nameOf(call)
  const { api, name, path } = await findVolume(call)
  return { api, name, snapshot, path: (...more) => path('snapshots', snapshot, ...more) }
}

async function list(call: Call): Promise<void> {
  const { api, path } = await findVolume(call)
  const { snapshots } = await api.get(path('snapshots'), TargetSnapshotList)
  call.printTable(TARGET_SNAPSHOT_COLUMNS, snapshots, 'no snapshots')
}

async function remove(call: Call): Promise<void> {
  const { api, path, snapshot } = await findSnapshot(call)
  await api.get(path(), TargetSnapshot)
  await confirm(call, { consequence: `This deletes the snapshot '${snapshot}'.`, name: snapshot })
  await api.call('DELETE', path(), Type.Unknown())
  call.print({ deleted: snapshot }, () => `deleted ${snapshot}\n`)
}

async function restore(call: Call): Promise<void> {
  const { api, path, name, snapshot } = await findSnapshot(call)
  await api.get(path(), TargetSnapshot)
  await confirm(call, {
    consequence: `This makes the volume '${name}' what it was at '${snapshot}'; what was written since is lost.`,
    name,
  })
  const done = await api.post(path('restore'), Type.Object({ restored: Type.String() }), {
    force: call.isSet('force'),
  })
  call.print(done, () => `${name} is what it was at ${snapshot}\n`)
}

async function expose(call: Call, exposed: boolean): Promise<void> {
  const { api, path } = await findSnapshot(call)
  printSnapshot(call, await api.post(path('expose'), TargetSnapshot, { exposed }))
}

const printSnapshot = (call: Call, snapshot: TargetSnapshot): void =>
  call.printFacts(snapshot, () => targetSnapshotFacts(snapshot))
