/** `basalt snapshot …`: moments of volumes, kept inside the cluster. */
import { Type } from 'typebox'
import { parseName } from '../../base/names.ts'
import { pathOf } from '../../client/wire/common.ts'
import { Job } from '../../client/wire/job.ts'
import {
  fetchAllSnapshots,
  fetchSnapshots,
  Snapshot,
  SnapshotList,
  snapshotPath,
} from '../../client/wire/snapshot.ts'
import { type Call, type CommandDescription, NO_WAIT, type Noun, VOLUME, WIDE, YES } from '../command.ts'
import { confirm } from '../confirm.ts'
import { SNAPSHOT_COLUMNS, snapshotFacts } from '../views/snapshot.ts'
import { finishJob } from './finish-job.ts'
import { parseSnapshotName, SNAPSHOT } from './snapshot-name.ts'

export const SNAPSHOT_NOUN: Noun = {
  words: ['snapshot'],
  summary: 'make, see and use snapshots: moments of volumes, kept inside the cluster',
  more: `Examples:
  basalt snapshot create db1@before-upgrade
  basalt snapshot list db1
  basalt snapshot restore db1@before-upgrade
  basalt snapshot expose db1@before-upgrade
  basalt snapshot group before-upgrade db1 db2 logs`,
}

export const SNAPSHOT_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['snapshot', 'create'],
    summary: 'keep a volume as it is now',
    args: [{ name: 'VOLUME@NAME', help: 'the volume, @ and the name that the snapshot gets' }],
    service: 'master',
    run: async (call) => {
      const { volume, snapshot } = parseSnapshotName(call.arg('VOLUME@NAME'))
      const api = await call.connect()
      printSnapshot(call, await api.post(pathOf('volume', volume, 'snapshots'), Snapshot, { name: snapshot }))
    },
  },
  {
    words: ['snapshot', 'list'],
    summary: 'list snapshots of a volume or of all, oldest first',
    args: [{ ...VOLUME, isOptional: true }],
    flags: [WIDE],
    service: 'master',
    run: list,
  },
  {
    words: ['snapshot', 'get'],
    summary: 'show one snapshot',
    args: [SNAPSHOT],
    service: 'master',
    run: async (call) => {
      const name = parseSnapshotName(call.arg(SNAPSHOT.name))
      printSnapshot(call, await (await call.connect()).get(snapshotPath(name), Snapshot))
    },
  },
  {
    words: ['snapshot', 'delete'],
    summary: 'give a snapshot up, and its space back',
    args: [SNAPSHOT],
    flags: [YES],
    service: 'master',
    run: remove,
  },
  {
    words: ['snapshot', 'restore'],
    summary: 'make a volume what it was; what was written since is lost',
    args: [SNAPSHOT],
    flags: [
      { name: 'force', placeholder: undefined, help: 'even while hosts are logged in that may write' },
      YES,
      NO_WAIT,
    ],
    service: 'master',
    run: restore,
  },
  {
    words: ['snapshot', 'expose'],
    summary: 'let hosts read a snapshot as a disk that nobody can write',
    args: [SNAPSHOT],
    service: 'master',
    run: (call) => expose(call, true),
  },
  {
    words: ['snapshot', 'unexpose'],
    summary: 'end that',
    args: [SNAPSHOT],
    service: 'master',
    run: (call) => expose(call, false),
  },
  {
    words: ['snapshot', 'group'],
    summary: 'make a snapshot of several volumes at one moment',
    args: [
      { name: 'NAME', help: 'that each of the snapshots gets' },
      { ...VOLUME, help: 'names of the volumes', isList: true },
    ],
    flags: [WIDE],
    service: 'master',
    run: group,
  },
]

async function list(call: Call): Promise<void> {
  const volume = call.optionalArg('VOLUME')
  const api = await call.connect()
  const found = volume === undefined ? await fetchAllSnapshots(api) : await fetchSnapshots(api, volume)
  call.printTable(SNAPSHOT_COLUMNS, found, 'no snapshots')
}

async function remove(call: Call): Promise<void> {
  const text = call.arg(SNAPSHOT.name)
  const path = snapshotPath(parseSnapshotName(text))
  const api = await call.connect()
  // So that what is asked about is there.
  await api.get(path, Snapshot)
  await confirm(call, { consequence: `This deletes the snapshot '${text}'.`, name: text })
  await api.call('DELETE', path, Type.Unknown())
  call.print({ deleted: text }, () => `deleted ${text}\n`)
}

async function restore(call: Call): Promise<void> {
  const text = call.arg(SNAPSHOT.name)
  const name = parseSnapshotName(text)
  const api = await call.connect()
  await api.get(snapshotPath(name), Snapshot)
  await confirm(call, {
    consequence: `This makes the volume '${name.volume}' what it was at '${text}'; what was written since is lost.`,
    name: name.volume,
  })
  const job = await api.post(snapshotPath(name, 'restore'), Job, { force: call.isSet('force') })
  await finishJob(call, api, job)
}

async function expose(call: Call, exposed: boolean): Promise<void> {
  const name = parseSnapshotName(call.arg(SNAPSHOT.name))
  const api = await call.connect()
  printSnapshot(call, await api.post(snapshotPath(name, 'expose'), Snapshot, { exposed }))
}

async function group(call: Call): Promise<void> {
  const name = parseName(call.arg('NAME'), 'NAME', 'a snapshot name')
  const volumes = call.listArg('VOLUME')
  const api = await call.connect()
  const { snapshots } = await api.post('/block/snapshot-groups', SnapshotList, { name, volumes })
  call.printTable(SNAPSHOT_COLUMNS, snapshots)
}

const printSnapshot = (call: Call, snapshot: Snapshot): void =>
  call.printFacts(snapshot, () => snapshotFacts(snapshot))
