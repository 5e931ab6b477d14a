/** `basalt target list|show|space|checkpoint|scrub`: asks the admin API of one running target. */
import { BlockError } from '../../base/errors.ts'
import { Checkpoint, Scrub, Space, Volume, VolumeList } from '../../client/wire/target.ts'
import type { ArgumentDescription, Call, CommandDescription, Noun } from '../command.ts'
import { scrubFacts, spaceFacts, TARGET_COLUMNS, targetFacts } from '../views/target.ts'
import { TARGET_BACKUP } from './target-backup.ts'
import { TARGET_SNAPSHOT } from './target-snapshot.ts'
import { findVolume } from './target-volume.ts'

export const TARGET_NOUN: Noun = {
  words: ['target'],
  summary: 'ask a target that runs',
}

const SCRUB_LOOK_MS = 200
const NAME: ArgumentDescription = {
  name: 'NAME',
  help: 'name of the volume; may be left out when there is one',
  isOptional: true,
}

export const TARGET_COMMANDS: readonly CommandDescription[] = [
  {
    words: ['target', 'list'],
    summary: 'list the volumes of a target',
    service: 'target',
    run: async (call) => {
      const { volumes } = await (await call.connect()).get('/block/volumes', VolumeList)
      call.printTable(TARGET_COLUMNS, volumes)
    },
  },
  {
    words: ['target', 'show'],
    summary: 'show one volume of a target',
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await findVolume(call, call.optionalArg('NAME'))
      const volume = await api.get(path(), Volume)
      call.printFacts(volume, () => targetFacts(volume))
    },
  },
  {
    words: ['target', 'space'],
    summary: 'show what a volume takes on the disk',
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await findVolume(call, call.optionalArg('NAME'))
      const space = await api.get(path('space'), Space)
      call.printFacts(space, () => spaceFacts(space))
    },
  },
  {
    words: ['target', 'checkpoint'],
    summary: "bring a volume's log into its extents",
    args: [NAME],
    service: 'target',
    run: async (call) => {
      const { api, path } = await findVolume(call, call.optionalArg('NAME'))
      const done = await api.call('POST', path('checkpoint'), Checkpoint)
      call.print(done, () => `checkpoint at LSN ${done.checkpointLsn}\n`)
    },
  },
  {
    words: ['target', 'scrub'],
    summary: 'read a whole volume against its checksums',
    args: [NAME],
    flags: [
      { name: 'status', placeholder: undefined, help: 'only show how far it is' },
      {
        name: 'wait',
        placeholder: undefined,
        help: 'return when the pass has ended; exit code 1 when it found bad blocks',
      },
    ],
    service: 'target',
    run: scrub,
  },
  ...TARGET_SNAPSHOT,
  ...TARGET_BACKUP,
]

async function scrub(call: Call): Promise<void> {
  const { api, path } = await findVolume(call, call.optionalArg('NAME'))
  let state = await api.call(call.isSet('status') ? 'GET' : 'POST', path('scrub'), Scrub)
  while (call.isSet('wait') && state.running) {
    await call.terminal.pause(SCRUB_LOOK_MS)
    state = await api.get(path('scrub'), Scrub)
  }
  call.printFacts(state, () => scrubFacts(state))
  if (call.isSet('wait') && state.errors > 0) {
    throw new BlockError(
      'MEDIUM',
      `the scrub found ${state.errors} bad blocks; 'basalt target show' lists what to do`,
    )
  }
}
